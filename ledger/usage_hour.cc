#include "ledger/usage_hour.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

constexpr std::uint64_t percent_max = 1000;  // tenths of a point
constexpr std::uint64_t rate_value_max = (std::uint64_t{1} << 53) - 1;
constexpr unsigned count_bits = 40;  // of one bin

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

std::uint64_t last_bin(Scale scale) {
  return scale == Scale::percent ? percent_max : rate_edges().size() - 1;
}

std::uint64_t upper_edge(Scale scale, std::uint32_t bin) {
  return scale == Scale::percent ? bin : rate_bin_upper(bin);
}

Failure bad_histogram(std::string_view why) {
  return fail(ErrorKind::reject, "not a histogram: " + std::string(why));
}

constexpr std::string_view histogram_prefix = "histogram.";

std::string histogram_key(HourFigure figure, std::string_view part) {
  return fmt::format("{}{}.{}", histogram_prefix, figure_name(figure), part);
}

// The keys histogram.<figure>.… of a record.
struct HistogramFields {
  std::optional<std::string_view> bins, max_time;
  std::optional<std::uint64_t> sum, min, max, count;

  void take(std::string_view part, std::string_view value) {
    if (part == "bins") bins = value;
    if (part == "max_time") max_time = value;
    if (part == "sum") sum = number(value);
    if (part == "min") min = number(value);
    if (part == "max") max = number(value);
    if (part == "count") count = number(value);
  }
  static std::optional<std::uint64_t> number(std::string_view value) {
    auto parsed = parse_decimal(value);
    return parsed ? std::optional(*parsed) : std::nullopt;
  }
};
using FiguresFields = std::array<HistogramFields, hour_figures.size()>;

// In one walk over the record: it has five times as many keys as it has figures.
FiguresFields figures_of(const ParsedRecord& record) {
  FiguresFields figures;
  for (const RecordField& field : record.fields) {
    if (!field.key.starts_with(histogram_prefix)) continue;
    const std::string_view rest = field.key.substr(histogram_prefix.size());
    const std::string_view name = rest.substr(0, rest.find('.'));
    for (const HourFigure figure : hour_figures) {
      if (name.size() == rest.size() || figure_name(figure) != name) continue;
      figures[static_cast<std::size_t>(figure)].take(rest.substr(name.size() + 1), field.value);
    }
  }
  return figures;
}

Result<Histogram> read_histogram(const HistogramFields& fields, HourFigure figure) {
  if (!fields.bins) return Histogram(figure_scale(figure));
  if (!fields.sum || !fields.min || !fields.max || !fields.max_time) {
    return bad_histogram("a figure's key is absent");
  }
  auto when = parse_time(*fields.max_time);
  if (!when) return failure(when);
  auto histogram = Histogram::from_parts(figure_scale(figure), *fields.bins,
                                         {*fields.sum, *fields.min, *fields.max, *when});
  if (!histogram) return histogram;
  if (fields.count != histogram->count()) return bad_histogram("count is not the sum of the bins");
  return histogram;
}

// Cuts off a decimal number of at most 18 digits, without leading zeros, and the `end` behind it;
// the last number of all stands before ',' or nothing.
inline std::optional<std::uint64_t> take_number(std::string_view& rest, char end) {
  const char* at = rest.data();
  const char* const behind = at + rest.size();
  std::uint64_t value = 0;
  for (; at != behind; ++at) {
    const auto digit = static_cast<unsigned>(*at) - '0';
    if (digit > 9) break;
    value = value * 10 + digit;  // of too many digits it is never looked at
  }
  const auto digits = static_cast<std::size_t>(at - rest.data());
  if (digits == 0 || digits > 18 || (digits > 1 && rest[0] == '0')) return std::nullopt;
  rest.remove_prefix(digits);
  if (rest.empty()) return end == ',' ? std::optional(value) : std::nullopt;
  if (rest[0] != end) return std::nullopt;
  rest.remove_prefix(1);
  return value;
}

using Bin = Histogram::Bins::value_type;

bool is_below(const Bin& bin, std::uint32_t number) { return bin.first < number; }

// The first bin from `at` on that is not below `number`; it is near, so that steps that double find
// it sooner than halves of all that follow.
Histogram::Bins::iterator seek(Histogram::Bins::iterator at, Histogram::Bins::iterator end,
                               std::uint32_t number) {
  std::ptrdiff_t step = 1;
  while (end - at > step && is_below(at[step], number)) {
    at += step;
    step *= 2;
  }
  return std::lower_bound(at, end - at > step ? at + step + 1 : end, number, is_below);
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
  const std::uint32_t bin = bin_of(scale_, value);
  const auto at = std::lower_bound(bins_.begin(), bins_.end(), bin, is_below);
  if (at != bins_.end() && at->first == bin) {
    ++at->second;
  } else {
    bins_.insert(at, {bin, 1});
  }
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
  merge_bins(other.bins_);
  if (count_ == 0 || other.min_ < min_) min_ = other.min_;
  if (count_ == 0 || other.max_ > max_ || (other.max_ == max_ && other.max_time_ < max_time_)) {
    max_ = other.max_;
    max_time_ = other.max_time_;
  }
  count_ += other.count_;
  sum_ += other.sum_;
}

// Most of the other's bins are there already once some hours were merged.
void Histogram::merge_bins(const Bins& other) {
  std::size_t fresh = 0;
  auto at = bins_.begin();
  for (const Bin& bin : other) {
    at = seek(at, bins_.end(), bin.first);
    if (at != bins_.end() && at->first == bin.first) {
      at->second += bin.second;
    } else {
      ++fresh;
    }
  }
  if (fresh == 0) return;
  // From behind, so that each bin moves once.
  std::size_t from = bins_.size();
  bins_.resize(from + fresh);
  std::size_t to = bins_.size();
  for (auto bin = other.rbegin(); bin != other.rend() && to > from; ++bin) {
    while (from > 0 && bins_[from - 1].first > bin->first) bins_[--to] = bins_[--from];
    if (from > 0 && bins_[from - 1].first == bin->first) continue;
    bins_[--to] = *bin;
  }
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
  Bins read;
  read.reserve(bins.size() / 4);  // "1:1," is the shortest
  const std::uint64_t bin_max = last_bin(scale);
  std::uint64_t bin = 0;
  for (std::string_view rest = bins; !rest.empty();) {
    const auto gap = take_number(rest, ':');
    const auto count = gap ? take_number(rest, ',') : std::nullopt;
    if (!gap || !count) return bad_histogram("a wrong number");
    if (*gap == 0 && !read.empty()) return bad_histogram("a bin twice");
    if (*gap > bin_max || bin + *gap > bin_max) return bad_histogram("a bin beyond the scale");
    bin += *gap;
    read.emplace_back(static_cast<std::uint32_t>(bin), *count);
  }
  if (bins.ends_with(',')) return bad_histogram("it ends in a comma");
  return from_bins(scale, std::move(read), summary);
}

Result<Histogram> Histogram::from_bins(Scale scale, Bins bins, const Summary& summary) {
  Histogram out(scale);
  out.bins_ = std::move(bins);
  for (std::size_t i = 0; i < out.bins_.size(); ++i) {
    const auto& [bin, count] = out.bins_[i];
    if (count == 0 || count >> count_bits != 0) return bad_histogram("a wrong number");
    if (i > 0 && bin <= out.bins_[i - 1].first) return bad_histogram("bins out of order");
    out.count_ += count;
  }
  if (out.count_ == 0) return out;
  if (out.bins_.back().first > last_bin(scale)) return bad_histogram("a bin beyond the scale");
  if (summary.min > summary.max || bin_of(scale, summary.min) != out.bins_.front().first ||
      bin_of(scale, summary.max) != out.bins_.back().first) {
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
  const FiguresFields figures = figures_of(record);
  for (const HourFigure figure : hour_figures) {
    auto histogram = read_histogram(figures[static_cast<std::size_t>(figure)], figure);
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
