#include "rules/calendar/calendar.h"

#include <doctest/doctest.h>

#include <array>

namespace yunjian::rules {
namespace {

Date date(std::string_view text) {
  const auto parsed = parse_date(text);
  REQUIRE(parsed);
  return *parsed;
}

Calendar calendar() {
  auto parsed = cn_calendar();
  REQUIRE_MESSAGE(parsed, parsed.error().message);
  return *parsed;
}

std::string after(const Calendar& days, std::string_view from, int count) {
  const auto found = days.add_working_days(date(from), count);
  return found ? format_date(*found) : found.error().message;
}

std::string file_with(std::string_view years) {
  return R"({"format": "yunjian/calendar/v1", "version": "1", "source": "test", "years": [)" +
         std::string(years) + "]}";
}

std::string problem_of(std::string_view years) {
  const auto parsed = Calendar::parse(file_with(years));
  return parsed ? "" : parsed.error().message;
}

TEST_CASE("a deadline in working days skips holidays and counts make-up days") {
  const Calendar days = calendar();
  CHECK(after(days, "2026-02-10", 7) == "2026-02-26");    // over the Spring Festival
  CHECK(after(days, "2026-10-09", -10) == "2026-09-18");  // over a make-up Sunday
  CHECK(after(days, "2026-11-20", 1) == "2026-11-23");    // over a weekend
  CHECK(after(days, "2026-11-22", 0) == "2026-11-22");
  CHECK(after(days, "2025-12-31", 1) == "2026-01-04");  // a make-up Sunday of the next notice
}

TEST_CASE("the working days before the 5th are those of the published notices") {
  const Calendar days = calendar();
  const std::array<unsigned, 12> in_2025 = {2, 1, 3, 3, 0, 3, 4, 3, 5, 0, 3, 5};
  const std::array<unsigned, 12> in_2026 = {2, 4, 4, 3, 0, 5, 3, 3, 4, 0, 4, 4};
  for (unsigned month = 1; month <= 12; ++month) {
    CAPTURE(month);
    const Date first_2025 = std::chrono::year(2025) / std::chrono::month(month) / 1;
    const Date first_2026 = std::chrono::year(2026) / std::chrono::month(month) / 1;
    CHECK(days.working_days(first_2025, next_day(first_2025, 5)) == in_2025[month - 1]);
    CHECK(days.working_days(first_2026, next_day(first_2026, 5)) == in_2026[month - 1]);
  }
}

TEST_CASE("every published year has as many working days as its notice leaves") {
  const Calendar days = calendar();
  const std::array<unsigned, 6> expected = {249, 250, 249, 249, 251, 248};
  for (int i = 0; i < 6; ++i) {
    const Date first = std::chrono::year(2020 + i) / 1 / 1;
    const Date next = std::chrono::year(2021 + i) / 1 / 1;
    CAPTURE(i);
    CHECK(days.working_days(first, next) == expected[static_cast<std::size_t>(i)]);
  }
}

TEST_CASE("a year without a notice is unknown and stops every deadline that reaches it") {
  const Calendar days = calendar();
  CHECK(days.is_working_day(date("2027-03-03")) == std::nullopt);  // a Wednesday
  CHECK(days.is_working_day(date("2027-03-06")) == std::nullopt);  // a Saturday
  CHECK(days.is_working_day(date("2019-12-31")) == std::nullopt);
  CHECK_FALSE(days.working_days(date("2027-01-01"), date("2027-01-05")));
  CHECK_FALSE(days.add_working_days(date("2026-12-25"), 10));
  CHECK(after(days, "2026-12-25", 3).find("2026-12-29") != std::string::npos);
}

TEST_CASE("the last days of a year are unknown until the next notice, which may change them") {
  const Calendar days = calendar();
  CHECK(days.is_working_day(date("2026-12-28")) == true);
  CHECK(days.is_working_day(date("2026-12-29")) == std::nullopt);
  CHECK(days.is_working_day(date("2025-12-29")) == true);
  CHECK(days.is_working_day(date("2022-12-31")) == false);  // named by the notice for 2023
}

TEST_CASE("what is wrong in a calendar file is named") {
  const std::string good = R"({"year": 2030, "published": true, "notices": ["n"], "holidays": [)"
                           R"({"name": "a", "off": ["2030-01-01", "2030-01-03"], "work": []}]})";
  CHECK(problem_of(good) == "");
  CHECK(problem_of(good + "," + good).find("years[1].year: stands twice") != std::string::npos);
  CHECK(problem_of(R"({"year": 2030, "published": true, "notices": ["n"], "holidays": []})")
            .find("years[0].holidays: ") != std::string::npos);
  CHECK(problem_of(R"({"year": 2030, "published": false, "holidays": []})")
            .find("years[0].holidays: is not a key") != std::string::npos);
  const std::string before = R"({"year": 2030, "published": true, "notices": ["n"], "holidays": [)"
                             R"({"name": "a", "off": )";
  CHECK(problem_of(before + R"(["2030-02-30", "2030-03-01"], "work": []}]})")
            .find("years[0].holidays[0].off: \"2030-02-30\" is not a date") != std::string::npos);
  CHECK(problem_of(before + R"(["2030-03-02", "2030-03-01"], "work": []}]})")
            .find("must be 1 to 31 days") != std::string::npos);
  CHECK(problem_of(before + R"(["2030-03-01", "2030-03-01"], "work": ["2030-03-01"]}]})")
            .find("2030-03-01 stands twice") != std::string::npos);
  CHECK(problem_of(before + R"(["2031-03-01", "2031-03-01"], "work": []}]})")
            .find("is not of the notice for 2030") != std::string::npos);
}

}  // namespace
}  // namespace yunjian::rules
