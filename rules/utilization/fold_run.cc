#include "rules/utilization/fold_run.h"

#include <algorithm>
#include <utility>

#include "rules/calendar/china_time.h"

namespace yunjian::rules {

using ledger::HourFigure;
using ledger::UsageHour;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t interval_s_max = 3600;

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

}  // namespace

bool same_size(const UsageHour& a, const UsageHour& b) {
  const auto [less, more] = std::minmax(a.memory_bytes, b.memory_bytes);
  return a.vcpus == b.vcpus && more - less <= more / 32;
}

bool equal_size(const UsageHour& a, const UsageHour& b) {
  return a.vcpus == b.vcpus && a.memory_bytes == b.memory_bytes && a.interval_s == b.interval_s;
}

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

void FoldRun::add(const UsageHour& hour, std::string_view stream, std::uint64_t number) {
  if (usage) {
    merge_usage(*usage, hour);
  } else {
    usage = hour;
  }
  const auto& cpu = hour.figure(HourFigure::cpu);
  const seconds of_samples = measured_time(hour, hour.samples);
  const seconds of_cpu = measured_time(hour, cpu.count());
  measured += of_samples;
  cpu_measured += of_cpu;
  memory_measured += measured_time(hour, hour.figure(HourFigure::memory).count());
  spans.push_back({hour.from, hour.to});

  HourSum& clock_hour = hours[std::chrono::floor<std::chrono::hours>(hour.from)];
  clock_hour.sum += cpu.sum();
  clock_hour.count += cpu.count();
  clock_hour.measured += of_cpu;
  DaySum& of_day = day(std::chrono::sys_days(china_date(hour.from)));
  of_day.cpu.merge(cpu);
  of_day.measured += of_samples;
  note_input({.stream = std::string(stream), .first = number, .last = number, .records = 1});
}

void FoldRun::merge(FoldRun&& later) {
  if (!usage) {
    *this = std::move(later);
    return;
  }
  merge_usage(*usage, *later.usage);
  measured += later.measured;
  cpu_measured += later.cpu_measured;
  memory_measured += later.memory_measured;
  for (const FoldInput& input : later.inputs) note_input(input);
  spans.insert(spans.end(), later.spans.begin(), later.spans.end());
  for (const auto& [time, hour] : later.hours) {
    HourSum& sum = hours[time];
    sum.sum += hour.sum;
    sum.count += hour.count;
    sum.measured += hour.measured;
  }
  for (auto& [date, from] : later.days) {
    DaySum& sum = day(date);
    from.unpack();
    sum.cpu.merge(from.cpu);
    sum.measured += from.measured;
  }
}

FoldRun::DaySum& FoldRun::day(std::chrono::sys_days date) {
  if (filled && *filled != date) days[*filled].pack();
  filled = date;
  DaySum& sum = days[date];
  sum.unpack();
  return sum;
}

void FoldRun::note_input(const FoldInput& input) {
  if (inputs.empty() || inputs.back().stream != input.stream) {
    inputs.push_back(input);
    return;
  }
  inputs.back().last = input.last;
  inputs.back().records += input.records;
}

void FoldRun::DaySum::pack() {
  if (cpu.count() == 0) return;
  packed = cpu.format_bins();
  summary = {.sum = cpu.sum(), .min = cpu.min(), .max = cpu.max(), .max_time = cpu.max_time()};
  cpu = ledger::Histogram(ledger::Scale::percent);
}

void FoldRun::DaySum::unpack() {
  if (packed.empty()) return;
  auto read = ledger::Histogram::from_parts(ledger::Scale::percent, packed, summary);
  ledger::require(read.has_value(), "a histogram reads back what it wrote");
  cpu = std::move(*read);
  packed.clear();
}

}  // namespace yunjian::rules
