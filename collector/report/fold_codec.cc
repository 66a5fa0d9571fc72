#include "collector/report/fold_codec.h"

#include <limits>

namespace yunjian::collector {

using ledger::Histogram;
using ledger::HourFigure;
using ledger::put_varint;
using ledger::put_zigzag;
using ledger::Result;
using ledger::Time;
using ledger::Unpacker;
using rules::FoldRun;

namespace {

ledger::Failure damaged() {
  return ledger::fail(ledger::ErrorKind::corrupt, "a run of folded hours is not whole");
}

void put_time(std::string& out, Time time) { put_zigzag(out, time.time_since_epoch().count()); }

Time take_time(Unpacker& in) { return Time(std::chrono::microseconds(in.zigzag())); }

void put_seconds(std::string& out, std::chrono::seconds seconds) {
  put_zigzag(out, seconds.count());
}

std::chrono::seconds take_seconds(Unpacker& in) { return std::chrono::seconds(in.zigzag()); }

void put_histogram(std::string& out, const Histogram& histogram) {
  put_varint(out, histogram.bins().size());
  std::uint32_t last = 0;
  for (const auto& [bin, count] : histogram.bins()) {
    put_varint(out, bin - last);
    put_varint(out, count);
    last = bin;
  }
  if (histogram.count() == 0) return;
  put_varint(out, histogram.sum());
  put_varint(out, histogram.min());
  put_varint(out, histogram.max());
  put_time(out, histogram.max_time());
}

Result<Histogram> take_histogram(Unpacker& in, ledger::Scale scale) {
  Histogram::Bins bins(in.count());
  std::uint64_t bin = 0;
  for (auto& [number, count] : bins) {
    bin += in.varint();
    count = in.varint();
    if (bin > std::numeric_limits<std::uint32_t>::max()) return damaged();
    number = static_cast<std::uint32_t>(bin);
  }
  if (!in.good()) return damaged();
  if (bins.empty()) return Histogram(scale);
  Histogram::Summary summary;
  summary.sum = in.varint();
  summary.min = in.varint();
  summary.max = in.varint();
  summary.max_time = take_time(in);
  if (!in.good()) return damaged();
  return Histogram::from_bins(scale, std::move(bins), summary);
}

void put_days(std::string& out, const FoldRun& run) {
  put_varint(out, run.days.size());
  for (auto [date, day] : run.days) {
    day.unpack();
    put_zigzag(out, date.time_since_epoch().count());
    put_seconds(out, day.measured);
    put_histogram(out, day.cpu);
  }
}

Result<void> take_days(Unpacker& in, FoldRun& run) {
  for (std::uint64_t left = in.count(); left > 0; --left) {
    const std::chrono::sys_days date{
        std::chrono::days(static_cast<std::chrono::days::rep>(in.zigzag()))};
    FoldRun::DaySum day;
    day.measured = take_seconds(in);
    auto cpu = take_histogram(in, ledger::Scale::percent);
    if (!cpu) return ledger::failure(cpu);
    day.cpu = std::move(*cpu);
    run.usage->figure(HourFigure::cpu).merge(day.cpu);
    run.days.emplace_hint(run.days.end(), date, std::move(day));
  }
  return {};
}

void put_hours(std::string& out, const FoldRun& run) {
  put_varint(out, run.spans.size());
  Time last{};
  for (const FoldRun::Span& span : run.spans) {
    put_zigzag(out, (span.from - last).count());
    put_zigzag(out, (span.to - span.from).count());
    last = span.to;
  }
  put_varint(out, run.hours.size());
  for (const auto& [time, hour] : run.hours) {
    put_time(out, time);
    put_varint(out, hour.sum);
    put_varint(out, hour.count);
    put_seconds(out, hour.measured);
  }
}

void take_hours(Unpacker& in, FoldRun& run) {
  run.spans.resize(in.count());
  Time last{};
  for (FoldRun::Span& span : run.spans) {
    span.from = last + std::chrono::microseconds(in.zigzag());
    span.to = span.from + std::chrono::microseconds(in.zigzag());
    last = span.to;
  }
  for (std::uint64_t left = in.count(); left > 0; --left) {
    const Time time = take_time(in);
    FoldRun::HourSum hour;
    hour.sum = in.varint();
    hour.count = in.varint();
    hour.measured = take_seconds(in);
    run.hours.emplace_hint(run.hours.end(), time, hour);
  }
}

}  // namespace

void put_run(std::string& out, const StreamRun& run) {
  const ledger::UsageHour& usage = *run.run.usage;
  put_time(out, rules::month_begin(run.month));
  put_varint(out, run.input().first);
  put_varint(out, run.input().last - run.input().first);
  put_varint(out, run.input().records);
  put_time(out, usage.from);
  put_zigzag(out, (usage.to - usage.from).count());
  put_varint(out, usage.samples);
  put_varint(out, usage.interval_s);
  put_varint(out, usage.vcpus);
  put_varint(out, usage.memory_bytes);
  for (const HourFigure figure : ledger::hour_figures) {
    if (figure != HourFigure::cpu) put_histogram(out, usage.figure(figure));
  }
  put_seconds(out, run.run.measured);
  put_seconds(out, run.run.cpu_measured);
  put_seconds(out, run.run.memory_measured);
  put_days(out, run.run);
  put_hours(out, run.run);
}

Result<StreamRun> take_run(Unpacker& in, const std::string& stream) {
  StreamRun run{.month = rules::china_month(take_time(in))};
  rules::FoldInput input{.stream = stream};
  input.first = in.varint();
  input.last = input.first + in.varint();
  input.records = in.varint();
  run.run.inputs.push_back(std::move(input));
  ledger::UsageHour& usage = run.run.usage.emplace();
  usage.from = take_time(in);
  usage.to = usage.from + std::chrono::microseconds(in.zigzag());
  usage.samples = in.varint();
  usage.interval_s = in.varint();
  usage.vcpus = in.varint();
  usage.memory_bytes = in.varint();
  for (const HourFigure figure : ledger::hour_figures) {
    if (figure == HourFigure::cpu) continue;
    auto histogram = take_histogram(in, ledger::figure_scale(figure));
    if (!histogram) return ledger::failure(histogram);
    usage.figure(figure) = std::move(*histogram);
  }
  run.run.measured = take_seconds(in);
  run.run.cpu_measured = take_seconds(in);
  run.run.memory_measured = take_seconds(in);
  if (auto days = take_days(in, run.run); !days) return ledger::failure(days);
  take_hours(in, run.run);
  if (!in.good()) return damaged();
  return run;
}

}  // namespace yunjian::collector
