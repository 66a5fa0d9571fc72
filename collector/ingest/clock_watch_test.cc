#include "collector/ingest/clock_watch.h"

#include <doctest/doctest.h>

namespace yunjian::collector {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a clock that is off is told once, and once when it is right again") {
  ClockWatch watch;
  CHECK_FALSE(watch.observe("a", seconds(5)));
  const auto raised = watch.observe("a", milliseconds(-5001));
  REQUIRE(raised);
  CHECK(raised->off);
  CHECK(watch.off() == 1);
  for (const auto offset : {milliseconds(-5002), milliseconds(-4000), milliseconds(-9000)}) {
    CHECK_FALSE(watch.observe("a", offset));
  }
  CHECK(watch.largest() == seconds(9));
  const auto cleared = watch.observe("a", milliseconds(-2999));
  REQUIRE(cleared);
  CHECK_FALSE(cleared->off);
  CHECK(watch.off() == 0);
}

TEST_CASE("a clock that runs away is told again each time the offset doubled, or turned") {
  ClockWatch watch;
  int told = 0;
  // Ten years away, a second further each second.
  for (std::int64_t s = 0; s < 10LL * 365 * 86400; s += 3600) {
    told += watch.observe("a", seconds(s)) ? 1 : 0;
  }
  CHECK(told > 10);
  CHECK(told < 20);
  CHECK(watch.observe("a", -hours(24 * 365)));
  CHECK_FALSE(watch.observe("b", seconds(1)));
}

TEST_CASE("an offset is a whole number of milliseconds, at most two hundred years") {
  CHECK(parse_clock_offset("-12345") == milliseconds(-12345));
  CHECK(parse_clock_offset("315360000000") == hours(24 * 3650));
  for (const std::string_view bad : {"", "-", "1.5", "1 ", "+1", "9223372036854775807", "ten"}) {
    CHECK_FALSE(parse_clock_offset(bad));
  }
}

TEST_CASE("the alarm is a canonical record") {
  const std::string line = clock_alarm_record(ledger::Time(seconds(1'795'334'400)),
                                              {.off = true, .offset = milliseconds(-7000)},
                                              {.agent = "a", .host = "web-01"});
  CHECK(line == R"({"time":"2026-11-22T08:00:00.000000Z","kind":"collector","what":"alarm",)"
                R"("agent":"a","alarm":"clock","host":"web-01","offset_ms":7000,)"
                R"("side":"behind","state":"raised"})");
}

}  // namespace
}  // namespace yunjian::collector
