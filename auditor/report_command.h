#pragma once

#include <string>

#include "auditor/verify_command.h"

namespace yunjian::auditor {

struct ReportOptions {
  VerifyOptions log;  // where the log is, its key, the state
  std::string month;  // "yyyy-mm"; of a running collector needed without `pack`
  std::string pack;   // directory with what was handed out; empty: from where the log is
};

// Verifies the log as `verify` does (going on from --state), then checks the month's pack against
// it. Returns the exit code of the worse of both.
int run_report_check(ledger::FileSystem& files, const ReportOptions& options);

}  // namespace yunjian::auditor
