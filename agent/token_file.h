#pragma once

#include <istream>
#include <string>

#include "ledger/base/file_system.h"

namespace yunjian::agent {

// The enrol token that `path` holds on its one line, or `input` when the path is "-": so that it
// stands in no process's arguments. Reject: a file that others may read, or one without a token.
ledger::Result<std::string> read_token(ledger::FileSystem& files, const std::string& path,
                                       std::istream& input);

inline constexpr std::size_t token_bytes_max = 256;

}  // namespace yunjian::agent
