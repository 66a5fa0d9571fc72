#include "ledger/base/random.h"

#include <array>
#include <bit>
#include <limits>

#include "ledger/base/result.h"

namespace yunjian::ledger {

std::uint64_t random_below(Random& random, std::uint64_t bound) {
  require(bound > 0, "random_below needs a bound above 0");
  constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
  // Values from the last, incomplete run of `bound` would favour small results; draw again.
  const std::uint64_t unfair = (max % bound + 1) % bound;
  while (true) {
    std::array<std::uint8_t, 8> bytes{};
    random.fill(bytes);
    const auto value = std::bit_cast<std::uint64_t>(bytes);
    if (value <= max - unfair) return value % bound;
  }
}

}  // namespace yunjian::ledger
