#include "rules/calendar/china_time.h"

#include <fmt/format.h>

#include <optional>

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using ledger::Time;

namespace {

// A field of digits with its leading zeros.
std::optional<unsigned> digits(std::string_view text) {
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

}  // namespace

Date china_date(Time time) {
  return Date(std::chrono::floor<std::chrono::days>(time + china_offset));
}

Time day_begin(Date date) { return std::chrono::sys_days(date) - china_offset; }

Date next_day(Date date, int days) {
  return Date(std::chrono::sys_days(date) + std::chrono::days(days));
}

Time month_begin(Month month) { return day_begin(month / 1); }

Time month_end(Month month) { return month_begin(month + std::chrono::months(1)); }

Month china_month(Time time) {
  const Date date = china_date(time);
  return date.year() / date.month();
}

Result<Month> parse_month(std::string_view text) {
  if (text.size() == 7 && text[4] == '-') {
    const auto year = digits(text.substr(0, 4));
    const auto month = digits(text.substr(5));
    if (year && month && *year >= 1970 && *year <= 9998 && *month >= 1 && *month <= 12) {
      return std::chrono::year(static_cast<int>(*year)) / std::chrono::month(*month);
    }
  }
  return fail(ErrorKind::reject, fmt::format("\"{}\" is not a month; write it as 2026-11", text));
}

std::string format_month(Month month) {
  return fmt::format("{:04}-{:02}", static_cast<int>(month.year()),
                     static_cast<unsigned>(month.month()));
}

Result<Date> parse_date(std::string_view text) {
  if (text.size() == 10 && text[7] == '-') {
    const auto month = parse_month(text.substr(0, 7));
    const auto day = digits(text.substr(8));
    if (month && day) {
      const Date date = *month / std::chrono::day(*day);
      if (date.ok()) return date;
    }
  }
  return fail(ErrorKind::reject, fmt::format("\"{}\" is not a date; write it as 2026-11-30", text));
}

std::string format_date(Date date) {
  return fmt::format("{}-{:02}", format_month(date.year() / date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string format_china_minute(Time time) {
  const Date date = china_date(time);
  const auto minutes = std::chrono::floor<std::chrono::minutes>(time - day_begin(date)).count();
  return fmt::format("{} {:02}:{:02}", format_date(date), minutes / 60, minutes % 60);
}

}  // namespace yunjian::rules
