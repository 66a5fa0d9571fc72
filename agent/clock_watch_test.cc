#include "agent/clock_watch.h"

#include <doctest/doctest.h>

#include "ledger/record.h"

namespace yunjian::agent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr ledger::Time start(seconds(1'795'334'400));
constexpr milliseconds boot_start{1000};

Moment moment(milliseconds passed, std::chrono::microseconds wrong = {}) {
  return {.wall = start + passed + wrong, .boot = boot_start + passed};
}

std::string field(const std::optional<std::string>& line, std::string_view key) {
  REQUIRE(line);
  bool canonical = false;
  const auto record = ledger::parse_record(*line, &canonical);
  REQUIRE(record);
  CHECK(canonical);
  return std::string((*record)->find(key).value_or(""));
}

TEST_CASE("A clock that steps ten years back or forth is one record each") {
  ClockWatch watch(moment({}));
  CHECK_FALSE(watch.stepped(moment(seconds(1))));
  const auto years = hours(24 * 3650);
  const auto back = watch.stepped(moment(seconds(2), -years));
  CHECK(field(back, "side") == "back");
  CHECK(field(back, "moved_ms") == std::to_string(milliseconds(years).count()));
  for (int s = 3; s < 600; ++s) CHECK_FALSE(watch.stepped(moment(seconds(s), -years)));
  CHECK(field(watch.stepped(moment(seconds(600), years)), "side") == "forward");
}

TEST_CASE("A clock that is slewed by NTP for days is no step") {
  ClockWatch watch(moment({}));
  for (std::int64_t s = 1; s < 3 * 86'400; s += 7) {
    CHECK_FALSE(watch.stepped(moment(seconds(s), std::chrono::microseconds(s * 500))));
  }
}

TEST_CASE("A clock that stands still is told a few times, not each second") {
  ClockWatch watch(moment({}));
  int told = 0;
  for (int s = 1; s < 86'400; ++s) told += watch.stepped(moment(seconds(s), -seconds(s))) ? 1 : 0;
  CHECK(told > 5);
  CHECK(told < 40);
}

TEST_CASE("Suspending a host is no step: time since boot counts it") {
  ClockWatch watch(moment({}));
  CHECK_FALSE(watch.stepped(moment(hours(9))));
}

TEST_CASE("A clock off by the collector's is told once, and once when it is right again") {
  ClockWatch watch(moment({}));
  CHECK_FALSE(watch.compared(start, seconds(5)));
  CHECK_FALSE(watch.off());
  const auto off = watch.compared(start, milliseconds(5100));
  CHECK(field(off, "state") == "off");
  CHECK(field(off, "side") == "ahead");
  CHECK(field(off, "collector_time") == ledger::format_time(start - milliseconds(5100)));
  CHECK_FALSE(watch.compared(start, milliseconds(4900)));
  CHECK_FALSE(watch.compared(start, milliseconds(5200)));
  CHECK(watch.off());
  CHECK(field(watch.compared(start, -seconds(6)), "side") == "behind");
  CHECK(field(watch.compared(start, milliseconds(900)), "state") == "right");
  CHECK_FALSE(watch.off());
  CHECK(describe_offset(milliseconds(900)) == "right");
  CHECK(describe_offset(-seconds(6)).starts_with("6.0 s behind"));
}

}  // namespace
}  // namespace yunjian::agent
