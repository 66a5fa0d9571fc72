#pragma once

#include <string>

#include "rules/month/utilization_table.h"

namespace yunjian::rules {

// The table as README.md describes it: one object, one line a row, UTF-8, ends with LF. The same
// table gives the same bytes.
std::string utilization_json(const UtilizationTable& table);

}  // namespace yunjian::rules
