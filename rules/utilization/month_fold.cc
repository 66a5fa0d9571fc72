#include "rules/utilization/month_fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using ledger::Time;
using ledger::UsageHour;
using std::chrono::seconds;

namespace {

constexpr seconds busiest_hour_measured_min{1800};
constexpr std::uint64_t streams_max = 10000;  // incarnations of one host in one month

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
  if (auto followed = follow(stream, {number, number}); !followed) return followed;
  if (hour.from < month_begin(window_.month) || hour.from >= month_end(window_.month)) return {};
  if (!is_possible(hour)) {
    ++unusable_;
    return {};
  }
  if (open_.empty() || !same_size(*open_.back().usage, hour)) open_.emplace_back();
  open_.back().add(hour, stream, number);
  return {};
}

Result<void> MonthFold::add(FoldRun run) {
  for (const FoldInput& input : run.inputs) {
    if (auto followed = follow(input.stream, {input.first, input.last}); !followed) return followed;
  }
  if (open_.empty() || !same_size(*open_.back().usage, *run.usage)) {
    open_.push_back(std::move(run));
  } else {
    open_.back().merge(std::move(run));
  }
  return {};
}

// Whether records of those numbers may come next.
Result<void> MonthFold::follow(std::string_view stream, Numbers numbers) {
  if (streams_.empty() || streams_.back() != stream) {
    const bool seen = std::find(streams_.begin(), streams_.end(), stream) != streams_.end();
    if (seen || streams_.size() == streams_max) {
      return fail(ErrorKind::reject, fmt::format("usage of stream {} came in two runs", stream));
    }
    streams_.emplace_back(stream);
    last_number_.reset();
  }
  if (last_number_ && numbers.first <= *last_number_) {
    return fail(ErrorKind::reject, fmt::format("usage record {} of stream {} came after {}",
                                               numbers.first, stream, *last_number_));
  }
  last_number_ = numbers.last;
  return {};
}

std::vector<FoldedPart> MonthFold::finish(const FoldWindow& window) {
  window_ = window;
  return finish();
}

std::vector<FoldedPart> MonthFold::finish() {
  std::stable_sort(open_.begin(), open_.end(), [](const FoldRun& a, const FoldRun& b) {
    return a.usage->from < b.usage->from;
  });
  std::vector<FoldRun> joined;
  for (FoldRun& open : open_) {
    if (!joined.empty() && same_size(*joined.back().usage, *open.usage)) {
      joined.back().merge(std::move(open));
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
    const Time next = last ? end : std::clamp(joined[i + 1].usage->from, from, end);
    parts.push_back(close(joined[i], from, next));
    from = next;
  }
  parts.front().unusable = unusable_;
  open_.clear();
  return parts;
}

// Month, retirement and cut-off end it, whichever is first.
Time MonthFold::window_end() const {
  Time covered = std::chrono::floor<std::chrono::hours>(window_.as_of);
  for (const FoldRun& open : open_) covered = later(covered, open.usage->to);
  Time end = std::min({month_end(window_.month), window_.as_of, covered});
  return window_.retired ? std::min(end, *window_.retired) : end;
}

FoldedPart MonthFold::close(FoldRun& run, Time from, Time to) const {
  FoldedPart part{.from = from,
                  .to = to,
                  .usage = std::move(run.usage),
                  .expected = std::chrono::floor<seconds>(to - from),
                  .measured = run.measured,
                  .cpu_measured = run.cpu_measured,
                  .memory_measured = run.memory_measured,
                  .inputs = std::move(run.inputs)};
  close_spans(run, part);
  close_days(run, part);
  if (!run.hours.empty()) part.week.resize(week_hours);
  for (const auto& [time, hour] : run.hours) {
    WeekHour& of_week = part.week[hour_of_week(time)];
    of_week.sum += hour.sum;
    of_week.count += hour.count;
    if (hour.count == 0 || hour.measured < busiest_hour_measured_min) continue;
    const Hundredths mean = (hour.sum * 20 + hour.count) / (2 * hour.count);
    if (!part.busiest_hour || mean > part.busiest_hour->cpu_mean) {
      part.busiest_hour = BusiestHour{.cpu_mean = mean, .from = time};
    }
  }
  return part;
}

// The longest stretch no record covers, and what overlaps; time covered twice is measured once.
void MonthFold::close_spans(FoldRun& run, FoldedPart& part) const {
  std::sort(run.spans.begin(), run.spans.end(), [](const auto& a, const auto& b) {
    return std::pair(a.from, a.to) < std::pair(b.from, b.to);
  });
  const seconds interval{part.usage ? static_cast<seconds::rep>(part.usage->interval_s) : 0};
  ledger::Time reached = part.from;
  ledger::Time seen{};
  std::chrono::microseconds covered{0};
  std::chrono::microseconds gap{0};
  for (const FoldRun::Span& span : run.spans) {
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

void MonthFold::close_days(FoldRun& run, FoldedPart& part) const {
  part.working_days = 0;
  for (auto& [date, day] : run.days) {
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
