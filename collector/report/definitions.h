#pragma once

#include <span>
#include <string>
#include <vector>

#include "rules/utilization/judge.h"

namespace yunjian::collector {

// The words of the workbook: headers of its columns, and what they mean.

struct ColumnText {
  const char* zh;
  const char* en;
  double width;  // in characters
};

std::span<const ColumnText> utilization_columns();
std::span<const ColumnText> reason_columns();
std::span<const ColumnText> source_columns();

struct Definition {
  std::string item;
  rules::Words words;
};

// What the columns mean, and by which limits `rules` judge.
std::vector<Definition> definitions(const rules::RuleSet& rules);

}  // namespace yunjian::collector
