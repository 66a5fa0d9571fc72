#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "rules/month/finding_fold.h"
#include "rules/month/table_diff.h"
#include "rules/utilization/rule_set.h"

namespace yunjian::rules {

// Who pays, as reports write it; the city where nothing is said.
Words payer_words(std::string_view payer);

// Where the findings in advice.json (tables reclaim, expand, closed and outcome) and their sums
// (savings, by payer) differ from `findings`, those of the report's scope: row by row and cell by
// cell; `host` of a difference is the finding's id or the payer, `first` what the file says. At
// most cell_differences_max. Names are not looked at. Reject: the file is no such report.
ledger::Result<std::vector<CellDifference>> advice_differences(
    std::string_view json, std::span<const StoredFinding> findings);

}  // namespace yunjian::rules
