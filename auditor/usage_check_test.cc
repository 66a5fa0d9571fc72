#include "auditor/usage_check.h"

#include <doctest/doctest.h>

#include "auditor/testing/sample_usage.h"

namespace yunjian::auditor {
namespace {

using ledger::HourFigure;
using ledger::Time;
using testing::SampleUsage;

const Time start = ledger::parse_time("2026-11-22T08:00:00.000000Z").value();

struct Verdict {
  std::string problem;
  HourCounts counts;
};

Verdict check(const std::function<void(ledger::UsageHour&)>& change, int without = -1,
              bool lost = false) {
  SampleUsage host(start);
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

TEST_CASE("a figure over fewer samples than its minutes have is found, however few are left out") {
  // Five busy minutes taken out of CPU: count, sum and maximum fit each other, not the minutes.
  const auto cut = [](HourFigure figure, int samples) {
    return check([&](auto& hour) {
      const auto scale = ledger::figure_scale(figure);
      ledger::Histogram less(scale);
      for (int i = 0; i < samples; ++i) less.add(hour.figure(figure).max(), start);
      hour.figure(figure) = less;
    });
  };
  CHECK(cut(HourFigure::cpu, 330).problem == "the hour has 330 samples of cpu, its minutes 360");
  CHECK(cut(HourFigure::cpu, 359).problem.find("359 samples of cpu") != std::string::npos);
  CHECK(cut(HourFigure::net_in, 0).problem.find("0 samples of net_in") != std::string::npos);
  CHECK(cut(HourFigure::net_in, 354).problem.find("354 samples") != std::string::npos);
  CHECK(check([](auto& hour) {
          hour.figure(HourFigure::cpu).add(100, start);
        }).problem.find("361 samples of cpu") != std::string::npos);
}

TEST_CASE("a figure that some minute lacks may have fewer samples, and no larger maximum") {
  const auto with = [](const std::function<void(ledger::UsageHour&)>& change) {
    SampleUsage host(start);
    UsageCheck usage;
    HourCounts counts;
    for (int i = 0; i < 60; ++i) {
      std::string line = host.minute(10 + i);
      const std::size_t at = line.find(R"(,"net.in_bytes.max")");
      if (i == 59) line.erase(at, line.find('}') - at);
      CHECK(usage.take(line, counts).en.empty());
    }
    return usage.take(host.hour(change), counts).en;
  };
  const auto short_of = [](int samples, std::uint64_t value) {
    return [samples, value](ledger::UsageHour& hour) {
      ledger::Histogram less(ledger::figure_scale(HourFigure::net_in));
      less.add(value, start);
      for (int i = 1; i < samples; ++i) less.add(40000, start);
      hour.figure(HourFigure::net_in) = less;
    };
  };
  CHECK(with(short_of(300, 68615)) == "");
  CHECK(with(nullptr).find("samples of net_in") != std::string::npos);
  CHECK(with(short_of(300, 99000)).find("maximum of net_in") != std::string::npos);
}

TEST_CASE("an hour whose minutes are not all readable is not checked") {
  const Verdict verdict = check([](auto& hour) { hour.samples = 1; }, -1, true);
  CHECK(verdict.problem == "");
  CHECK(verdict.counts.not_checked == 1);
  UsageCheck usage;
  HourCounts counts;
  CHECK(usage.take(SampleUsage(start).hour(), counts).en == "");
  CHECK(counts.not_checked == 1);
}

}  // namespace
}  // namespace yunjian::auditor
