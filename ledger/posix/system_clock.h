#pragma once

#include "ledger/base/clock.h"
#include "ledger/base/random.h"

namespace yunjian::ledger {

class SystemClock : public Clock {
 public:
  Time wall() const override;
  std::chrono::milliseconds boot() const override;
};

// getrandom(2); any thread.
class SystemRandom : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

// /proc/sys/kernel/random/boot_id, or 32 zeros in UUID form where there is none.
std::string read_boot_id();

}  // namespace yunjian::ledger
