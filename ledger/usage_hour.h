#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/record.h"

namespace yunjian::ledger {

// Exact, mergeable distribution of one whole-host figure over samples.
// percent: bins of 0.1 point, 0.0 … 100.0 (bin = value in tenths, rounded). rate: relative bins of
// 1 %: bin 0 is [0,1), bin k >= 1 holds values v with floor(ln v / ln 1.01) + 1 = k, computed on
// integers through one table so that every machine agrees. count, sum, min, max are integers
// (tenths of a point, or units per second); merging adds bins and is associative.
enum class Scale { percent, rate };

class Histogram {
 public:
  explicit Histogram(Scale scale) : scale_(scale) {}
  Scale scale() const { return scale_; }
  void add(std::uint64_t value,
           Time when);  // tenths of a point (clamped to 1000), or units per second (< 2^53)
  void merge(const Histogram& other);  // same scale
  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t min() const { return min_; }
  std::uint64_t max() const { return max_; }
  Time max_time() const { return max_time_; }  // the earliest sample that reached max
  double mean() const;                         // 0 when empty
  // Smallest value v such that at least q of the samples are <= v, as the upper edge of its bin
  // (tenths or units); q in (0, 1].
  std::uint64_t quantile(double q) const;
  // Bin and how many samples it holds, none empty, by bin.
  using Bins = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
  const Bins& bins() const { return bins_; }

  // "gap:count,gap:count": gap to the bin before (the first from 0).
  std::string format_bins() const;
  struct Summary {  // what the bins cannot tell
    std::uint64_t sum = 0, min = 0, max = 0;
    Time max_time{};
  };
  static Result<Histogram> from_parts(Scale scale, std::string_view bins, const Summary& summary);
  // The same from bins as bins() gives them.
  static Result<Histogram> from_bins(Scale scale, Bins bins, const Summary& summary);

 private:
  Scale scale_;
  void merge_bins(const Bins& other);

  Bins bins_;
  std::uint64_t count_ = 0, sum_ = 0, min_ = 0, max_ = 0;
  Time max_time_{};
};

std::uint32_t rate_bin(std::uint64_t value);
std::uint64_t rate_bin_upper(std::uint32_t bin);  // largest integer value in the bin

// The figures of a usage_hour record. Names as in the record: histogram.<name>.
enum class HourFigure { cpu, memory, net_in, net_out, disk_bytes, disk_iops };
inline constexpr std::array<HourFigure, 6> hour_figures = {
    HourFigure::cpu,     HourFigure::memory,     HourFigure::net_in,
    HourFigure::net_out, HourFigure::disk_bytes, HourFigure::disk_iops};
std::string_view figure_name(HourFigure figure);
Scale figure_scale(HourFigure figure);

// One (part of an) hour of one host: half-open [from, to), samples of sealed minutes only.
struct UsageHour {
  Time from{};
  Time to{};
  std::uint64_t samples = 0;
  std::uint64_t interval_s = 10;  // asked sampling interval
  std::uint64_t vcpus = 0;        // the host's size during this part
  std::uint64_t memory_bytes = 0;
  std::array<Histogram, 6> figures = {Histogram(Scale::percent), Histogram(Scale::percent),
                                      Histogram(Scale::rate),    Histogram(Scale::rate),
                                      Histogram(Scale::rate),    Histogram(Scale::rate)};
  Histogram& figure(HourFigure f) { return figures[static_cast<std::size_t>(f)]; }
  const Histogram& figure(HourFigure f) const { return figures[static_cast<std::size_t>(f)]; }
};

// Writes the canonical record (kind usage_hour, time = `to`); <= 8 KiB.
void write_usage_hour(std::string& out, const UsageHour& hour);
Result<UsageHour> read_usage_hour(const ParsedRecord& record);
// Merges parts of an hour, or hours of a month: figures exactly, samples added, span widened.
// `into` must have the same size and interval when the sizes matter to the caller; nothing is
// checked here.
void merge_usage(UsageHour& into, const UsageHour& part);

}  // namespace yunjian::ledger
