#pragma once

#include <string>

#include "ledger/base/result.h"

namespace yunjian::ledger {

// A second name for a file of the same file system. Reject: `to` is there, or the file system has
// no such names. Durable when the directory of `to` is synced.
Result<void> make_hard_link(const std::string& from, const std::string& to);

}  // namespace yunjian::ledger
