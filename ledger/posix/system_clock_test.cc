#include "ledger/posix/system_clock.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

namespace yunjian::ledger {

TEST_CASE("the wall clock is the one of the standard library") {
  const SystemClock clock;
  const auto before = std::chrono::system_clock::now();
  const Time now = clock.wall();
  const auto after = std::chrono::system_clock::now();
  CHECK(now >= std::chrono::floor<std::chrono::microseconds>(before));
  CHECK(now <= after);
}

TEST_CASE("the boot clock does not step back") {
  const SystemClock clock;
  auto last = clock.boot();
  CHECK(last.count() > 0);
  for (int i = 0; i < 1000; ++i) {
    const auto now = clock.boot();
    REQUIRE(now >= last);
    last = now;
  }
}

TEST_CASE("system randomness fills every byte and does not repeat") {
  SystemRandom random;
  std::vector<std::uint8_t> bytes(100'000);
  random.fill(bytes);
  const std::set<std::uint8_t> values(bytes.begin(), bytes.end());
  CHECK(values.size() == 256);
  std::vector<std::uint8_t> again(bytes.size());
  random.fill(again);
  CHECK(bytes != again);
}

TEST_CASE("the boot id has the form of a UUID") {
  const std::string id = read_boot_id();
  REQUIRE(id.size() == 36);
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_hex = std::string_view("0123456789abcdef").find(id[i]) != std::string_view::npos;
    CHECK((is_dash ? id[i] == '-' : is_hex));
  }
}

}  // namespace yunjian::ledger
