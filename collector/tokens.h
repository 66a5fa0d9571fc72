#pragma once

#include <string>

#include "collector/api/new_token.h"

namespace yunjian::collector {

inline constexpr int token_days_default = 365;
inline constexpr int enrol_token_days_default = 7;

// Who runs this program, for records of acts on the collector's own machine: "uid 0 (root)".
std::string local_operator();
std::string operator_name(unsigned uid);

}  // namespace yunjian::collector
