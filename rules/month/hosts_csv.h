#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "rules/month/table_diff.h"
#include "rules/month/utilization_table.h"

namespace yunjian::rules {

// The table of hosts (云主机明细, Hosts) in utilization.csv, as people get it with the pack.
enum class CsvLanguage { zh, en };

// Names of its columns that the sealed records of one month give; the two behind them (months in a
// row, flag) rest on the months before.
std::span<const std::string_view> hosts_csv_columns(CsvLanguage language = CsvLanguage::zh);

// Where that table differs from `table`, row by row and cell by cell; at most
// cell_differences_max. `first` of a difference is what the file says. Reject: the file is no CSV,
// or does not hold exactly one such table.
ledger::Result<std::vector<CellDifference>> hosts_csv_differences(std::string_view csv,
                                                                  const UtilizationTable& table,
                                                                  CsvLanguage language);

}  // namespace yunjian::rules
