#pragma once

#include <string>

#include "ledger/base/random.h"

namespace yunjian::collector {

inline constexpr int token_days_default = 365;
inline constexpr int enrol_token_days_default = 7;

std::string random_bytes(ledger::Random& random, std::size_t count);

// 32 random bytes as base64url: what API and enrol tokens are made of.
std::string new_token(ledger::Random& random);

// Who runs this program, for records of acts on the collector's own machine: "uid 0 (root)".
std::string local_operator();
std::string operator_name(unsigned uid);

}  // namespace yunjian::collector
