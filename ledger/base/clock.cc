#include "ledger/base/clock.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace yunjian::ledger {
namespace {

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr Time earliest{};
constexpr Time latest = sys_days{std::chrono::year{9999} / 12 / 31} + days{1} - microseconds{1};

constexpr std::string_view form = "0000-00-00T00:00:00.000000Z";

void put_two(char* at, unsigned value) {
  at[0] = static_cast<char>('0' + value / 10);
  at[1] = static_cast<char>('0' + value % 10);
}

// Reads fixed-width fields from left to right; after the first mismatch everything fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  unsigned number(std::size_t digits) {
    unsigned value = 0;
    if (rest_.size() < digits) return spoil();
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return spoil();
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }

  // Takes one character when it is one of `any`.
  bool take(std::string_view any) {
    if (rest_.empty() || any.find(rest_[0]) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(std::string_view any) {
    if (!take(any)) spoil();
  }

  bool at_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
  bool at_end() const { return rest_.empty(); }
  bool good() const { return good_; }

  unsigned spoil() {
    good_ = false;
    rest_ = {};
    return 0;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

Time read_date(Reader& reader) {
  using std::chrono::day;
  using std::chrono::month;
  using std::chrono::year;
  const unsigned y = reader.number(4);
  reader.expect("-");
  const unsigned m = reader.number(2);
  reader.expect("-");
  const unsigned d = reader.number(2);
  const auto date = year{static_cast<int>(y)} / month{m} / day{d};
  if (!date.ok()) reader.spoil();
  return sys_days{date};
}

// A leap second (:60) is allowed when `leap` says so and reads as the second after :59.
microseconds read_time_of_day(Reader& reader, bool leap) {
  const unsigned h = reader.number(2);
  reader.expect(":");
  const unsigned m = reader.number(2);
  reader.expect(":");
  const unsigned s = reader.number(2);
  if (h > 23 || m > 59 || s > (leap ? 60U : 59U)) reader.spoil();
  return seconds{h * 3600 + m * 60 + s};
}

// One to nine digits; what lies below a microsecond is cut.
microseconds read_fraction(Reader& reader) {
  constexpr unsigned digits_max = 9;
  unsigned nanoseconds = 0;
  unsigned digits = 0;
  for (; reader.at_digit() && digits < digits_max; ++digits) {
    nanoseconds = nanoseconds * 10 + reader.number(1);
  }
  if (digits == 0) reader.spoil();
  for (; digits < digits_max; ++digits) nanoseconds *= 10;
  return microseconds{nanoseconds / 1000};
}

seconds read_offset(Reader& reader) {
  if (reader.take("Zz")) return seconds{0};
  const bool west = reader.take("-");
  if (!west) reader.expect("+");
  const unsigned h = reader.number(2);
  reader.expect(":");
  const unsigned m = reader.number(2);
  if (h > 23 || m > 59) reader.spoil();
  const seconds offset{h * 3600 + m * 60};
  return west ? -offset : offset;
}

Result<Time> checked(const Reader& reader, Time time, std::string_view wanted) {
  if (!reader.good() || !reader.at_end()) {
    return fail(ErrorKind::reject, "not a time: expected " + std::string(wanted));
  }
  if (time < earliest || time > latest) {
    return fail(ErrorKind::reject, "a time must lie in the years 1970 to 9999 (UTC)");
  }
  return time;
}

}  // namespace

std::string format_time(Time time) {
  std::string out;
  append_time(out, time);
  return out;
}

void append_time(std::string& out, Time time) {
  time = std::clamp(time, earliest, latest);
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const auto in_day = static_cast<std::uint64_t>((time - day).count());
  const auto second = static_cast<unsigned>(in_day / 1'000'000);
  const auto fraction = static_cast<unsigned>(in_day % 1'000'000);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

  std::array<char, form.size()> text;
  std::memcpy(text.data(), form.data(), form.size());
  put_two(&text[0], year / 100);
  put_two(&text[2], year % 100);
  put_two(&text[5], static_cast<unsigned>(date.month()));
  put_two(&text[8], static_cast<unsigned>(date.day()));
  put_two(&text[11], second / 3600);
  put_two(&text[14], second / 60 % 60);
  put_two(&text[17], second % 60);
  put_two(&text[20], fraction / 10'000);
  put_two(&text[22], fraction / 100 % 100);
  put_two(&text[24], fraction % 100);
  out.append(text.data(), text.size());
}

Result<Time> parse_time(std::string_view text) {
  Reader reader(text);
  Time time = read_date(reader);
  reader.expect("T");
  time += read_time_of_day(reader, false);
  reader.expect(".");
  time += microseconds{reader.number(6)};
  reader.expect("Z");
  return checked(reader, time, "the form 2026-11-22T08:16:05.123456Z");
}

Result<Time> parse_rfc3339(std::string_view text) {
  constexpr std::string_view wanted =
      "RFC 3339, as 2026-11-22T16:16:05+08:00, or a date, as 2026-11-22";
  Reader reader(text);
  Time time = read_date(reader);
  if (reader.at_end()) return checked(reader, time, wanted);
  reader.expect("Tt ");
  time += read_time_of_day(reader, true);
  if (reader.take(".")) time += read_fraction(reader);
  time -= read_offset(reader);
  return checked(reader, time, wanted);
}

}  // namespace yunjian::ledger
