#include "auditor/usage_check.h"

#include <doctest/doctest.h>

#include "ledger/usage_hour.h"

namespace yunjian::auditor {
namespace {

using ledger::HourFigure;
using ledger::Time;

const Time start = ledger::parse_time("2026-11-22T08:00:00.000000Z").value();

// Minutes of six samples each, and the hour that they add up to.
class Host {
 public:
  std::string minute(double cpu) {
    std::string line;
    const Time from = start + std::chrono::minutes(minutes_);
    const Time end = from + std::chrono::minutes(1);
    ledger::RecordWriter writer(line, end, "usage");
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
  std::string hour(const std::function<void(ledger::UsageHour&)>& change = nullptr) {
    hour_.from = start;
    hour_.to = start + std::chrono::hours(1);
    if (change) change(hour_);
    std::string line;
    ledger::write_usage_hour(line, hour_);
    return line;
  }

 private:
  int minutes_ = 0;
  ledger::UsageHour hour_;
};

struct Verdict {
  std::string problem;
  HourCounts counts;
};

Verdict check(const std::function<void(ledger::UsageHour&)>& change, int without = -1,
              bool lost = false) {
  Host host;
  UsageCheck usage;
  Verdict verdict;
  for (int i = 0; i < 60; ++i) {
    const std::string line = host.minute(10 + i);
    if (i == 30) {  // a check that goes on from a saved state
      UsageCheck again;
      REQUIRE(again.load(usage.save()));
      usage = again;
    }
    if (i != without) CHECK(usage.take(line, verdict.counts).en.empty());
  }
  if (lost) usage.lost();
  verdict.problem = usage.take(host.hour(change), verdict.counts).en;
  return verdict;
}

TEST_CASE("an hour that its minutes add up to holds") {
  const Verdict verdict = check(nullptr);
  CHECK(verdict.problem == "");
  CHECK(verdict.counts.checked == 1);
}

TEST_CASE("a minute that is missing is named") {
  const Verdict verdict = check(nullptr, 17);
  CHECK(verdict.problem.find("2026-11-22T08:17Z") != std::string::npos);
}

TEST_CASE("one sample more, a larger maximum, another sum are found") {
  CHECK(check([](auto& hour) { ++hour.samples; }).problem.find("samples") != std::string::npos);
  CHECK(check([](auto& hour) {
          hour.figure(HourFigure::cpu).add(999, start);
          hour.samples = 361;
        }).problem != "");
  const auto with_cpu = [](std::uint64_t value) {
    return check([value](auto& hour) {
      ledger::Histogram other(ledger::Scale::percent);
      for (int i = 0; i < 360; ++i) other.add(value, start);
      hour.figure(HourFigure::cpu) = other;
    });
  };
  CHECK(with_cpu(696).problem.find("sum of cpu") != std::string::npos);
  CHECK(with_cpu(900).problem.find("maximum of cpu") != std::string::npos);
  CHECK(with_cpu(100).problem.find("maximum of cpu") != std::string::npos);
}

TEST_CASE("an hour whose minutes are not all readable is not checked") {
  const Verdict verdict = check([](auto& hour) { hour.samples = 1; }, -1, true);
  CHECK(verdict.problem == "");
  CHECK(verdict.counts.not_checked == 1);
  UsageCheck usage;
  HourCounts counts;
  CHECK(usage.take(Host().hour(), counts).en == "");
  CHECK(counts.not_checked == 1);
}

}  // namespace
}  // namespace yunjian::auditor
