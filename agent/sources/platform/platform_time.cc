#include <charconv>
#include <cmath>

#include "agent/sources/platform/platform_form.h"
#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using ledger::is_digit;
using std::chrono::microseconds;

constexpr ledger::Time earliest{std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}};
constexpr ledger::Time latest{std::chrono::sys_days{std::chrono::year{2200} / 1 / 1}};

// Takes exactly `count` digits off the front.
bool take_digits(std::string_view& rest, std::size_t count, unsigned& value) {
  if (rest.size() < count) return false;
  const char* end = rest.data() + count;
  for (const char c : rest.substr(0, count)) {
    if (!is_digit(c)) return false;
  }
  if (std::from_chars(rest.data(), end, value).ptr != end) return false;
  rest.remove_prefix(count);
  return true;
}

bool take(std::string_view& rest, std::string_view any_of) {
  if (rest.empty() || any_of.find(rest.front()) == std::string_view::npos) return false;
  rest.remove_prefix(1);
  return true;
}

microseconds take_fraction(std::string_view& rest) {
  std::int64_t value = 0;
  if (!take(rest, ".,")) return {};
  std::int64_t unit = 100'000;
  for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1), unit /= 10)
    value += (rest.front() - '0') * unit;
  return microseconds(value);
}

// What to add to local time; nothing when it is no zone.
std::optional<std::chrono::minutes> take_zone(std::string_view& rest) {
  if (rest.empty() || take(rest, "Zz")) return std::chrono::minutes(0);
  const bool east = rest.front() == '+';
  if (!take(rest, "+-")) return {};
  unsigned hours = 0;
  unsigned minutes = 0;
  if (!take_digits(rest, 2, hours)) return {};
  take(rest, ":");
  if (!rest.empty() && !take_digits(rest, 2, minutes)) return {};
  if (hours > 14 || minutes > 59) return {};
  const auto ahead = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return east ? -ahead : ahead;
}

std::optional<ledger::Time> read_calendar(std::string_view text) {
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const bool read = take_digits(text, 4, year) && take(text, "-") && take_digits(text, 2, month) &&
                    take(text, "-") && take_digits(text, 2, day) && take(text, "Tt ") &&
                    take_digits(text, 2, hour) && take(text, ":") && take_digits(text, 2, minute) &&
                    take(text, ":") && take_digits(text, 2, second);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!read || !date.ok() || hour > 23 || minute > 59 || second > 60) return {};
  const microseconds fraction = take_fraction(text);
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) return {};
  return ledger::Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) + fraction + *zone;
}

std::optional<ledger::Time> read_number(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  // Which unit, the size says: seconds have ten digits until the year 2286.
  for (double unit = 1e6; unit >= 1; unit /= 1e3) {
    if (value < 1e16 / unit && value >= 0)
      return ledger::Time(microseconds(std::llround(value * unit)));
  }
  return {};
}

}  // namespace

std::optional<ledger::Time> read_platform_time(std::string_view text) {
  if (text.size() > 40) return {};
  const bool dashed = text.size() > 4 && text[4] == '-';
  const auto time = dashed ? read_calendar(text) : read_number(text);
  if (!time || *time < earliest || *time >= latest) return {};
  return time;
}

}  // namespace yunjian::agent
