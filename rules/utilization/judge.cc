#include "rules/utilization/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace yunjian::rules {

using ledger::Histogram;
using ledger::HourFigure;

namespace {

std::optional<Hundredths> spread(const Histogram& histogram) {
  const auto high = quantile_percent(histogram, 0.95);
  const auto low = quantile_percent(histogram, 0.05);
  if (!high || !low) return std::nullopt;
  return *high - *low;
}

std::optional<Hundredths> rate_p95(const Histogram& histogram) {
  if (histogram.count() == 0) return std::nullopt;
  return histogram.quantile(0.95) * 100;
}

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
    case RuleFigure::cpu_spread:
      return spread(cpu);
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
    case RuleFigure::memory_spread:
      return spread(memory);
    case RuleFigure::net_in_p95:
      return rate_p95(part.usage->figure(HourFigure::net_in));
    case RuleFigure::net_out_p95:
      return rate_p95(part.usage->figure(HourFigure::net_out));
    case RuleFigure::disk_iops_p95:
      return rate_p95(part.usage->figure(HourFigure::disk_iops));
    default:
      return std::nullopt;
  }
}

std::optional<Hundredths> times_hundred(const std::optional<std::uint64_t>& count) {
  return count ? std::optional<Hundredths>(*count * 100) : std::nullopt;
}

std::optional<Hundredths> fact_value(const MonthFacts& facts, RuleFigure figure) {
  switch (figure) {
    case RuleFigure::disk_used:
      return facts.disk_used;
    case RuleFigure::disk_full_days:
      return times_hundred(facts.disk_full_days);
    case RuleFigure::oom_kills:
      return times_hundred(facts.oom_kills);
    case RuleFigure::logins:
      return times_hundred(facts.logins);
    case RuleFigure::accesses:
      return times_hundred(facts.accesses);
    case RuleFigure::off_days:
      if (!facts.powered_off) return std::nullopt;
      return static_cast<Hundredths>(facts.powered_off->count()) / 864;
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

// What judges one month: the figures and what they are compared with.
struct Asked {
  const FoldedPart& part;
  const MonthFacts& facts;

  Check check(const Condition& condition) const {
    Check made{.condition = condition, .value = figure_value(part, facts, condition.figure)};
    made.holds = made.value ? compare(*made.value, condition.relation, condition.limit)
                            : condition.if_measured;
    return made;
  }

  std::vector<CheckList> check_all(const Alternatives& alternatives) const {
    std::vector<CheckList> lists;
    lists.reserve(alternatives.size());
    for (const auto& conditions : alternatives) {
      CheckList& list = lists.emplace_back();
      list.holds = true;
      for (const Condition& condition : conditions) {
        list.checks.push_back(check(condition));
        list.holds = list.holds && list.checks.back().holds;
      }
    }
    return lists;
  }

  RuleOutcome ask(const Rule& rule) const {
    const auto holds = [](const CheckList& list) { return list.holds; };
    RuleOutcome made{.verdict = rule.verdict, .alternatives = check_all(rule.when)};
    made.holds = std::any_of(made.alternatives.begin(), made.alternatives.end(), holds);
    made.clear = check_all(rule.clear);
    made.clears =
        rule.clear.empty() ? !made.holds : std::any_of(made.clear.begin(), made.clear.end(), holds);
    return made;
  }

  std::vector<Check> check_gate(const Gate& gate) const {
    const auto at_least = [&](RuleFigure figure, Hundredths limit) {
      return check({.figure = figure, .relation = Relation::at_least, .limit = limit});
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
    made.push_back(check({.figure = RuleFigure::longest_gap,
                          .relation = Relation::at_most,
                          .limit = static_cast<Hundredths>(gate.gap_max.count()) * 100}));
    return made;
  }
};

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

using Wanted = std::function<bool(const Check&)>;

// Those of the checks that are wanted, joined.
void list(Words& joined, const std::vector<Check>& checks, const Wanted& wanted,
          const RuleSet& rules) {
  for (const Check& made : checks) {
    if (!wanted(made)) continue;
    const Words one = describe(made, rules);
    joined.zh += (joined.zh.empty() ? "" : "，") + one.zh;
    joined.en += (joined.en.empty() ? "" : ", ") + one.en;
  }
}

bool held(const Check& made) { return made.holds && made.value; }
bool failed(const Check& made) { return !made.holds; }
bool unknown(const Check& made) { return !made.holds && !made.value; }

Words nothing_measured(const FoldedPart& part) {
  const auto hours = static_cast<Hundredths>(part.expected.count()) / 36;
  const Words expected = format_figure(RuleFigure::longest_gap, hours);
  return {.zh = fmt::format("应测 {}内没有任何测量数据，不作判定，也不表示利用率为 0", expected.zh),
          .en = fmt::format("nothing was measured in the {} expected; not judged, and no "
                            "statement that the load was 0",
                            expected.en)};
}

// Every comparison that speaks for the verdict.
Words hit(const RuleOutcome& outcome, const RuleSet& rules) {
  Words joined;
  for (const CheckList& alternative : outcome.alternatives) {
    if (alternative.holds) list(joined, alternative.checks, held, rules);
  }
  return joined;
}

Words miss(const RuleOutcome* outcome, const RuleSet& rules) {
  Words joined;
  if (outcome == nullptr) return joined;
  for (const CheckList& alternative : outcome->alternatives) {
    list(
        joined, alternative.checks,
        [](const Check& made) { return failed(made) && !unknown(made); }, rules);
  }
  return joined;
}

// A low month that would be idle if only somebody knew who used the host says so.
Words idle_is_open(const Judgement& made, const RuleSet& rules) {
  const RuleOutcome* idle = made.outcome(Verdict::idle);
  if (made.verdict != Verdict::low || idle == nullptr || idle->alternatives.empty()) return {};
  const std::vector<Check>& checks = idle->alternatives.front().checks;
  const bool only_unknown = std::all_of(checks.begin(), checks.end(),
                                        [](const Check& one) { return one.holds || unknown(one); });
  if (!only_unknown) return {};
  Words joined;
  list(joined, checks, unknown, rules);
  return {.zh = fmt::format("；{}，不判为闲置", joined.zh),
          .en = fmt::format("; {}, so not called idle", joined.en)};
}

Words reason(const FoldedPart& part, const Judgement& made, const RuleSet& rules) {
  if (made.verdict == Verdict::insufficient_data) {
    if (!part.usage) return nothing_measured(part);
    Words missed;
    list(missed, made.gate, failed, rules);
    return {.zh = missed.zh + "，不作判定", .en = missed.en + "; not judged"};
  }
  if (made.verdict != Verdict::normal) {
    const Words why = hit(*made.outcome(made.verdict), rules);
    const Words open = idle_is_open(made, rules);
    return {.zh = why.zh + open.zh, .en = why.en + open.en};
  }
  const Words not_high = miss(made.outcome(Verdict::high), rules);
  const Words not_low = miss(made.outcome(Verdict::low), rules);
  return {.zh = fmt::format("{}，不属偏高；{}，不属偏低", not_high.zh, not_low.zh),
          .en = fmt::format("not high: {}; not low: {}", not_high.en, not_low.en)};
}

Words explain(const FoldedPart& part, const Judgement& made, const RuleSet& rules) {
  const Words& verdict = rules.verdicts.at(made.verdict);
  const Words why = reason(part, made, rules);
  const std::string& agreement = made.agreement;
  const std::string by_zh = agreement.empty() ? "" : fmt::format("，需求确认 {}", agreement);
  const std::string by_en = agreement.empty() ? "" : fmt::format(", agreement {}", agreement);
  return {.zh = fmt::format("{}：{}（规则 {}{}）。", verdict.zh, why.zh, rules.version, by_zh),
          .en = fmt::format("{}: {} (rules {}{}).", verdict.en, why.en, rules.version, by_en)};
}

// The first rule that is met decides; all are asked, since each may be flagged or cleared.
void ask_rules(Judgement& made, const Asked& month, const RuleSet& rules) {
  const bool passed = month.part.usage && std::all_of(made.gate.begin(), made.gate.end(),
                                                      [](const Check& one) { return one.holds; });
  std::optional<Verdict> first;
  for (const Rule& rule : rules.rules) {
    if (rule.gated && !passed) continue;
    made.rules.push_back(month.ask(rule));
    if (made.rules.back().holds && !first) first = rule.verdict;
  }
  made.verdict = first.value_or(passed ? Verdict::normal : Verdict::insufficient_data);
}

}  // namespace

const RuleOutcome* Judgement::outcome(Verdict wanted) const {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const RuleOutcome& rule) { return rule.verdict == wanted; });
  return found == rules.end() ? nullptr : &*found;
}

Judgement judge(const FoldedPart& part, const MonthFacts& facts, const RuleSet& rules) {
  const Asked month{.part = part, .facts = facts};
  Judgement made;
  made.rule_version = rules.version;
  made.agreement = rules.agreement;
  made.gate = month.check_gate(rules.gate);
  ask_rules(made, month, rules);
  made.explanation = explain(part, made, rules);
  return made;
}

std::optional<Hundredths> figure_value(const FoldedPart& part, const MonthFacts& facts,
                                       RuleFigure figure) {
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
      break;
  }
  const auto fact = fact_value(facts, figure);
  return fact ? fact : load_value(part, figure);
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
    case FigureUnit::bytes_per_s:
      return {.zh = number + " 字节/秒", .en = number + " B/s"};
    case FigureUnit::per_s:
      return {.zh = number + " 次/秒", .en = number + "/s"};
    case FigureUnit::count:
      return {.zh = number + " 次", .en = number};
  }
  return {};
}

Words describe(const Check& made, const RuleSet& rules) {
  const Words& name = rules.names.at(made.condition.figure);
  if (!made.value) return {.zh = name.zh + " 无数据", .en = name.en + " was not measured"};
  const Words value = format_figure(made.condition.figure, *made.value);
  const Words limit = format_figure(made.condition.figure, made.condition.limit);
  const Phrases verb = phrase(made.condition.relation, made.holds);
  return {.zh = fmt::format("{} {} {} {}", name.zh, value.zh, verb.zh, limit.zh),
          .en = fmt::format("{} {} {} {}", name.en, value.en, verb.en, limit.en)};
}

}  // namespace yunjian::rules
