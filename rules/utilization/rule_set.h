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

// What a month can be found to be. In the order in which a rule file may list its rules: the first
// rule that is met decides.
enum class Verdict {
  off,         // known to be powered off, which is not "no data"
  faked_load,  // flat load without work, just where reclaiming would begin
  severe,      // starving now
  high,
  idle,         // does nothing for anybody
  wrong_shape,  // CPU and memory do not fit each other
  low,
  normal,             // no rule was met
  insufficient_data,  // the gate let it not pass
};
inline constexpr std::size_t verdict_count = 9;
std::string_view verdict_key(Verdict verdict);  // "low" …
std::optional<Verdict> parse_verdict(std::string_view key);

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
  cpu_spread,  // P95 − P5: how much the load moves
  cpu_busiest_hour,
  cpu_busiest_day_p95,
  memory_mean,
  memory_p95,
  memory_p99,
  memory_peak,
  memory_spread,
  net_in_p95,
  net_out_p95,
  disk_iops_p95,
  disk_used,       // of the fullest file system
  disk_full_days,  // until it is full, by forecast
  oom_kills,
  logins,    // of people
  accesses,  // records of use of what the host serves
  off_days,  // longest time powered off
};
inline constexpr std::size_t rule_figure_count = 27;
std::string_view figure_key(RuleFigure figure);
std::optional<RuleFigure> parse_figure(std::string_view key);
enum class FigureUnit { percent, days, hours, bytes_per_s, per_s, count };
FigureUnit figure_unit(RuleFigure figure);

enum class Relation { below, at_least, at_most };
std::string_view relation_key(Relation relation);

// One comparison; the limit is in hundredths of the figure's unit.
struct Condition {
  RuleFigure figure{};
  Relation relation{};
  Hundredths limit = 0;
  bool if_measured = false;  // a figure that is not known meets it
};

// One of the alternatives must hold, each with all its conditions.
using Alternatives = std::vector<std::vector<Condition>>;

struct Rule {
  Verdict verdict{};
  bool gated = true;    // only for months that passed the gate
  unsigned months = 1;  // a host is flagged when so many …
  unsigned of = 1;      // … of the last so many months were found so
  Alternatives when;
  Alternatives clear;  // a flag stays until a judged month meets this; empty: until `when` fails
};

struct Gate {
  Hundredths coverage_min = 0;
  unsigned working_days_min = 0;
  unsigned days_min_without_calendar = 0;
  std::chrono::hours day_min{0};
  std::chrono::hours gap_max{0};
};

// How a recommended size is chosen; projected loads are percent of the new size.
struct Sizing {
  Hundredths cpu_p95_max_public = 0;
  Hundredths cpu_p95_max_internal = 0;
  Hundredths cpu_busiest_hour_max = 0;
  Hundredths memory_headroom = 0;  // of memory P99; 120 % leaves a fifth free
};

// The rule file in memory. A month is judged by it in this order: rules that need no gate, gate
// (any condition missed: insufficient data), the other rules as listed, else normal.
struct RuleSet {
  std::string version;
  Words name;
  Words basis;  // where the thresholds come from; shown with every table
  Gate gate;
  std::vector<Rule> rules;
  Sizing sizing;
  std::map<Verdict, Words> verdicts;
  std::map<RuleFigure, Words> names;
  std::string agreement;  // id of the agreement whose limits are in it; empty: none

  const Rule* find(Verdict verdict) const;
};

// Reject: not the format of rules/utilization/README.md, or rules that contradict each other; the
// message names the key. `name` is what the message calls the file.
ledger::Result<RuleSet> parse_rule_set(std::string_view json, std::string_view name);

// The data file default.json as it was compiled in.
std::string_view default_rules_json();
ledger::Result<RuleSet> default_rule_set();

// Limits that a using unit and the authority agreed on (需求确认). Only limits change, and the
// months needed: which figures a rule looks at stays.
struct Agreement {
  struct Limit {
    Verdict verdict{};
    RuleFigure figure{};
    Hundredths limit = 0;
  };
  struct Months {
    Verdict verdict{};
    unsigned months = 1;
  };
  std::string id;
  Words name;
  std::vector<Limit> limits;
  std::vector<Months> months;
};

// `{"low":{"cpu_p95":15,"memory_p99":30.5,"months":2},…}`; reject with the key.
ledger::Result<Agreement> parse_agreement(std::string_view id, std::string_view json);

// The rules with the agreement's limits in place of their own. Reject: a rule has no such figure,
// or low and high would contradict each other.
ledger::Result<RuleSet> under_agreement(const RuleSet& rules, const Agreement& agreement);

}  // namespace yunjian::rules
