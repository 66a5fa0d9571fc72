#pragma once

#include <string>

#include "auditor/collector_client.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

struct VerifyOptions {
  LiveOptions live;
  std::string data;   // or a copied data directory
  std::string vkey;   // the text itself
  std::string state;  // directory, may be empty
  bool json = false;
  bool strict = false;
};

inline constexpr int exit_usage = 64;
inline constexpr int exit_cannot_tell = 4;

// Runs the check and writes the report to standard output, trouble to standard error. Returns the
// exit code.
int run_verify(ledger::FileSystem& files, const VerifyOptions& options);

}  // namespace yunjian::auditor
