#pragma once

#include <span>
#include <vector>

#include "rules/month/finding_fold.h"
#include "rules/month/utilization_table.h"

namespace yunjian::rules {

// The findings that a month raises: a host that is flagged, has none open on the same road and got
// none from this month before. `known`: all there are, closed ones too. Pure.
std::vector<StoredFinding> new_findings(const UtilizationTable& table,
                                        std::span<const StoredFinding> known, ledger::Time now);

// Of the findings that were carried out before the month's end and whose saving nobody measured
// yet, each with what it really saved, as details: the size and the price when it was flagged less
// those at this month's end; below 0 it got more. A host that stands no more in the table has given
// back all.
//
//   actual_month       yyyy-mm
//   actual_vcpus       a whole number
//   actual_memory_gb   two decimals
//   actual_month_fen   a month; absent when a price is not known
std::vector<StoredFinding> measured_findings(const UtilizationTable& table,
                                             std::span<const StoredFinding> known);

}  // namespace yunjian::rules
