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

Verdict verdict(const FoldedPart& part, const MonthFacts& facts = {}) {
  return judge(part, facts, rules()).verdict;
}

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
  const Judgement made = judge(part, {}, rules());
  CHECK(made.verdict == Verdict::insufficient_data);
  CHECK(made.explanation.zh ==
        "数据不足：应测 720 小时内没有任何测量数据，不作判定，也不表示利用率为 0"
        "（规则 default-2026.2）。");
  CHECK(made.explanation.en ==
        "insufficient data: nothing was measured in the 720 hours expected; not judged, and no "
        "statement that the load was 0 (rules default-2026.2).");
}

TEST_CASE("each verdict is explained with the numbers it rests on") {
  CHECK(judge(month_of(32, 255), {}, rules()).explanation.zh ==
        "偏低：CPU P95 3.2% 低于 20%，CPU 最忙一日 P95 3.2% 低于 40%，"
        "CPU 最忙一小时均值 3.2% 低于 40%，内存 P99 25.5% 低于 40%；网络流入 P95 无数据，"
        "网络流出 P95 无数据，人员登录 无数据，不判为闲置（规则 default-2026.2）。");
  CHECK(judge(month_of(812, 255), {}, rules()).explanation.en ==
        "high: CPU P95 81.2 % reaches 80 % (rules default-2026.2).");
  CHECK(judge(month_of(300, 255), {}, rules()).explanation.en ==
        "normal: not high: CPU P95 30 % is below 80 %, memory P95 25.5 % is below 85 %; not low: "
        "CPU P95 30 % is not below 20 % (rules default-2026.2).");
  FoldedPart part = month_of(300, 255);
  part.measured = 375h;
  part.longest_gap = 48h;
  CHECK(judge(part, {}, rules()).explanation.zh ==
        "数据不足：数据完整率 52.08% 低于 90%，最长缺测 48 小时 超过 24 小时，不作判定"
        "（规则 default-2026.2）。");
}

TEST_CASE("a judgement carries every comparison it made") {
  const Judgement made = judge(month_of(300, 255), {}, rules());
  CHECK(made.rule_version == "default-2026.2");
  REQUIRE(made.gate.size() == 5);
  CHECK(made.gate[3].condition.figure == RuleFigure::working_days);
  CHECK(made.gate[3].value == 2100);
  REQUIRE(made.rules.size() == 7);
  const RuleOutcome* low = made.outcome(Verdict::low);
  REQUIRE(low != nullptr);
  REQUIRE(low->alternatives.size() == 1);
  const auto& checks = low->alternatives[0].checks;
  REQUIRE(checks.size() == 4);
  CHECK(checks[0].value == 3000);
  CHECK(checks[0].condition.limit == 2000);
  CHECK_FALSE(checks[0].holds);
  CHECK(checks[3].holds);
  CHECK(low->clears == true);  // 30 % is above 25 %
  CHECK(made.outcome(Verdict::high)->alternatives.size() == 3);
}

// Without people and without traffic; loads in tenths of a percent.
FoldedPart quiet_month(std::uint64_t cpu, std::uint64_t memory) {
  FoldedPart part = month_of(cpu, memory);
  for (int i = 0; i < 100; ++i) {
    part.usage->figure(HourFigure::net_in).add(700, ledger::Time{});
    part.usage->figure(HourFigure::net_out).add(300, ledger::Time{});
    part.usage->figure(HourFigure::disk_iops).add(1, ledger::Time{});
  }
  return part;
}

TEST_CASE("a host that does nothing for anybody is idle, whatever its memory holds") {
  const MonthFacts nobody{.logins = 0, .accesses = 0};
  CHECK(verdict(quiet_month(49, 100), nobody) == Verdict::idle);
  CHECK(verdict(quiet_month(49, 650), nobody) == Verdict::idle);
  CHECK(verdict(quiet_month(50, 100), nobody) == Verdict::low);
}

TEST_CASE("a login, an access or traffic veto idle, and what nobody knows does not confirm it") {
  const FoldedPart part = quiet_month(20, 100);
  CHECK(verdict(part, {.logins = 1, .accesses = 0}) == Verdict::low);
  CHECK(verdict(part, {.logins = 0, .accesses = 1}) == Verdict::low);
  CHECK(verdict(part, {.logins = 0}) == Verdict::idle);  // nothing is served that could be used
  CHECK(verdict(part, {}) == Verdict::low);
  CHECK(judge(part, {}, rules()).explanation.zh.find("；人员登录 无数据，不判为闲置") !=
        std::string::npos);
  FoldedPart busy = month_of(20, 100);
  for (int i = 0; i < 100; ++i) {
    busy.usage->figure(HourFigure::net_in).add(2100, ledger::Time{});
    busy.usage->figure(HourFigure::net_out).add(300, ledger::Time{});
  }
  CHECK(verdict(busy, {.logins = 0}) == Verdict::low);
}

TEST_CASE("flat load without work just above the limit is its own finding") {
  CHECK(verdict(quiet_month(210, 100)) == Verdict::faked_load);
  CHECK(verdict(quiet_month(950, 100)) == Verdict::faked_load);  // before it could pass for severe
  CHECK(verdict(quiet_month(60, 450)) == Verdict::faked_load);   // memory held for nothing
  CHECK(verdict(quiet_month(199, 100)) == Verdict::low);         // it did not help
  CHECK(verdict(quiet_month(210, 100), {.logins = 1}) == Verdict::normal);
  CHECK(verdict(month_of(210, 100)) == Verdict::normal);  // no traffic was measured at all

  FoldedPart works = quiet_month(210, 100);  // a quarter of the time it rests
  for (int i = 0; i < 30; ++i) works.usage->figure(HourFigure::cpu).add(20, ledger::Time{});
  CHECK(verdict(works) == Verdict::normal);
}

TEST_CASE("starving now is severe: CPU, memory, or a disk that is about to be full") {
  CHECK(verdict(month_of(899, 100)) == Verdict::high);
  CHECK(verdict(month_of(900, 100)) == Verdict::severe);
  CHECK(verdict(month_of(300, 300), {.oom_kills = 1}) == Verdict::severe);
  CHECK(verdict(month_of(300, 300), {.oom_kills = 0}) == Verdict::normal);
  CHECK(verdict(month_of(300, 300), {.disk_full_days = 14}) == Verdict::severe);
  CHECK(verdict(month_of(300, 300), {.disk_full_days = 15}) == Verdict::normal);
  CHECK(verdict(month_of(300, 300), {.disk_used = 8500}) == Verdict::high);
  CHECK(verdict(month_of(300, 300), {.disk_used = 8499}) == Verdict::normal);
}

TEST_CASE("CPU and memory that do not fit each other are a wrong shape, not low") {
  CHECK(verdict(month_of(100, 700)) == Verdict::wrong_shape);
  CHECK(verdict(month_of(100, 699)) == Verdict::normal);
  CHECK(verdict(month_of(600, 299)) == Verdict::wrong_shape);
  CHECK(verdict(month_of(599, 299)) == Verdict::normal);
}

TEST_CASE("powered off is known, not guessed from missing data") {
  FoldedPart part;
  part.expected = 720h;
  part.longest_gap = 720h;
  CHECK(verdict(part) == Verdict::insufficient_data);
  CHECK(verdict(part, {.powered_off = 28 * 24h}) == Verdict::off);
  CHECK(verdict(part, {.powered_off = 28 * 24h - 1h}) == Verdict::insufficient_data);
  CHECK(judge(part, {.powered_off = 30 * 24h}, rules()).explanation.zh ==
        "长期关机：连续关机 30 天 达到 28 天（规则 default-2026.2）。");
}

TEST_CASE("the agreement whose limits were used stands in the sentence") {
  const auto agreement = parse_agreement("XQ-17", R"({"low":{"cpu_p95":10}})");
  REQUIRE(agreement);
  const auto agreed = under_agreement(rules(), *agreement);
  REQUIRE(agreed);
  const Judgement made = judge(month_of(150, 100), {}, *agreed);
  CHECK(made.verdict == Verdict::normal);
  CHECK(made.agreement == "XQ-17");
  CHECK(made.explanation.zh.find("（规则 default-2026.2，需求确认 XQ-17）") != std::string::npos);
  CHECK(made.explanation.en.find("(rules default-2026.2, agreement XQ-17)") != std::string::npos);
}

TEST_CASE("a gap just above the limit does not read as the limit") {
  FoldedPart part = month_of(300, 255);
  part.longest_gap = 24h + 1s;
  CHECK(
      format_figure(RuleFigure::longest_gap, *figure_value(part, {}, RuleFigure::longest_gap)).zh ==
      "24.01 小时");
}

}  // namespace
}  // namespace yunjian::rules
