#include "rules/utilization/judge.h"

#include <doctest/doctest.h>

namespace yunjian::rules {
namespace {

using namespace std::chrono_literals;
using ledger::HourFigure;

RuleSet rules() {
  auto parsed = default_rule_set();
  REQUIRE(parsed);
  return *parsed;
}

// A month that passes the gate; loads in tenths of a percent, constant.
FoldedPart month_of(std::uint64_t cpu, std::uint64_t memory) {
  FoldedPart part;
  part.usage.emplace();
  for (int i = 0; i < 100; ++i) {
    part.usage->figure(HourFigure::cpu).add(cpu, ledger::Time{});
    part.usage->figure(HourFigure::memory).add(memory, ledger::Time{});
  }
  part.expected = part.measured = part.cpu_measured = part.memory_measured = 720h;
  part.days = 30;
  part.working_days = 21;
  part.busiest_hour = BusiestHour{.cpu_mean = cpu * 10};
  part.busiest_day = BusiestDay{.cpu_p95 = cpu * 10};
  return part;
}

Verdict verdict(const FoldedPart& part) { return judge(part, rules()).verdict; }

TEST_CASE("a month is low only strictly below every limit") {
  CHECK(verdict(month_of(199, 399)) == Verdict::low);
  CHECK(verdict(month_of(200, 399)) == Verdict::normal);
  CHECK(verdict(month_of(199, 400)) == Verdict::normal);
  CHECK(verdict(month_of(0, 0)) == Verdict::low);
}

TEST_CASE("one busy hour or day keeps a month from being low") {
  FoldedPart part = month_of(50, 100);
  part.busiest_hour->cpu_mean = 3999;
  part.busiest_day->cpu_p95 = 3999;
  CHECK(verdict(part) == Verdict::low);
  part.busiest_hour->cpu_mean = 4000;
  CHECK(verdict(part) == Verdict::normal);
  part.busiest_hour->cpu_mean = 3999;
  part.busiest_day->cpu_p95 = 4000;
  CHECK(verdict(part) == Verdict::normal);
  part.busiest_day.reset();  // not measured is not low
  CHECK(verdict(part) == Verdict::normal);
}

TEST_CASE("a month is high as soon as one limit is reached") {
  CHECK(verdict(month_of(799, 849)) == Verdict::normal);
  CHECK(verdict(month_of(800, 0)) == Verdict::high);
  CHECK(verdict(month_of(0, 850)) == Verdict::high);
}

TEST_CASE("what the gate does not let pass is not judged, however clear the load") {
  FoldedPart part = month_of(10, 10);
  part.measured = 648h;
  CHECK(verdict(part) == Verdict::low);
  part.measured = 648h - 1s;
  CHECK(verdict(part) == Verdict::insufficient_data);

  part = month_of(990, 990);
  part.memory_measured = 0s;
  CHECK(verdict(part) == Verdict::insufficient_data);

  part = month_of(10, 10);
  part.longest_gap = 24h;
  CHECK(verdict(part) == Verdict::low);
  part.longest_gap = 24h + 1s;
  CHECK(verdict(part) == Verdict::insufficient_data);

  part = month_of(10, 10);
  part.working_days = 15;
  CHECK(verdict(part) == Verdict::low);
  part.working_days = 14;
  CHECK(verdict(part) == Verdict::insufficient_data);
  part.working_days.reset();  // calendar unknown: plain days count
  part.days = 21;
  CHECK(verdict(part) == Verdict::low);
  part.days = 20;
  CHECK(verdict(part) == Verdict::insufficient_data);
}

TEST_CASE("no data is said to be no data, and not a load of 0") {
  FoldedPart part;
  part.expected = 720h;
  part.longest_gap = 720h;
  const Judgement made = judge(part, rules());
  CHECK(made.verdict == Verdict::insufficient_data);
  CHECK(made.explanation.zh ==
        "数据不足：应测 720 小时内没有任何测量数据，不作判定，也不表示利用率为 0"
        "（规则 default-2026.1）。");
  CHECK(made.explanation.en ==
        "insufficient data: nothing was measured in the 720 hours expected; not judged, and no "
        "statement that the load was 0 (rules default-2026.1).");
}

TEST_CASE("each verdict is explained with the numbers it rests on") {
  CHECK(judge(month_of(32, 255), rules()).explanation.zh ==
        "偏低：CPU P95 3.2% 低于 20%，CPU 最忙一日 P95 3.2% 低于 40%，"
        "CPU 最忙一小时均值 3.2% 低于 40%，内存 P99 25.5% 低于 40%（规则 default-2026.1）。");
  CHECK(judge(month_of(912, 255), rules()).explanation.en ==
        "high: CPU P95 91.2 % reaches 80 % (rules default-2026.1).");
  CHECK(judge(month_of(300, 255), rules()).explanation.en ==
        "normal: not high: CPU P95 30 % is below 80 %, memory P95 25.5 % is below 85 %; not low: "
        "CPU P95 30 % is not below 20 % (rules default-2026.1).");
  FoldedPart part = month_of(300, 255);
  part.measured = 375h;
  part.longest_gap = 48h;
  CHECK(judge(part, rules()).explanation.zh ==
        "数据不足：数据完整率 52.08% 低于 90%，最长缺测 48 小时 超过 24 小时，不作判定"
        "（规则 default-2026.1）。");
}

TEST_CASE("a judgement carries every comparison it made") {
  const Judgement made = judge(month_of(300, 255), rules());
  CHECK(made.rule_version == "default-2026.1");
  REQUIRE(made.gate.size() == 5);
  CHECK(made.gate[3].condition.figure == RuleFigure::working_days);
  CHECK(made.gate[3].value == 2100);
  REQUIRE(made.low.size() == 4);
  CHECK(made.low[0].value == 3000);
  CHECK(made.low[0].condition.limit == 2000);
  CHECK_FALSE(made.low[0].holds);
  CHECK(made.low[3].holds);
  CHECK(made.high.size() == 2);
}

TEST_CASE("a gap just above the limit does not read as the limit") {
  FoldedPart part = month_of(300, 255);
  part.longest_gap = 24h + 1s;
  CHECK(format_figure(RuleFigure::longest_gap, *figure_value(part, RuleFigure::longest_gap)).zh ==
        "24.01 小时");
}

}  // namespace
}  // namespace yunjian::rules
