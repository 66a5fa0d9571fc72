#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/utilization/rule_set.h"

namespace yunjian::rules {

// One comparison as it was made. An absent value is "not measured": it never meets a condition.
struct Check {
  Condition condition;
  std::optional<Hundredths> value;  // in hundredths of the figure's unit
  bool holds = false;
};

// A verdict with every number it rests on. It is about one month and no more than a hint: what
// follows from it is decided by people.
struct Judgement {
  Verdict verdict = Verdict::insufficient_data;
  std::string rule_version;
  std::vector<Check> gate;  // all must hold
  std::vector<Check> high;  // one that holds is enough; made only when the gate is passed
  std::vector<Check> low;   // all must hold; made only when the gate is passed
  Words explanation;        // one sentence
};

// Pure: the same part and rules give the same judgement, byte for byte.
Judgement judge(const FoldedPart& part, const RuleSet& rules);

// In hundredths of the figure's unit; absent when it was not measured or is not known.
std::optional<Hundredths> figure_value(const FoldedPart& part, RuleFigure figure);

// "12.3%" / "12.3 %", "15 天" / "15 days", "24 小时" / "24 hours"; zeros at the end are cut.
Words format_figure(RuleFigure figure, Hundredths value);

}  // namespace yunjian::rules
