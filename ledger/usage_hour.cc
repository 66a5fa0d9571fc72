#include "ledger/usage_hour.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

constexpr std::uint64_t percent_max = 1000;  // tenths of a point
constexpr std::uint64_t rate_value_max = (std::uint64_t{1} << 53) - 1;

// Upper edges of the rate bins: edge[0] = 0, edge[k] = max(edge[k-1] + 1, edge[k-1] * 101 / 100).
// Integers only, so that every machine puts a value into the same bin; from 100 on a bin is at most
// 1 % wide.
const std::vector<std::uint64_t>& rate_edges() {
  static const std::vector<std::uint64_t> edges = [] {
    std::vector<std::uint64_t> out = {0};
    while (out.back() < rate_value_max) {
      const std::uint64_t last = out.back();
      out.push_back(std::min(rate_value_max, std::max(last + 1, last + last / 100)));
    }
    return out;
  }();
  return edges;
}

std::uint32_t bin_of(Scale scale, std::uint64_t value) {
  return scale == Scale::percent ? static_cast<std::uint32_t>(value) : rate_bin(value);
}

std::uint64_t upper_edge(Scale scale, std::uint32_t bin) {
  return scale == Scale::percent ? bin : rate_bin_upper(bin);
}

Failure bad_histogram(std::string_view why) {
  return fail(ErrorKind::reject, "not a histogram: " + std::string(why));
}

std::string histogram_key(HourFigure figure, std::string_view part) {
  return "histogram." + std::string(figure_name(figure)) + "." + std::string(part);
}

Result<Histogram> read_histogram(const ParsedRecord& record, HourFigure figure) {
  const auto bins = record.find(histogram_key(figure, "bins"));
  if (!bins) return Histogram(figure_scale(figure));
  const auto sum = record.find_integer(histogram_key(figure, "sum"));
  const auto min = record.find_integer(histogram_key(figure, "min"));
  const auto max = record.find_integer(histogram_key(figure, "max"));
  const auto max_time = record.find(histogram_key(figure, "max_time"));
  if (!sum || !min || !max || !max_time) return bad_histogram("a figure's key is absent");
  auto when = parse_time(*max_time);
  if (!when) return failure(when);
  auto histogram = Histogram::from_parts(figure_scale(figure), *bins, {*sum, *min, *max, *when});
  if (!histogram) return histogram;
  if (record.find_integer(histogram_key(figure, "count")) != histogram->count()) {
    return bad_histogram("count is not the sum of the bins");
  }
  return histogram;
}

}  // namespace

std::uint32_t rate_bin(std::uint64_t value) {
  const auto& edges = rate_edges();
  const auto edge = std::lower_bound(edges.begin(), edges.end(), std::min(value, rate_value_max));
  return static_cast<std::uint32_t>(edge - edges.begin());
}

std::uint64_t rate_bin_upper(std::uint32_t bin) {
  const auto& edges = rate_edges();
  return edges[std::min<std::size_t>(bin, edges.size() - 1)];
}

void Histogram::add(std::uint64_t value, Time when) {
  value = std::min(value, scale_ == Scale::percent ? percent_max : rate_value_max);
  ++bins_[bin_of(scale_, value)];
  if (count_ == 0 || value < min_) min_ = value;
  if (count_ == 0 || value > max_ || (value == max_ && when < max_time_)) {
    max_ = value;
    max_time_ = when;
  }
  ++count_;
  sum_ += value;
}

void Histogram::merge(const Histogram& other) {
  require(scale_ == other.scale_, "histograms of one scale are merged");
  if (other.count_ == 0) return;
  for (const auto& [bin, count] : other.bins_) bins_[bin] += count;
  if (count_ == 0 || other.min_ < min_) min_ = other.min_;
  if (count_ == 0 || other.max_ > max_ || (other.max_ == max_ && other.max_time_ < max_time_)) {
    max_ = other.max_;
    max_time_ = other.max_time_;
  }
  count_ += other.count_;
  sum_ += other.sum_;
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t Histogram::quantile(double q) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (const auto& [bin, count] : bins_) {
    seen += count;
    if (seen >= wanted) return std::min(upper_edge(scale_, bin), max_);
  }
  return max_;
}

std::string Histogram::format_bins() const {
  std::string out;
  std::uint32_t last = 0;
  for (const auto& [bin, count] : bins_) {
    if (!out.empty()) out += ',';
    out += std::to_string(bin - last) + ":" + std::to_string(count);
    last = bin;
  }
  return out;
}

Result<Histogram> Histogram::from_parts(Scale scale, std::string_view bins,
                                        const Summary& summary) {
  Histogram out(scale);
  const std::uint64_t bin_max = scale == Scale::percent ? percent_max : rate_edges().size() - 1;
  std::uint64_t bin = 0;
  for (std::size_t begin = 0; begin < bins.size();) {
    const std::size_t end = std::min(bins.find(',', begin), bins.size());
    const std::string_view pair = bins.substr(begin, end - begin);
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) return bad_histogram("a pair without colon");
    auto gap = parse_decimal(pair.substr(0, colon));
    auto count = parse_decimal(pair.substr(colon + 1));
    if (!gap || !count || *count == 0 || *count >> 40 != 0) return bad_histogram("a wrong number");
    if (*gap == 0 && begin > 0) return bad_histogram("a bin twice");
    if (*gap > bin_max || bin + *gap > bin_max) return bad_histogram("a bin beyond the scale");
    bin += *gap;
    out.bins_[static_cast<std::uint32_t>(bin)] = *count;
    out.count_ += *count;
    begin = end + 1;
  }
  if (bins.ends_with(',')) return bad_histogram("it ends in a comma");
  if (out.count_ == 0) return out;
  if (summary.min > summary.max || bin_of(scale, summary.min) != out.bins_.begin()->first ||
      bin_of(scale, summary.max) != out.bins_.rbegin()->first) {
    return bad_histogram("min or max is not in the outermost bins");
  }
  out.sum_ = summary.sum;
  out.min_ = summary.min;
  out.max_ = summary.max;
  out.max_time_ = summary.max_time;
  return out;
}

std::string_view figure_name(HourFigure figure) {
  switch (figure) {
    case HourFigure::cpu:
      return "cpu";
    case HourFigure::memory:
      return "memory";
    case HourFigure::net_in:
      return "net_in";
    case HourFigure::net_out:
      return "net_out";
    case HourFigure::disk_bytes:
      return "disk_bytes";
    case HourFigure::disk_iops:
      return "disk_iops";
  }
  require(false, "every figure has a name");
  return {};
}

Scale figure_scale(HourFigure figure) {
  return figure == HourFigure::cpu || figure == HourFigure::memory ? Scale::percent : Scale::rate;
}

void write_usage_hour(std::string& out, const UsageHour& hour) {
  RecordWriter writer(out, hour.to, "usage_hour");
  writer.integer("interval_s", hour.interval_s);
  writer.text("from", format_time(hour.from));
  writer.integer("n", hour.samples);
  const auto seconds = std::chrono::duration<double>(hour.to - hour.from).count();
  const double expected =
      seconds / static_cast<double>(std::max<std::uint64_t>(hour.interval_s, 1));
  const double coverage = expected > 0 ? static_cast<double>(hour.samples) / expected * 100 : 0;
  writer.decimal("coverage", std::min(coverage, 100.0));
  writer.integer("cpu.count", hour.vcpus);
  writer.integer("memory.total", hour.memory_bytes);
  // Keys of a family come bytewise.
  std::array<HourFigure, 6> sorted = hour_figures;
  std::sort(sorted.begin(), sorted.end(),
            [](HourFigure a, HourFigure b) { return figure_name(a) < figure_name(b); });
  for (const HourFigure figure : sorted) {
    const Histogram& histogram = hour.figure(figure);
    if (histogram.count() == 0) continue;
    writer.text(histogram_key(figure, "bins"), histogram.format_bins());
    writer.integer(histogram_key(figure, "count"), histogram.count());
    writer.integer(histogram_key(figure, "max"), histogram.max());
    writer.text(histogram_key(figure, "max_time"), format_time(histogram.max_time()));
    writer.integer(histogram_key(figure, "min"), histogram.min());
    writer.integer(histogram_key(figure, "sum"), histogram.sum());
  }
  writer.finish();
}

Result<UsageHour> read_usage_hour(const ParsedRecord& record) {
  if (record.find("kind") != "usage_hour") {
    return fail(ErrorKind::reject, "the record is not of kind usage_hour");
  }
  const auto time_of = [&record](std::string_view key) {
    return parse_time(record.find(key).value_or(""));
  };
  UsageHour hour;
  auto from = time_of("from");
  auto to = time_of("time");
  if (!from || !to || *to < *from) {
    return fail(ErrorKind::reject, "a usage_hour record needs from and time, in this order");
  }
  hour.from = *from;
  hour.to = *to;
  hour.samples = record.find_integer("n").value_or(0);
  hour.interval_s = record.find_integer("interval_s").value_or(0);
  hour.vcpus = record.find_integer("cpu.count").value_or(0);
  hour.memory_bytes = record.find_integer("memory.total").value_or(0);
  for (const HourFigure figure : hour_figures) {
    auto histogram = read_histogram(record, figure);
    if (!histogram) return failure(histogram, figure_name(figure));
    hour.figure(figure) = std::move(*histogram);
  }
  return hour;
}

void merge_usage(UsageHour& into, const UsageHour& part) {
  if (into.samples == 0) {
    into = part;
    return;
  }
  if (part.samples == 0) return;
  into.from = std::min(into.from, part.from);
  into.to = std::max(into.to, part.to);
  into.samples += part.samples;
  for (const HourFigure figure : hour_figures) into.figure(figure).merge(part.figure(figure));
}

}  // namespace yunjian::ledger
