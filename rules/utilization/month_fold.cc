#include "rules/utilization/month_fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::HourFigure;
using ledger::Result;
using ledger::Time;
using ledger::UsageHour;
using std::chrono::seconds;

namespace {

constexpr seconds busiest_hour_measured_min{1800};
constexpr std::chrono::hours record_length_max{2};  // an hour, and what a stepped clock adds
constexpr std::uint64_t interval_s_max = 3600;
constexpr std::uint64_t streams_max = 10000;  // incarnations of one host in one month

// MemTotal moves a little with the kernel; a change of size is more than a thirty-second part.
bool same_size(const UsageHour& a, const UsageHour& b) {
  const auto [less, more] = std::minmax(a.memory_bytes, b.memory_bytes);
  return a.vcpus == b.vcpus && more - less <= more / 32;
}

// The time that `count` samples stand for; a record cannot have measured longer than it lasts.
seconds measured_time(const UsageHour& hour, std::uint64_t count) {
  const auto length = std::chrono::ceil<seconds>(hour.to - hour.from);
  const auto most = static_cast<std::uint64_t>(length.count());
  if (count > most / hour.interval_s) return length;
  return seconds(static_cast<seconds::rep>(count * hour.interval_s));
}

// The sum must lie between count times min and count times max.
bool is_consistent(const ledger::Histogram& histogram, std::uint64_t count_max) {
  if (histogram.count() == 0) return true;
  const std::uint64_t mean = histogram.sum() / histogram.count();
  const bool above = mean == histogram.max() && histogram.sum() % histogram.count() != 0;
  return histogram.count() <= count_max && mean >= histogram.min() && mean <= histogram.max() &&
         !above;
}

// Whoever seals a record may lie in it; what cannot be true must not reach the figures.
bool is_possible(const UsageHour& hour) {
  const auto length = hour.to - hour.from;
  if (length <= length.zero() || length > record_length_max) return false;
  if (hour.interval_s == 0 || hour.interval_s > interval_s_max || hour.samples == 0) return false;
  const auto whole = static_cast<std::uint64_t>(std::chrono::ceil<seconds>(length).count());
  const std::uint64_t count_max = whole / hour.interval_s + 2;  // one at either edge
  if (hour.samples > count_max) return false;
  return std::all_of(hour.figures.begin(), hour.figures.end(),
                     [&](const auto& histogram) { return is_consistent(histogram, count_max); });
}

Time later(Time a, Time b) { return std::max(a, b); }

// 1970-01-01 was a Thursday.
std::size_t hour_of_week(Time time) {
  const auto hours = std::chrono::floor<std::chrono::hours>(time + china_offset);
  const auto count = hours.time_since_epoch().count() + 3 * 24;
  return static_cast<std::size_t>(count % static_cast<std::int64_t>(week_hours));
}

}  // namespace

MonthFold::MonthFold(const FoldWindow& window, const Calendar& calendar)
    : window_(window), calendar_(&calendar) {}

Result<void> MonthFold::add(const UsageHour& hour, std::string_view stream, std::uint64_t number) {
  if (streams_.empty() || streams_.back() != stream) {
    const bool seen = std::find(streams_.begin(), streams_.end(), stream) != streams_.end();
    if (seen || streams_.size() == streams_max) {
      return fail(ErrorKind::reject, fmt::format("usage of stream {} came in two runs", stream));
    }
    streams_.emplace_back(stream);
    last_number_.reset();
  }
  if (last_number_ && number <= *last_number_) {
    return fail(ErrorKind::reject, fmt::format("usage record {} of stream {} came after {}", number,
                                               stream, *last_number_));
  }
  last_number_ = number;
  if (hour.from < month_begin(window_.month) || hour.from >= month_end(window_.month)) return {};
  if (!is_possible(hour)) {
    ++unusable_;
    return {};
  }

  Open& open = open_for(hour);
  const auto& cpu = hour.figure(HourFigure::cpu);
  const seconds measured = measured_time(hour, hour.samples);
  const seconds cpu_measured = measured_time(hour, cpu.count());
  open.part.measured += measured;
  open.part.cpu_measured += cpu_measured;
  open.part.memory_measured += measured_time(hour, hour.figure(HourFigure::memory).count());
  open.spans.push_back({hour.from, hour.to});

  HourSum& clock_hour = open.hours[std::chrono::floor<std::chrono::hours>(hour.from)];
  clock_hour.sum += cpu.sum();
  clock_hour.count += cpu.count();
  clock_hour.measured += cpu_measured;
  DaySum& day = open.day(std::chrono::sys_days(china_date(hour.from)));
  day.cpu.merge(cpu);
  day.measured += measured;
  note_input(open.part.inputs, stream, number);
  return {};
}

void MonthFold::DaySum::pack() {
  if (cpu.count() == 0) return;
  packed = cpu.format_bins();
  summary = {.sum = cpu.sum(), .min = cpu.min(), .max = cpu.max(), .max_time = cpu.max_time()};
  cpu = ledger::Histogram(ledger::Scale::percent);
}

void MonthFold::DaySum::unpack() {
  if (packed.empty()) return;
  auto read = ledger::Histogram::from_parts(ledger::Scale::percent, packed, summary);
  ledger::require(read.has_value(), "a histogram reads back what it wrote");
  cpu = std::move(*read);
  packed.clear();
}

MonthFold::DaySum& MonthFold::Open::day(std::chrono::sys_days date) {
  if (filled && *filled != date) days[*filled].pack();
  filled = date;
  DaySum& sum = days[date];
  sum.unpack();
  return sum;
}

// The part of this size with the hour's figures in it.
MonthFold::Open& MonthFold::open_for(const UsageHour& hour) {
  if (!open_.empty() && same_size(*open_.back().part.usage, hour)) {
    merge_usage(*open_.back().part.usage, hour);
  } else {
    open_.emplace_back().part.usage = hour;
  }
  return open_.back();
}

void MonthFold::note_input(std::vector<FoldInput>& inputs, std::string_view stream,
                           std::uint64_t number) {
  if (inputs.empty() || inputs.back().stream != stream) {
    inputs.push_back({.stream = std::string(stream), .first = number});
  }
  inputs.back().last = number;
  ++inputs.back().records;
}

std::vector<FoldedPart> MonthFold::finish(const FoldWindow& window) {
  window_ = window;
  return finish();
}

std::vector<FoldedPart> MonthFold::finish() {
  std::stable_sort(open_.begin(), open_.end(), [](const Open& a, const Open& b) {
    return a.part.usage->from < b.part.usage->from;
  });
  std::vector<Open> joined;
  for (Open& open : open_) {
    if (!joined.empty() && same_size(*joined.back().part.usage, *open.part.usage)) {
      merge(joined.back(), std::move(open));
    } else {
      joined.push_back(std::move(open));
    }
  }
  if (joined.empty()) joined.emplace_back();

  const Time begin = later(month_begin(window_.month), window_.enrolled);
  const Time end = later(begin, window_end());
  std::vector<FoldedPart> parts;
  Time from = begin;
  for (std::size_t i = 0; i < joined.size(); ++i) {
    const bool last = i + 1 == joined.size();
    const Time next = last ? end : std::clamp(joined[i + 1].part.usage->from, from, end);
    close(joined[i], from, next);
    parts.push_back(std::move(joined[i].part));
    from = next;
  }
  parts.front().unusable = unusable_;
  open_.clear();
  return parts;
}

// Month, retirement and cut-off end it, whichever is first.
Time MonthFold::window_end() const {
  Time covered = std::chrono::floor<std::chrono::hours>(window_.as_of);
  for (const Open& open : open_) covered = later(covered, open.part.usage->to);
  Time end = std::min({month_end(window_.month), window_.as_of, covered});
  return window_.retired ? std::min(end, *window_.retired) : end;
}

void MonthFold::merge(Open& into, Open&& later) {
  FoldedPart& part = into.part;
  merge_usage(*part.usage, *later.part.usage);
  part.measured += later.part.measured;
  part.cpu_measured += later.part.cpu_measured;
  part.memory_measured += later.part.memory_measured;
  for (const FoldInput& input : later.part.inputs) part.inputs.push_back(input);
  into.spans.insert(into.spans.end(), later.spans.begin(), later.spans.end());
  for (const auto& [time, hour] : later.hours) {
    HourSum& sum = into.hours[time];
    sum.sum += hour.sum;
    sum.count += hour.count;
    sum.measured += hour.measured;
  }
  for (auto& [date, day] : later.days) {
    DaySum& sum = into.day(date);
    day.unpack();
    sum.cpu.merge(day.cpu);
    sum.measured += day.measured;
  }
}

void MonthFold::close(Open& open, Time from, Time to) const {
  open.part.from = from;
  open.part.to = to;
  open.part.expected = std::chrono::floor<seconds>(to - from);
  close_spans(open);
  close_days(open);
  if (!open.hours.empty()) open.part.week.resize(week_hours);
  for (const auto& [time, hour] : open.hours) {
    WeekHour& of_week = open.part.week[hour_of_week(time)];
    of_week.sum += hour.sum;
    of_week.count += hour.count;
    if (hour.count == 0 || hour.measured < busiest_hour_measured_min) continue;
    const Hundredths mean = (hour.sum * 20 + hour.count) / (2 * hour.count);
    if (!open.part.busiest_hour || mean > open.part.busiest_hour->cpu_mean) {
      open.part.busiest_hour = BusiestHour{.cpu_mean = mean, .from = time};
    }
  }
}

// The longest stretch no record covers, and what overlaps; time covered twice is measured once.
void MonthFold::close_spans(Open& open) const {
  FoldedPart& part = open.part;
  std::sort(open.spans.begin(), open.spans.end(), [](const Span& a, const Span& b) {
    return std::pair(a.from, a.to) < std::pair(b.from, b.to);
  });
  const seconds interval{part.usage ? static_cast<seconds::rep>(part.usage->interval_s) : 0};
  ledger::Time reached = part.from;
  ledger::Time seen{};
  std::chrono::microseconds covered{0};
  std::chrono::microseconds gap{0};
  for (const Span& span : open.spans) {
    if (span.from + interval < seen) ++part.overlapping;
    seen = later(seen, span.to);
    const Time from = std::clamp(span.from, part.from, part.to);
    const Time to = std::clamp(span.to, part.from, part.to);
    gap = std::max(gap, from - reached);
    if (to > reached) covered += to - later(from, reached);
    reached = later(reached, to);
  }
  gap = std::max(gap, part.to - reached);
  part.longest_gap = std::chrono::floor<seconds>(gap);
  const auto most = std::chrono::floor<seconds>(covered);
  part.measured = std::min(part.measured, most);
  part.cpu_measured = std::min(part.cpu_measured, most);
  part.memory_measured = std::min(part.memory_measured, most);
}

void MonthFold::close_days(Open& open) const {
  FoldedPart& part = open.part;
  part.working_days = 0;
  for (auto& [date, day] : open.days) {
    if (day.measured < window_.day_min) continue;
    day.unpack();
    ++part.days;
    const auto works = calendar_->is_working_day(Date(date));
    if (!works) part.working_days.reset();
    if (part.working_days && *works) ++*part.working_days;
    const auto p95 = quantile_percent(day.cpu, 0.95);
    if (p95 && (!part.busiest_day || *p95 > part.busiest_day->cpu_p95)) {
      part.busiest_day = BusiestDay{.cpu_p95 = *p95, .day = Date(date)};
    }
  }
}

std::optional<Hundredths> coverage(seconds measured, seconds expected) {
  if (expected.count() <= 0) return std::nullopt;
  return static_cast<Hundredths>(measured.count() * 10000 / expected.count());
}

std::optional<Hundredths> mean_percent(const ledger::Histogram& histogram) {
  const std::uint64_t count = histogram.count();
  if (count == 0) return std::nullopt;
  return (histogram.sum() * 20 + count) / (2 * count);
}

std::optional<Hundredths> quantile_percent(const ledger::Histogram& histogram, double q) {
  if (histogram.count() == 0) return std::nullopt;
  return histogram.quantile(q) * 10;
}

}  // namespace yunjian::rules
