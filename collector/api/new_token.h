#pragma once

#include <string>

#include "ledger/base/random.h"

namespace yunjian::collector {

std::string random_bytes(ledger::Random& random, std::size_t count);

// 32 random bytes as base64url: what API and enrol tokens are made of.
std::string new_token(ledger::Random& random);

}  // namespace yunjian::collector
