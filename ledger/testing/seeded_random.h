#pragma once

#include <random>

#include "ledger/base/random.h"

namespace yunjian::ledger::testing {

// The same seed gives the same bytes, so that a failing run can be replayed. One thread.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace yunjian::ledger::testing
