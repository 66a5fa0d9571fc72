#pragma once

#include <span>
#include <vector>

#include "collector/catalog/finding.h"
#include "collector/report/month_types.h"

namespace yunjian::collector {

// The findings that a month raises: a host that is flagged, has none open on the same road and got
// none from this month before. `known`: all there are, closed ones too. Pure.
std::vector<Finding> new_findings(const UtilizationTable& table, std::span<const Finding> known,
                                  ledger::Time now);

}  // namespace yunjian::collector
