#include "auditor/testing/sample_usage.h"

#include <algorithm>

#include "ledger/record.h"

namespace yunjian::auditor::testing {

using ledger::HourFigure;

std::string SampleUsage::minute(double cpu) {
  std::string line;
  const ledger::Time from = start_ + std::chrono::minutes(minutes_);
  ledger::RecordWriter writer(line, from + std::chrono::minutes(1), "usage");
  double sum = 0;
  double max = 0;
  for (int i = 0; i < 6; ++i) {
    const double value = cpu + i * 0.123;
    hour_.figure(HourFigure::cpu).add(static_cast<std::uint64_t>(value * 10 + 0.5), from);
    hour_.figure(HourFigure::net_in).add(static_cast<std::uint64_t>(value * 1000), from);
    hour_.figure(HourFigure::disk_bytes).add(300 + static_cast<std::uint64_t>(i), from);
    sum += value;
    max = std::max(max, value);
  }
  writer.integer("interval_s", 10).integer("n", 6);
  writer.decimal("cpu.used.max", max).decimal("cpu.used.mean", sum / 6);
  writer.integer("disk.read_bytes.max", 105).integer("disk.read_bytes.mean", 103);
  writer.integer("disk.write_bytes.max", 200).integer("disk.write_bytes.mean", 200);
  writer.integer("net.in_bytes.max", static_cast<std::uint64_t>(max * 1000));
  writer.integer("net.in_bytes.mean", static_cast<std::uint64_t>(sum / 6 * 1000 + 0.5));
  writer.finish();
  hour_.samples += 6;
  ++minutes_;
  return line;
}

std::string SampleUsage::hour(const std::function<void(ledger::UsageHour&)>& change) {
  hour_.from = start_;
  hour_.to = start_ + std::chrono::hours(1);
  if (change) change(hour_);
  std::string line;
  ledger::write_usage_hour(line, hour_);
  return line;
}

}  // namespace yunjian::auditor::testing
