#include "rules/utilization/judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace yunjian::rules {

using ledger::Histogram;
using ledger::HourFigure;

namespace {

std::optional<Hundredths> load_value(const FoldedPart& part, RuleFigure figure) {
  if (!part.usage) return std::nullopt;
  const Histogram& cpu = part.usage->figure(HourFigure::cpu);
  const Histogram& memory = part.usage->figure(HourFigure::memory);
  switch (figure) {
    case RuleFigure::cpu_mean:
      return mean_percent(cpu);
    case RuleFigure::cpu_p95:
      return quantile_percent(cpu, 0.95);
    case RuleFigure::cpu_p99:
      return quantile_percent(cpu, 0.99);
    case RuleFigure::cpu_peak:
      return quantile_percent(cpu, 1.0);
    case RuleFigure::cpu_busiest_hour:
      return part.busiest_hour ? std::optional(part.busiest_hour->cpu_mean) : std::nullopt;
    case RuleFigure::cpu_busiest_day_p95:
      return part.busiest_day ? std::optional(part.busiest_day->cpu_p95) : std::nullopt;
    case RuleFigure::memory_mean:
      return mean_percent(memory);
    case RuleFigure::memory_p95:
      return quantile_percent(memory, 0.95);
    case RuleFigure::memory_p99:
      return quantile_percent(memory, 0.99);
    case RuleFigure::memory_peak:
      return quantile_percent(memory, 1.0);
    default:
      return std::nullopt;
  }
}

bool compare(Hundredths value, Relation relation, Hundredths limit) {
  switch (relation) {
    case Relation::below:
      return value < limit;
    case Relation::at_least:
      return value >= limit;
    case Relation::at_most:
      return value <= limit;
  }
  return false;
}

Check check(const FoldedPart& part, const Condition& condition) {
  Check made{.condition = condition, .value = figure_value(part, condition.figure)};
  made.holds = made.value && compare(*made.value, condition.relation, condition.limit);
  return made;
}

std::vector<Check> check_all(const FoldedPart& part, const std::vector<Condition>& conditions) {
  std::vector<Check> made;
  made.reserve(conditions.size());
  for (const Condition& condition : conditions) made.push_back(check(part, condition));
  return made;
}

bool all_hold(const std::vector<Check>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const Check& made) { return made.holds; });
}

std::vector<Check> check_gate(const FoldedPart& part, const Gate& gate) {
  const auto at_least = [&](RuleFigure figure, Hundredths limit) {
    return check(part, {.figure = figure, .relation = Relation::at_least, .limit = limit});
  };
  std::vector<Check> made = {at_least(RuleFigure::coverage, gate.coverage_min)};
  if (made[0].holds) {
    made.push_back(at_least(RuleFigure::cpu_coverage, gate.coverage_min));
    made.push_back(at_least(RuleFigure::memory_coverage, gate.coverage_min));
  }
  made.push_back(
      part.working_days
          ? at_least(RuleFigure::working_days, gate.working_days_min * Hundredths{100})
          : at_least(RuleFigure::days, gate.days_min_without_calendar * Hundredths{100}));
  made.push_back(check(part, {.figure = RuleFigure::longest_gap,
                              .relation = Relation::at_most,
                              .limit = static_cast<Hundredths>(gate.gap_max.count()) * 100}));
  return made;
}

struct Phrases {
  std::string_view zh, en;
};

Phrases phrase(Relation relation, bool holds) {
  switch (relation) {
    case Relation::below:
      return holds ? Phrases{"低于", "is below"} : Phrases{"不低于", "is not below"};
    case Relation::at_least:
      return holds ? Phrases{"达到", "reaches"} : Phrases{"低于", "is below"};
    case Relation::at_most:
      return holds ? Phrases{"不超过", "is within"} : Phrases{"超过", "exceeds"};
  }
  return {};
}

// "CPU P95 12.3% 低于 20%" / "CPU P95 12.3 % is below 20 %"
Words describe(const Check& made, const RuleSet& rules) {
  const Words& name = rules.names.at(made.condition.figure);
  if (!made.value) return {.zh = name.zh + " 无数据", .en = name.en + " was not measured"};
  const Words value = format_figure(made.condition.figure, *made.value);
  const Words limit = format_figure(made.condition.figure, made.condition.limit);
  const Phrases verb = phrase(made.condition.relation, made.holds);
  return {.zh = fmt::format("{} {} {} {}", name.zh, value.zh, verb.zh, limit.zh),
          .en = fmt::format("{} {} {} {}", name.en, value.en, verb.en, limit.en)};
}

// Those of the checks whose outcome is `holds`, joined.
Words list(const std::vector<Check>& checks, bool holds, const RuleSet& rules) {
  Words joined;
  for (const Check& made : checks) {
    if (made.holds != holds) continue;
    const Words one = describe(made, rules);
    joined.zh += (joined.zh.empty() ? "" : "，") + one.zh;
    joined.en += (joined.en.empty() ? "" : ", ") + one.en;
  }
  return joined;
}

Words reason(const FoldedPart& part, const Judgement& made, const RuleSet& rules) {
  switch (made.verdict) {
    case Verdict::insufficient_data: {
      if (!part.usage) {
        const auto hours = static_cast<Hundredths>(part.expected.count()) / 36;
        const Words expected = format_figure(RuleFigure::longest_gap, hours);
        return {.zh = fmt::format("应测 {}内没有任何测量数据，不作判定，也不表示利用率为 0",
                                  expected.zh),
                .en = fmt::format("nothing was measured in the {} expected; not judged, and no "
                                  "statement that the load was 0",
                                  expected.en)};
      }
      const Words missed = list(made.gate, false, rules);
      return {.zh = missed.zh + "，不作判定", .en = missed.en + "; not judged"};
    }
    case Verdict::high:
      return list(made.high, true, rules);
    case Verdict::low:
      return list(made.low, true, rules);
    case Verdict::normal:
      break;
  }
  const Words not_high = list(made.high, false, rules);
  const Words not_low = list(made.low, false, rules);
  return {.zh = fmt::format("{}，不属偏高；{}，不属偏低", not_high.zh, not_low.zh),
          .en = fmt::format("not high: {}; not low: {}", not_high.en, not_low.en)};
}

Words explain(const FoldedPart& part, const Judgement& made, const RuleSet& rules) {
  const Words& verdict = rules.verdicts.at(made.verdict);
  const Words why = reason(part, made, rules);
  return {.zh = fmt::format("{}：{}（规则 {}）。", verdict.zh, why.zh, rules.version),
          .en = fmt::format("{}: {} (rules {}).", verdict.en, why.en, rules.version)};
}

}  // namespace

Judgement judge(const FoldedPart& part, const RuleSet& rules) {
  Judgement made;
  made.rule_version = rules.version;
  made.gate = check_gate(part, rules.gate);
  if (part.usage && all_hold(made.gate)) {
    made.high = check_all(part, rules.high);
    made.low = check_all(part, rules.low);
    const bool high =
        std::any_of(made.high.begin(), made.high.end(), [](const Check& one) { return one.holds; });
    made.verdict = high ? Verdict::high : all_hold(made.low) ? Verdict::low : Verdict::normal;
  }
  made.explanation = explain(part, made, rules);
  return made;
}

std::optional<Hundredths> figure_value(const FoldedPart& part, RuleFigure figure) {
  switch (figure) {
    case RuleFigure::coverage:
      return coverage(part.measured, part.expected);
    case RuleFigure::cpu_coverage:
      return coverage(part.cpu_measured, part.expected);
    case RuleFigure::memory_coverage:
      return coverage(part.memory_measured, part.expected);
    case RuleFigure::working_days:
      return part.working_days ? std::optional(Hundredths{*part.working_days} * 100) : std::nullopt;
    case RuleFigure::days:
      return Hundredths{part.days} * 100;
    // Rounded up, so that a gap just above a limit never reads as the limit.
    case RuleFigure::longest_gap:
      return (static_cast<Hundredths>(part.longest_gap.count()) + 35) / 36;
    default:
      return load_value(part, figure);
  }
}

Words format_figure(RuleFigure figure, Hundredths value) {
  std::string number = fmt::format("{}.{:02}", value / 100, value % 100);
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  switch (figure_unit(figure)) {
    case FigureUnit::percent:
      return {.zh = number + "%", .en = number + " %"};
    case FigureUnit::days:
      return {.zh = number + " 天", .en = number + (value == 100 ? " day" : " days")};
    case FigureUnit::hours:
      return {.zh = number + " 小时", .en = number + (value == 100 ? " hour" : " hours")};
  }
  return {};
}

}  // namespace yunjian::rules
