#pragma once

#include <string_view>

#include "rules/classify/derived.h"
#include "rules/classify/rule_file.h"

namespace yunjian::rules {

// OCSF's levels for syslog's 0 (emergency) to 7 (debug); 0 for anything else.
std::uint32_t severity_of(std::string_view syslog);

// Fills `derived` from what a rule says and what it picked out. `derived` may hold the severity
// that the record itself states.
void apply(const Meaning& meaning, const Captures& captures, Derived& derived);

}  // namespace yunjian::rules
