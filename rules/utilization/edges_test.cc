// Every limit of the built-in rules, at the limit and one unit to either side of it. What stands
// here is written down, not read from the rule file: a limit that moves, comes or goes fails.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "rules/utilization/judge.h"

namespace yunjian::rules {
namespace {

using ledger::HourFigure;
using enum RuleFigure;
using enum Relation;

struct Edge {
  RuleFigure figure;
  Relation relation;
  Hundredths limit;  // hundredths of the figure's unit
  bool if_measured = false;
};

// One alternative of a rule: what leads to the verdict, or what takes its flag back.
struct EdgeList {
  Verdict verdict;
  bool clear;
  std::vector<Edge> edges;
};

std::vector<EdgeList> edges_of_high_rules() {
  return {
      {Verdict::off, false, {{off_days, at_least, 2800}}},
      {Verdict::faked_load,
       false,
       {{cpu_p95, at_least, 2000},
        {cpu_spread, at_most, 500},
        {net_in_p95, below, 204800},
        {net_out_p95, below, 102400},
        {disk_iops_p95, below, 500},
        {logins, at_most, 0, true},
        {accesses, at_most, 0, true}}},
      {Verdict::faked_load,
       false,
       {{memory_p99, at_least, 4000},
        {memory_spread, at_most, 200},
        {cpu_p95, at_least, 500},
        {cpu_spread, at_most, 500},
        {net_in_p95, below, 204800},
        {net_out_p95, below, 102400},
        {disk_iops_p95, below, 500},
        {logins, at_most, 0, true},
        {accesses, at_most, 0, true}}},
      {Verdict::severe, false, {{cpu_p95, at_least, 9000}}},
      {Verdict::severe, false, {{oom_kills, at_least, 100}}},
      {Verdict::severe, false, {{disk_full_days, at_most, 1400}}},
      {Verdict::severe,
       true,
       {{cpu_p95, below, 7000},
        {memory_p95, below, 7500},
        {oom_kills, at_most, 0, true},
        {disk_used, below, 7500, true}}},
      {Verdict::high, false, {{cpu_p95, at_least, 8000}}},
      {Verdict::high, false, {{memory_p95, at_least, 8500}}},
      {Verdict::high, false, {{disk_used, at_least, 8500}}},
      {Verdict::high,
       true,
       {{cpu_p95, below, 7000}, {memory_p95, below, 7500}, {disk_used, below, 7500, true}}},
  };
}

std::vector<EdgeList> edges_of_low_rules() {
  return {
      {Verdict::idle,
       false,
       {{cpu_p95, below, 500},
        {cpu_busiest_hour, below, 1500},
        {net_in_p95, below, 204800},
        {net_out_p95, below, 102400},
        {logins, at_most, 0},
        {accesses, at_most, 0, true}}},
      {Verdict::idle, true, {{cpu_p95, at_least, 750}}},
      {Verdict::idle, true, {{cpu_busiest_hour, at_least, 2250}}},
      {Verdict::idle, true, {{net_in_p95, at_least, 307200}}},
      {Verdict::idle, true, {{net_out_p95, at_least, 153600}}},
      {Verdict::idle, true, {{logins, at_least, 100}}},
      {Verdict::idle, true, {{accesses, at_least, 100}}},
      {Verdict::wrong_shape,
       false,
       {{cpu_p95, below, 2000},
        {cpu_busiest_day_p95, below, 4000},
        {cpu_busiest_hour, below, 4000},
        {memory_p95, at_least, 7000}}},
      {Verdict::wrong_shape, false, {{cpu_p95, at_least, 6000}, {memory_p99, below, 3000}}},
      {Verdict::wrong_shape, true, {{cpu_p95, at_least, 2500}, {memory_p99, at_least, 4000}}},
      {Verdict::low,
       false,
       {{cpu_p95, below, 2000},
        {cpu_busiest_day_p95, below, 4000},
        {cpu_busiest_hour, below, 4000},
        {memory_p99, below, 4000}}},
      {Verdict::low, true, {{cpu_p95, at_least, 2500}}},
      {Verdict::low, true, {{memory_p99, at_least, 5000}}},
  };
}

// In the order of the rule file.
const std::vector<EdgeList>& golden() {
  static const std::vector<EdgeList> lists = [] {
    auto all = edges_of_high_rules();
    for (EdgeList list : edges_of_low_rules()) all.push_back(std::move(list));
    return all;
  }();
  return lists;
}

bool is_rate(RuleFigure figure) {
  return figure == net_in_p95 || figure == net_out_p95 || figure == disk_iops_p95;
}

bool is_binned(RuleFigure figure) {
  return figure == cpu_p95 || figure == cpu_spread || figure == memory_p95 ||
         figure == memory_p99 || figure == memory_spread;
}

// What one unit is: a bin of 0.1 point, a bin of a rate, one of what is counted, 0.01 point.
Hundredths unit_of(RuleFigure figure) {
  if (is_binned(figure)) return 10;
  return figure_unit(figure) == FigureUnit::percent ? 1 : 100;
}

using Values = std::map<RuleFigure, Hundredths>;

Hundredths value_of(const Values& values, RuleFigure figure, Hundredths otherwise) {
  const auto found = values.find(figure);
  return found == values.end() ? otherwise : found->second;
}

void fill(ledger::Histogram& of, std::uint64_t value, int samples) {
  for (int i = 0; i < samples; ++i) of.add(value, ledger::Time{});
}

// Samples whose P95, P99 and spread are those asked for; tenths of a percent.
void fill_load(FoldedPart& part, HourFigure figure, const Values& values) {
  const bool cpu = figure == HourFigure::cpu;
  const Hundredths p99 = value_of(values, cpu ? cpu_p99 : memory_p99, 3500);
  const Hundredths p95 = value_of(values, cpu ? cpu_p95 : memory_p95, cpu ? 3500 : p99);
  const Hundredths spread = value_of(values, cpu ? cpu_spread : memory_spread, 0);
  ledger::Histogram& histogram = part.usage->figure(figure);
  fill(histogram, (p95 - spread) / 10, 100);
  fill(histogram, p95 / 10, 870);
  fill(histogram, (cpu ? p95 : std::max(p95, p99)) / 10, 30);
}

// A month with these figures; what is not named was not measured, or is in the middle.
std::pair<FoldedPart, MonthFacts> month_of(const Values& values) {
  FoldedPart part;
  part.usage.emplace();
  fill_load(part, HourFigure::cpu, values);
  fill_load(part, HourFigure::memory, values);
  const std::pair<RuleFigure, HourFigure> rates[] = {{net_in_p95, HourFigure::net_in},
                                                     {net_out_p95, HourFigure::net_out},
                                                     {disk_iops_p95, HourFigure::disk_iops}};
  for (const auto& [rule_figure, hour_figure] : rates) {
    const auto found = values.find(rule_figure);
    if (found != values.end()) fill(part.usage->figure(hour_figure), found->second / 100, 100);
  }
  part.expected = part.measured = part.cpu_measured = part.memory_measured =
      std::chrono::hours(720);
  part.days = 30;
  part.working_days = 21;
  part.busiest_hour = BusiestHour{.cpu_mean = value_of(values, cpu_busiest_hour, 3500)};
  part.busiest_day = BusiestDay{.cpu_p95 = value_of(values, cpu_busiest_day_p95, 3500)};
  const auto count = [&](RuleFigure figure) {
    const auto found = values.find(figure);
    return found == values.end() ? std::optional<std::uint64_t>() : found->second / 100;
  };
  MonthFacts facts{.logins = count(logins), .accesses = count(accesses)};
  facts.oom_kills = count(oom_kills);
  facts.disk_full_days = count(disk_full_days);
  if (values.contains(disk_used)) facts.disk_used = values.at(disk_used);
  if (const auto days = count(off_days)) facts.powered_off = std::chrono::hours(24 * *days);
  return {std::move(part), facts};
}

// The value next to the limit: -1, 0 or 1 units from it. Rates move by bins, whose upper edge is
// what a quantile gives.
std::optional<Hundredths> beside(const Edge& edge, int units) {
  if (is_rate(edge.figure)) {
    const auto bin = ledger::rate_bin(edge.limit / 100);
    if (units == 0) return edge.limit;
    const auto near = ledger::rate_bin_upper(units < 0 ? bin - 1 : bin);
    return (near + (units < 0 ? 0 : 1)) * 100;
  }
  const Hundredths step = unit_of(edge.figure);
  if (units < 0 && edge.limit < step) return std::nullopt;
  return units < 0 ? edge.limit - step : edge.limit + step * static_cast<unsigned>(units);
}

bool wanted(Relation relation, int units) {
  if (relation == below) return units < 0;
  return relation == at_least ? units >= 0 : units <= 0;
}

// Whether the alternative holds when every other figure is where it must be.
bool holds(const EdgeList& list, std::size_t alternative, const Values& values) {
  static const RuleSet rules = default_rule_set().value();
  const auto [part, facts] = month_of(values);
  const Judgement made = judge(part, facts, rules);
  const RuleOutcome* outcome = made.outcome(list.verdict);
  REQUIRE(outcome != nullptr);
  return (list.clear ? outcome->clear : outcome->alternatives)[alternative].holds;
}

TEST_CASE("every limit of the built-in rules holds exactly from or up to where it is written") {
  std::map<std::pair<Verdict, bool>, std::size_t> seen;
  std::size_t tried = 0;
  for (const EdgeList& list : golden()) {
    const std::size_t alternative = seen[{list.verdict, list.clear}]++;
    Values good;
    for (const Edge& edge : list.edges) {
      good[edge.figure] = *beside(edge, edge.relation == below ? -1 : 0);
    }
    for (const Edge& edge : list.edges) {
      for (const int units : {-1, 0, 1}) {
        const auto value = beside(edge, units);
        if (!value) continue;
        Values values = good;
        values[edge.figure] = *value;
        CAPTURE(verdict_key(list.verdict));
        CAPTURE(list.clear);
        CAPTURE(figure_key(edge.figure));
        CAPTURE(*value);
        CHECK(holds(list, alternative, values) == wanted(edge.relation, units));
        ++tried;
      }
      if (!edge.if_measured) continue;
      Values values = good;
      values.erase(edge.figure);
      CHECK(holds(list, alternative, values));
    }
  }
  CHECK(tried > 150);
}

TEST_CASE("the built-in rules have no other limit than those tried") {
  const auto text = [](std::string_view verdict, bool clear, RuleFigure figure,
                       const std::pair<Relation, Hundredths>& limit) {
    return fmt::format("{}{} {} {} {}\n", verdict, clear ? " clear" : "", figure_key(figure),
                       relation_key(limit.first), limit.second);
  };
  std::string written;
  for (const EdgeList& list : golden()) {
    for (const Edge& edge : list.edges) {
      written +=
          text(verdict_key(list.verdict), list.clear, edge.figure, {edge.relation, edge.limit});
    }
  }
  std::string there;
  const RuleSet rules = default_rule_set().value();
  for (const Rule& rule : rules.rules) {
    for (const bool clear : {false, true}) {
      for (const auto& alternative : clear ? rule.clear : rule.when) {
        for (const Condition& condition : alternative) {
          there += text(verdict_key(rule.verdict), clear, condition.figure,
                        {condition.relation, condition.limit});
        }
      }
    }
  }
  CHECK(written == there);
}

}  // namespace
}  // namespace yunjian::rules
