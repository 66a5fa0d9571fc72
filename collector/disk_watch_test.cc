#include "collector/disk_watch.h"

#include <doctest/doctest.h>

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;

constexpr ledger::Time start{std::chrono::microseconds(1'790'000'000'000'000)};
constexpr std::uint64_t total = 1'000'000'000;

TEST_CASE("each watermark is told once, with the days that are left") {
  DiskWatch watch;
  CHECK(!watch.look(start, 700'000'000, total));
  CHECK(!watch.look(start + 12h, 750'000'000, total));
  const auto first = watch.look(start + 24h, 810'000'000, total);
  REQUIRE(first);
  CHECK(first->percent == 80);
  REQUIRE(first->days_to_full);
  CHECK(*first->days_to_full == 1);  // 190 MB at 110 MB a day
  CHECK(!watch.look(start + 24h + 1min, 820'000'000, total));
  CHECK(watch.look(start + 25h, 905'000'000, total)->percent == 90);
  CHECK(!watch.is_full());
  CHECK(watch.look(start + 26h, 955'000'000, total)->percent == 95);
  CHECK(watch.is_full());
  CHECK(!watch.look(start + 27h, 940'000'000, total));
  CHECK(watch.is_full());
  CHECK(!watch.look(start + 28h, 900'000'000, total));
  CHECK(!watch.is_full());
}

TEST_CASE("a mark that was left is told again; a disk that does not grow has no end") {
  DiskWatch watch;
  const auto first = watch.look(start, 850'000'000, total);
  REQUIRE(first);
  CHECK(!first->days_to_full);
  CHECK(!watch.look(start + 1h, 700'000'000, total));
  CHECK(watch.look(start + 2h, 850'000'000, total)->percent == 80);
  CHECK(!watch.look(start + 3h, 0, 0));
}

}  // namespace
}  // namespace yunjian::collector
