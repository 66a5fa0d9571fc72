#pragma once

#include "ledger/base/clock.h"

namespace yunjian::ledger::testing {

// A clock that moves only when told to. One thread.
class ManualClock : public Clock {
 public:
  explicit ManualClock(Time start) : wall_(start) {}
  Time wall() const override { return wall_; }
  std::chrono::milliseconds boot() const override { return boot_; }

  void advance(std::chrono::microseconds by) {
    wall_ += by;
    boot_ += std::chrono::duration_cast<std::chrono::milliseconds>(by);
  }
  void step_wall(std::chrono::microseconds by) { wall_ += by; }

 private:
  Time wall_;
  std::chrono::milliseconds boot_{1000};
};

}  // namespace yunjian::ledger::testing
