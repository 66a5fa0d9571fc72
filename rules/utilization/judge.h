#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/utilization/rule_set.h"

namespace yunjian::rules {

// What is known of a host and month besides its hours. Absent is "not known": it meets no condition
// that does not say so.
struct MonthFacts {
  std::optional<std::uint64_t> logins;              // of people, successful
  std::optional<std::uint64_t> accesses;            // records of use of what the host serves
  std::optional<std::uint64_t> oom_kills;           // processes killed for lack of memory
  std::optional<Hundredths> disk_used;              // of the fullest file system, at the end
  std::optional<std::uint64_t> disk_full_days;      // forecast; absent: not filling up
  std::optional<std::chrono::seconds> powered_off;  // the longest time known to be off
};

// One comparison as it was made. An absent value is "not measured".
struct Check {
  Condition condition;
  std::optional<Hundredths> value;  // in hundredths of the figure's unit
  bool holds = false;
};

// All conditions of one alternative.
struct CheckList {
  std::vector<Check> checks;
  bool holds = false;  // all of them
};

// One rule as it was asked.
struct RuleOutcome {
  Verdict verdict{};
  std::vector<CheckList> alternatives;
  bool holds = false;               // at least one of them
  std::vector<CheckList> clear;     // what would take a flag of this rule back
  std::optional<bool> clears = {};  // absent: the month was not judged
};

// A verdict with every number it rests on. It is about one month and no more than a hint: what
// follows from it is decided by people.
struct Judgement {
  Verdict verdict = Verdict::insufficient_data;
  std::string rule_version;
  std::string agreement;           // whose limits were used; empty: the rules' own
  std::vector<Check> gate;         // all must hold
  std::vector<RuleOutcome> rules;  // those asked, in order; all of them when the gate was passed
  Words explanation;               // one sentence

  const RuleOutcome* outcome(Verdict verdict) const;
};

// Pure: the same part, facts and rules give the same judgement, byte for byte.
Judgement judge(const FoldedPart& part, const MonthFacts& facts, const RuleSet& rules);

// In hundredths of the figure's unit; absent when it was not measured or is not known.
std::optional<Hundredths> figure_value(const FoldedPart& part, const MonthFacts& facts,
                                       RuleFigure figure);

// "12.3%" / "12.3 %", "15 天" / "15 days", "24 小时" / "24 hours"; zeros at the end are cut.
Words format_figure(RuleFigure figure, Hundredths value);

// "CPU P95 12.3% 低于 20%" / "CPU P95 12.3 % is below 20 %"
Words describe(const Check& made, const RuleSet& rules);

}  // namespace yunjian::rules
