#include "rules/calendar/calendar.h"

#include <fmt/format.h>

#include "rules/data_file.h"

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using std::chrono::sys_days;

namespace {

constexpr int holiday_days_max = 31;     // longer is a typing error
constexpr int working_days_max = 10000;  // of add_working_days
constexpr std::chrono::month_day first_open_day{std::chrono::December, std::chrono::day(29)};

ledger::Failure unknown(Date date) {
  return fail(ErrorKind::reject,
              fmt::format("whether {} is a working day has not been published in this program's "
                          "calendar; install a version that has the notice for it",
                          format_date(date)));
}

}  // namespace

// Reads the file into a Calendar; what is wrong goes to `problem`.
struct Calendar::Builder {
  DataProblem problem;
  Calendar calendar;

  void read_file(DataObject file) {
    if (file.text("format") != "yunjian/calendar/v1") {
      file.wrong("format", "must be \"yunjian/calendar/v1\"");
    }
    calendar.version_ = file.text("version");
    file.text("source");
    for (DataObject& year : file.objects("years")) read_year(year);
    file.finish();
  }

  void read_year(DataObject& entry) {
    const int year = static_cast<int>(entry.integer("year", 9998));
    const bool published = entry.boolean("published");
    if (!years_.insert(year).second) entry.wrong("year", "stands twice");
    if (published) {
      calendar.published_.insert(year);
      if (entry.texts("notices").empty()) entry.wrong("notices", "must name the notice");
      auto holidays = entry.objects("holidays");
      if (holidays.empty()) entry.wrong("holidays", "a published year has holidays");
      for (DataObject& holiday : holidays) read_holiday(holiday, year);
    }
    entry.finish();
  }

  void read_holiday(DataObject& holiday, int year) {
    holiday.text("name");
    const auto off = holiday.texts("off");
    if (off.size() != 2) return holiday.wrong("off", "must be the first and the last day off");
    const auto first = read_date(holiday, "off", off[0], year);
    const auto last = read_date(holiday, "off", off[1], year);
    if (!first || !last) return;
    const auto length = (*last - *first).count() + 1;
    if (length < 1 || length > holiday_days_max) holiday.wrong("off", "must be 1 to 31 days");
    for (sys_days day = *first; day <= *last && length <= holiday_days_max;
         day += std::chrono::days(1)) {
      add(holiday, "off", day, false);
    }
    for (const std::string& text : holiday.texts("work")) {
      if (const auto day = read_date(holiday, "work", text, year)) add(holiday, "work", *day, true);
    }
    holiday.finish();
  }

  // A notice speaks of its own year and of the last days of the year before.
  std::optional<sys_days> read_date(DataObject& holiday, std::string_view key,
                                    std::string_view text, int year) {
    const auto date = parse_date(text);
    if (!date) {
      holiday.wrong(key, date.error().message);
      return std::nullopt;
    }
    const std::chrono::month_day day{date->month(), date->day()};
    const int of = static_cast<int>(date->year());
    if (of == year || (of == year - 1 && day >= first_open_day)) return sys_days(*date);
    holiday.wrong(key, fmt::format("{} is not of the notice for {}", text, year));
    return std::nullopt;
  }

  void add(DataObject& holiday, std::string_view key, sys_days day, bool works) {
    if (!calendar.exceptions_.emplace(day, works).second) {
      holiday.wrong(key, fmt::format("{} stands twice", format_date(Date(day))));
    }
  }

 private:
  std::set<int> years_;
};

Result<Calendar> Calendar::parse(std::string_view json) {
  auto parsed = parse_data_file(json);
  if (!parsed) return failure(parsed, "calendar");
  Builder builder;
  builder.read_file(DataObject(*parsed, "", builder.problem));
  if (auto good = builder.problem.result("calendar"); !good) return failure(good);
  return std::move(builder.calendar);
}

std::optional<bool> Calendar::is_working_day(Date date) const {
  const int year = static_cast<int>(date.year());
  const bool open = std::chrono::month_day{date.month(), date.day()} >= first_open_day;
  if (!date.ok() || !published_.contains(year) || (open && !published_.contains(year + 1))) {
    return std::nullopt;
  }
  const sys_days day{date};
  const auto exception = exceptions_.find(day);
  if (exception != exceptions_.end()) return exception->second;
  const std::chrono::weekday weekday{day};
  return weekday != std::chrono::Saturday && weekday != std::chrono::Sunday;
}

Result<Date> Calendar::add_working_days(Date date, int count) const {
  if (count > working_days_max || count < -working_days_max) {
    return fail(ErrorKind::reject,
                fmt::format("{} working days are more than {}", count, working_days_max));
  }
  const int step = count < 0 ? -1 : 1;
  while (count != 0) {
    date = next_day(date, step);
    const auto works = is_working_day(date);
    if (!works) return unknown(date);
    if (*works) count -= step;
  }
  return date;
}

Result<unsigned> Calendar::working_days(Date first, Date past_last) const {
  unsigned count = 0;
  for (Date date = first; date < past_last; date = next_day(date)) {
    const auto works = is_working_day(date);
    if (!works) return unknown(date);
    if (*works) ++count;
  }
  return count;
}

Result<Calendar> cn_calendar() { return Calendar::parse(cn_calendar_json()); }

}  // namespace yunjian::rules
