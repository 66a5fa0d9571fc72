#pragma once

#include <span>
#include <vector>

#include "collector/catalog/finding.h"
#include "collector/report/utilization_table.h"

namespace yunjian::collector {

// The findings that a month raises: a host that is flagged and has none open on the same road.
// `open`: those that are not closed. Pure.
std::vector<Finding> new_findings(const UtilizationTable& table, std::span<const Finding> open,
                                  ledger::Time now);

}  // namespace yunjian::collector
