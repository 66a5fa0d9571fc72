#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/file_system.h"
#include "ledger/note.h"

namespace yunjian::auditor {

inline constexpr int exit_usage = 64;
inline constexpr int exit_cannot_tell = 4;

// Says it on standard error, safe for a terminal; gives `code` back.
int complain(int code, std::string_view message);
std::string first_line(std::string_view text);
// vkeys as options give them. Reject names the one that is none, or of the wrong kind.
ledger::Result<std::vector<ledger::Verifier>> read_vkeys(const std::vector<std::string>& vkeys,
                                                         ledger::SignatureKind kind);

}  // namespace yunjian::auditor
