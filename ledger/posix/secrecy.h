#pragma once

#include <span>
#include <string>

#include "ledger/base/result.h"

namespace yunjian::ledger {

// Keeps what this process holds in memory out of core files, and other processes of the same user
// from reading it (ptrace, /proc/PID/mem). For the beginning of main(); a child that execs begins
// anew. Under AddressSanitizer only the first: its leak check reads the process.
void keep_memory_secret();

// Refuses (reject) files that somebody besides their owner may read or write, or that belong to
// neither this user nor root. What is not there is nobody's business here.
Result<void> check_secret_files(std::span<const std::string> paths);

}  // namespace yunjian::ledger
