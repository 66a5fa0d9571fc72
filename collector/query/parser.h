#pragma once

#include <optional>
#include <string_view>

#include "collector/query/query.h"

namespace yunjian::collector {

// Reject: "column 7: …". Depth, tests and length are limited, so that any text ends well.
ledger::Result<QueryNode> parse_query(std::string_view text);

// "5", "-1.25", "1e3"; nothing else.
std::optional<double> parse_number(std::string_view text);

}  // namespace yunjian::collector
