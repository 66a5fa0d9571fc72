#include "collector/store/line_glance.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace yunjian::collector {
namespace {

const ledger::Time noon = *ledger::parse_time("2026-11-22T12:00:00.000001Z");

TEST_CASE("time and lane of a line are found whether it is canonical or not") {
  const LineGlance event = glance(R"({"time":"2026-11-22T12:00:00.000001Z","kind":"event"})");
  CHECK(event.time == noon);
  CHECK(event.lane == Lane::event);
  CHECK(glance(R"({"time":"2026-11-22T12:00:00.000001Z","kind":"usage","n":6})").lane ==
        Lane::usage);
  CHECK(glance(R"({"time":"2026-11-22T12:00:00.000001Z","kind":"usage_hour"})").lane == Lane::hour);
  CHECK(glance(R"({"time":"2026-11-22T12:00:00.000001Z","kind":"agent"})").lane == Lane::event);
  const LineGlance reordered = glance(R"({"kind":"usage","time":"2026-11-22T12:00:00.000001Z"})");
  CHECK(reordered.time == noon);
  CHECK(reordered.lane == Lane::usage);
}

TEST_CASE("what is no record is an event without time") {
  for (const char* line : {"", "text", "{", R"({"time":"2026-11-22"})", R"({"time":12})",
                           R"({"time":"2026-99-22T12:00:00.000001Z","kind":"event"})"}) {
    CAPTURE(line);
    CHECK_FALSE(glance(line).time);
    CHECK(glance(line).lane == Lane::event);
  }
}

TEST_CASE("a span tells lanes, times, and whether every record has one") {
  const std::vector<std::string_view> lines = {
      R"({"time":"2026-11-22T12:00:00.000001Z","kind":"usage"})",
      R"({"time":"2026-11-22T11:00:00.000000Z","kind":"event"})"};
  ledger::BodySpan span = span_of(lines);
  CHECK(span.event);
  CHECK(span.usage);
  CHECK_FALSE(span.hour);
  CHECK(span.timed);
  CHECK_FALSE(span.untimed);
  CHECK(span.time_min == *ledger::parse_time("2026-11-22T11:00:00.000000Z"));
  CHECK(span.time_max == noon);
  span = span_of(std::vector<std::string_view>{"text"});
  CHECK(span.untimed);
  CHECK_FALSE(span.timed);
  CHECK(span_of({}) == ledger::BodySpan{});
}

}  // namespace
}  // namespace yunjian::collector
