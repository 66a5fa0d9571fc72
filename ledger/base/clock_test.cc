#include "ledger/base/clock.h"

#include <doctest/doctest.h>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::seconds;

Time at(std::int64_t microseconds_since_1970) {
  return Time{microseconds{microseconds_since_1970}};
}

}  // namespace

TEST_CASE("a time is written in UTC with six digits") {
  CHECK(format_time(at(0)) == "1970-01-01T00:00:00.000000Z");
  CHECK(format_time(at(1'795'335'365'123'456)) == "2026-11-22T08:16:05.123456Z");
  CHECK(format_time(at(951'782'399'999'999)) == "2000-02-28T23:59:59.999999Z");
  CHECK(format_time(at(951'782'400'000'000)) == "2000-02-29T00:00:00.000000Z");
  CHECK(format_time(at(253'402'300'799'999'999)) == "9999-12-31T23:59:59.999999Z");
}

TEST_CASE("a clock outside the years 1970 to 9999 is written as the nearest time within") {
  CHECK(format_time(at(-1)) == "1970-01-01T00:00:00.000000Z");
  CHECK(format_time(at(253'402'300'800'000'000)) == "9999-12-31T23:59:59.999999Z");
  CHECK(format_time(Time::min()) == "1970-01-01T00:00:00.000000Z");
  CHECK(format_time(Time::max()) == "9999-12-31T23:59:59.999999Z");
}

TEST_CASE("what format_time wrote is read back exactly") {
  const microseconds step = days{97} + seconds{12'345} + microseconds{678'901};
  for (Time time{}; time < at(253'402'300'799'999'999); time += step) {
    REQUIRE(parse_time(format_time(time)).value() == time);
    REQUIRE(parse_rfc3339(format_time(time)).value() == time);
  }
}

TEST_CASE("the strict reader takes one spelling only") {
  for (const char* text : {"",
                           "2026-11-22T08:16:05.123456",
                           "2026-11-22T08:16:05Z",
                           "2026-11-22T08:16:05.12345Z",
                           "2026-11-22T08:16:05.1234567Z",
                           "2026-11-22t08:16:05.123456Z",
                           "2026-11-22 08:16:05.123456Z",
                           "2026-11-22T08:16:05.123456z",
                           "2026-11-22T08:16:05.123456+00:00",
                           "2026-11-22T24:00:00.000000Z",
                           "2026-11-22T08:60:05.123456Z",
                           "2026-11-22T08:16:60.000000Z",
                           "2026-02-29T08:16:05.123456Z",
                           "2026-00-22T08:16:05.123456Z",
                           "2026-13-22T08:16:05.123456Z",
                           "2026-11-00T08:16:05.123456Z",
                           "2026-11-31T08:16:05.123456Z",
                           "1969-12-31T23:59:59.999999Z",
                           "2026-11-22T08:16:05.123456Z ",
                           " 2026-11-22T08:16:05.123456Z",
                           "+026-11-22T08:16:05.123456Z",
                           "2026-11-22T08:16:05,123456Z",
                           "2026-11-22T-8:16:05.123456Z"}) {
    CAPTURE(text);
    const auto time = parse_time(text);
    REQUIRE_FALSE(time);
    CHECK(time.error().kind == ErrorKind::reject);
  }
}

TEST_CASE("times of people and programs are read in any offset and precision") {
  const Time expected = at(1'795'335'365'000'000);
  for (const char* text :
       {"2026-11-22T08:16:05Z", "2026-11-22t08:16:05z", "2026-11-22 08:16:05Z",
        "2026-11-22T16:16:05+08:00", "2026-11-22T00:16:05-08:00", "2026-11-22T08:16:05-00:00",
        "2026-11-23T08:15:05+23:59", "2026-11-22T08:16:05.0Z", "2026-11-22T08:16:05.000000999Z"}) {
    CAPTURE(text);
    const auto time = parse_rfc3339(text);
    REQUIRE(time);
    CHECK(*time == expected);
  }
  CHECK(parse_rfc3339("2026-11-22T08:16:05.5Z").value() == expected + microseconds{500'000});
  CHECK(parse_rfc3339("2026-11-22T08:16:05.123456789Z").value() ==
        expected + microseconds{123'456});
  CHECK(parse_rfc3339("2026-11-22").value() == expected - (hours{8} + seconds{965}));
  CHECK(parse_rfc3339("2016-12-31T23:59:60Z").value() == parse_rfc3339("2017-01-01").value());
}

TEST_CASE("text that is nearly RFC 3339 is refused") {
  for (const char* text :
       {"", "2026", "2026-11", "2026-11-22T", "2026-11-22T08:16", "2026-11-22T08:16:05",
        "2026-11-22T08:16:05.Z", "2026-11-22T08:16:05.1234567890Z", "2026-11-22T08:16:61Z",
        "2026-11-22T08:16:05+0800", "2026-11-22T08:16:05+08", "2026-11-22T08:16:05+24:00",
        "2026-11-22T08:16:05+08:60", "2026-11-22T08:16:05ZZ", "2026-11-22Z", "20261122",
        "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-11-2201:00:00Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rfc3339(text));
  }
}

}  // namespace yunjian::ledger
