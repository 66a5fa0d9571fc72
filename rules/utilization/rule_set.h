#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"
#include "rules/utilization/month_fold.h"

namespace yunjian::rules {

struct Words {
  std::string zh;
  std::string en;
};

enum class Verdict { low, normal, high, insufficient_data };
std::string_view verdict_key(Verdict verdict);  // "low" …

// What a rule may ask for. The keys of these stand in the rule file and in every result.
enum class RuleFigure {
  coverage,
  cpu_coverage,
  memory_coverage,
  working_days,
  days,
  longest_gap,
  cpu_mean,
  cpu_p95,
  cpu_p99,
  cpu_peak,
  cpu_busiest_hour,
  cpu_busiest_day_p95,
  memory_mean,
  memory_p95,
  memory_p99,
  memory_peak,
};
inline constexpr std::size_t rule_figure_count = 16;
std::string_view figure_key(RuleFigure figure);
enum class FigureUnit { percent, days, hours };
FigureUnit figure_unit(RuleFigure figure);

enum class Relation { below, at_least, at_most };
std::string_view relation_key(Relation relation);

// One comparison; the limit is in hundredths of the figure's unit.
struct Condition {
  RuleFigure figure{};
  Relation relation{};
  Hundredths limit = 0;
};

struct Gate {
  Hundredths coverage_min = 0;
  unsigned working_days_min = 0;
  unsigned days_min_without_calendar = 0;
  std::chrono::hours day_min{0};
  std::chrono::hours gap_max{0};
};

// The rule file in memory. A month is judged by it in this order: gate (any condition missed:
// insufficient data), high (any condition met), low (all met), else normal.
struct RuleSet {
  std::string version;
  Words name;
  Words basis;  // where the thresholds come from; shown with every table
  Gate gate;
  std::vector<Condition> low;
  std::vector<Condition> high;
  std::map<Verdict, Words> verdicts;
  std::map<RuleFigure, Words> names;
};

// Reject: not the format of rules/utilization/README.md, or rules that contradict each other; the
// message names the key. `name` is what the message calls the file.
ledger::Result<RuleSet> parse_rule_set(std::string_view json, std::string_view name);

// The data file default.json as it was compiled in.
std::string_view default_rules_json();
ledger::Result<RuleSet> default_rule_set();

}  // namespace yunjian::rules
