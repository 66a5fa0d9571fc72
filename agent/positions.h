#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::agent {

// Where each source goes on, by its name: the blob that is durable with every seal.
//   positions := { u32be length of name | name | u32be length of position | position }
using Positions = std::map<std::string, std::string, std::less<>>;

std::string encode_positions(const Positions& positions);
// Corrupt: not such a blob.
ledger::Result<Positions> decode_positions(std::string_view bytes);

}  // namespace yunjian::agent
