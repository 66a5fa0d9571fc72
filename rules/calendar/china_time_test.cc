#include "rules/calendar/china_time.h"

#include <doctest/doctest.h>

namespace yunjian::rules {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a month is half-open in +08:00 and follows the one before without a hole") {
  const Month november = 2026y / 11;
  CHECK(ledger::format_time(month_begin(november)) == "2026-10-31T16:00:00.000000Z");
  CHECK(ledger::format_time(month_end(november)) == "2026-11-30T16:00:00.000000Z");
  CHECK(month_end(2026y / 12) == month_begin(2027y / 1));
  CHECK(month_end(2024y / 2) - month_begin(2024y / 2) == 29 * 24h);
  CHECK(china_month(month_begin(november)) == november);
  CHECK(china_month(month_begin(november) - 1us) == 2026y / 10);
}

TEST_CASE("a day begins at 16:00 UTC of the day before") {
  const Date first = 2026y / 11 / 1;
  CHECK(ledger::format_time(day_begin(first)) == "2026-10-31T16:00:00.000000Z");
  CHECK(china_date(day_begin(first)) == first);
  CHECK(china_date(day_begin(first) - 1us) == 2026y / 10 / 31);
  CHECK(format_china_minute(day_begin(first) + 8h + 5min + 59s) == "2026-11-01 08:05");
}

TEST_CASE("only real months and dates in their one form are accepted") {
  CHECK(parse_month("2026-11") == 2026y / 11);
  for (const char* bad : {"", "2026-1", "2026-13", "2026-00", "2026/11", "2026-11-", "1969-12",
                          "9999-01", "202a-11", "+026-11"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_month(bad));
  }
  CHECK(parse_date("2024-02-29") == 2024y / 2 / 29);
  for (const char* bad : {"2026-02-29", "2026-11-31", "2026-11-00", "2026-11-1", "2026-11"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_date(bad));
  }
  CHECK(format_date(2026y / 2 / 3) == "2026-02-03");
  CHECK(format_month(2026y / 2) == "2026-02");
}

}  // namespace
}  // namespace yunjian::rules
