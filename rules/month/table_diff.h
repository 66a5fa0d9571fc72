#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"
#include "rules/utilization/rule_set.h"

namespace yunjian::rules {

// One cell in which two utilization tables (utilization.json) differ.
struct CellDifference {
  std::string host;   // "" = of the table itself
  std::string cell;   // "cpu.p95_percent", "judgement.verdict", "inputs[0].last", "row"
  std::string first;  // as JSON writes it; "" = not there
  std::string second;
};

inline constexpr std::size_t cell_differences_max = 200;

// Row by row (host and part), cell by cell, in the order of the first table; at most
// cell_differences_max. Nothing when the same is said. Reject: one of them is not such a table.
ledger::Result<std::vector<CellDifference>> table_differences(std::string_view first,
                                                              std::string_view second);

// A cell of words, as it is compared: both languages.
std::string cell_of(const Words& words);

// "web-01 cpu.p95_percent: 2.40 -> 2.50"
std::string describe(const CellDifference& difference);

}  // namespace yunjian::rules
