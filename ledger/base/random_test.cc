#include "ledger/base/random.h"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <limits>
#include <vector>

namespace yunjian::ledger {
namespace {

// Gives the listed numbers, one a call.
class ListedRandom : public Random {
 public:
  explicit ListedRandom(std::vector<std::uint64_t> values) : values_(std::move(values)) {}
  void fill(std::span<std::uint8_t> out) override {
    const auto bytes = std::bit_cast<std::array<std::uint8_t, 8>>(values_.at(next_++));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = bytes.at(i);
  }
  std::size_t used() const { return next_; }

 private:
  std::vector<std::uint64_t> values_;
  std::size_t next_ = 0;
};

constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("a number that would favour small results is drawn again") {
  ListedRandom random({max, 25});  // max ends the incomplete last run of 10
  CHECK(random_below(random, 10) == 5);
  CHECK(random.used() == 2);
}

TEST_CASE("a bound that divides the range never draws twice") {
  ListedRandom random({max});
  CHECK(random_below(random, std::uint64_t{1} << 32) == 0xffffffff);
  ListedRandom one({max});
  CHECK(random_below(one, 1) == 0);
}

}  // namespace yunjian::ledger
