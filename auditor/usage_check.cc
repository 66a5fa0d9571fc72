#include "auditor/usage_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace yunjian::auditor {

using ledger::HourFigure;
using ledger::ParsedRecord;
using ledger::Time;

namespace {

constexpr std::size_t minutes_max = 1024;  // between two hours; more are a host that never closes
constexpr std::size_t missing_named_max = 5;

// Where a minute keeps a figure of the hour, and what one unit of it is there. The last digit of a
// minute's mean and maximum is rounded by half a `step`; the hour rounds each sample to a unit.
struct Source {
  std::array<std::string_view, 2> keys;  // two are added up
  double scale;
  double step;
};
constexpr std::array<Source, 6> sources = {{
    {{"cpu.used", ""}, 10, 0.01},
    {{"memory.used", ""}, 10, 0.01},
    {{"net.in_bytes", ""}, 1, 1},
    {{"net.out_bytes", ""}, 1, 1},
    {{"disk.read_bytes", "disk.write_bytes"}, 1, 1},
    {{"disk.reads", "disk.writes"}, 1, 0.01},
}};

// Of a device that comes or goes within a minute some samples are missing, though the minute has
// the figure. CPU and memory are always there.
bool is_of_devices(HourFigure figure) {
  return figure != HourFigure::cpu && figure != HourFigure::memory;
}

}  // namespace

UsageCheck::Problem UsageCheck::take(std::string_view line, HourCounts& counts) {
  auto record = ledger::parse_record(line);
  if (!record) return {};
  const auto kind = (*record)->find("kind");
  if (kind == "usage") minute(**record);
  if (kind != "usage_hour") return {};
  Problem problem = hour(**record, counts);
  *this = UsageCheck();
  return problem;
}

void UsageCheck::minute(const ParsedRecord& record) {
  const auto n = record.find_integer("n").value_or(0);
  const auto end = ledger::parse_time(record.find("time").value_or(""));
  if (n == 0 || !end || ends_.size() >= minutes_max) {
    whole_ = whole_ && n == 0;
    return;
  }
  samples_ += n;
  minute_samples_max_ = std::max(minute_samples_max_, n);
  ends_.push_back(*end);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Source& source = sources[i];
    Sum minute;
    bool there = true;
    for (const std::string_view key : source.keys) {
      if (key.empty()) continue;
      const auto mean = record.find_number(std::string(key) + ".mean");
      const auto max = record.find_number(std::string(key) + ".max");
      there = there && mean && max;
      if (!there) break;
      // The minute's mean and the hour's samples are both rounded.
      const double off = source.step * source.scale / 2 + 0.5;
      minute.least += static_cast<double>(n) * (*mean * source.scale - off);
      minute.most += static_cast<double>(n) * (*mean * source.scale + off);
      minute.max_least = std::max(minute.max_least, *max * source.scale - off);
      minute.max_most += *max * source.scale + off;
    }
    Sum& sum = sums_[i];
    sum.lacking = sum.lacking || !there;
    if (!there) continue;
    sum.samples += n;
    sum.least += minute.least;
    sum.most += minute.most;
    sum.max_least = std::max(sum.max_least, minute.max_least);
    sum.max_most = std::max(sum.max_most, minute.max_most);
  }
}

UsageCheck::Problem UsageCheck::hour(const ParsedRecord& record, HourCounts& counts) {
  const auto hour = ledger::read_usage_hour(record);
  if (!hour) return {"小时记录无法解读", "the usage_hour record cannot be read"};
  if (!whole_ || ends_.empty()) {
    ++counts.not_checked;
    return {};
  }
  ++counts.checked;
  if (hour->samples != samples_) {
    const std::string missing = missing_minutes(hour->from, hour->to);
    return {fmt::format("小时记录有 {} 个样本,其各分钟合计 {} 个{}", hour->samples, samples_,
                        missing.empty() ? "" : ",缺分钟 " + missing),
            fmt::format("the hour has {} samples, its minutes {}{}", hour->samples, samples_,
                        missing.empty() ? "" : "; no minute for " + missing)};
  }
  for (const HourFigure figure : ledger::hour_figures) {
    Problem problem = check_figure(figure, hour->figure(figure));
    if (!problem.en.empty()) return problem;
  }
  return {};
}

UsageCheck::Problem UsageCheck::check_figure(HourFigure figure,
                                             const ledger::Histogram& histogram) const {
  const Sum& sum = sums_[static_cast<std::size_t>(figure)];
  const std::string_view name = ledger::figure_name(figure);
  const std::uint64_t count = histogram.count();
  const std::uint64_t lacks = sum.samples - std::min(sum.samples, count);
  const std::uint64_t lacks_max =
      is_of_devices(figure) && minute_samples_max_ > 0 ? minute_samples_max_ - 1 : 0;
  if (count > sum.samples || (!sum.lacking && lacks > lacks_max)) {
    return {fmt::format("小时记录的 {} 有 {} 个样本,其各分钟合计 {} 个", name, count, sum.samples),
            fmt::format("the hour has {} samples of {}, its minutes {}", count, name, sum.samples)};
  }
  if (count == 0) return {};
  const auto total = static_cast<double>(histogram.sum());
  const auto max = static_cast<double>(histogram.max());
  const bool percent = ledger::figure_scale(figure) == ledger::Scale::percent;
  const double most = percent ? std::min(sum.max_most, 1000.5) : sum.max_most;
  if (max < std::min(sum.max_least, most) || max > most) {
    return {fmt::format("小时最大值 {} 与其各分钟不符({})", histogram.max(), name),
            fmt::format("the hour's maximum of {} is {}, not that of its minutes", name,
                        histogram.max())};
  }
  const double least = sum.least - static_cast<double>(lacks) * sum.max_most;
  if (total < least - 1 || total > sum.most + 1) {
    return {
        fmt::format("小时合计 {} 与其各分钟不符({})", histogram.sum(), name),
        fmt::format("the hour's sum of {} is {}, not that of its minutes", name, histogram.sum())};
  }
  return {};
}

// Clock minutes of the span in which no usage record ends (an end belongs to the minute before it).
std::string UsageCheck::missing_minutes(Time from, Time to) const {
  using std::chrono::minutes;
  std::vector<std::string> missing;
  auto at = std::chrono::floor<minutes>(from);
  const auto end = std::min(std::chrono::ceil<minutes>(to), at + minutes(60));
  for (; at < end; at += minutes(1)) {
    const bool there = std::any_of(ends_.begin(), ends_.end(), [&](Time each) {
      return std::chrono::floor<minutes>(each - std::chrono::microseconds(1)) == at;
    });
    if (!there) missing.push_back(ledger::format_time(at).substr(0, 16) + "Z");
  }
  if (missing.size() > missing_named_max) {
    const std::size_t more = missing.size() - missing_named_max;
    missing.resize(missing_named_max);
    missing.push_back(fmt::format("(+{})", more));
  }
  return fmt::format("{}", fmt::join(missing, " "));
}

std::string UsageCheck::save() const {
  std::string out = fmt::format("{} {} {}", whole_ ? 1 : 0, samples_, minute_samples_max_);
  for (const Sum& sum : sums_) {
    out += fmt::format(" {} {} {} {} {} {}", sum.least, sum.most, sum.max_least, sum.max_most,
                       sum.samples, sum.lacking ? 1 : 0);
  }
  for (const Time end : ends_) out += fmt::format(" {}", end.time_since_epoch().count());
  return out;
}

bool UsageCheck::load(std::string_view text) {
  const std::string copy(text);
  const char* at = copy.c_str();
  const auto next = [&at](double& value) {
    char* end = nullptr;
    value = std::strtod(at, &end);
    if (end == at) return false;
    at = end;
    return true;
  };
  const auto next_count = [&next](std::uint64_t& value) {
    double number = 0;
    if (!next(number) || number < 0 || number > 9e15) return false;
    value = static_cast<std::uint64_t>(number);
    return true;
  };
  std::uint64_t whole = 0;
  if (!next_count(whole) || !next_count(samples_) || !next_count(minute_samples_max_)) return false;
  whole_ = whole != 0;
  for (Sum& sum : sums_) {
    std::uint64_t lacking = 0;
    if (!next(sum.least) || !next(sum.most) || !next(sum.max_least) || !next(sum.max_most) ||
        !next_count(sum.samples) || !next_count(lacking)) {
      return false;
    }
    sum.lacking = lacking != 0;
  }
  ends_.clear();
  for (double end = 0; ends_.size() < minutes_max && next(end);) {
    ends_.emplace_back(std::chrono::microseconds(static_cast<std::int64_t>(end)));
  }
  return *at == '\0';
}

}  // namespace yunjian::auditor
