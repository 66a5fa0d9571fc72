#pragma once

#include <cstdint>
#include <span>

namespace yunjian::ledger {

class Random {
 public:
  virtual ~Random() = default;
  // Fills with bytes fit for keys and tokens (the real one aborts when the system has none to
  // give).
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

// Uniform in [0, bound); bound > 0.
std::uint64_t random_below(Random& random, std::uint64_t bound);

}  // namespace yunjian::ledger
