#pragma once

#include <string>

#include "auditor/collector_client.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

struct ExportOptions {
  LiveOptions live;
  std::string vkey;
  std::string state;  // may be empty
  std::string unit;   // this or host
  std::string host;
  std::string from;
  std::string to;
  std::string out;
  bool json = false;
};
// Writes a period of a unit or host to a file that proves its own completeness, and checks it as a
// stranger would. Returns the exit code.
int run_export(ledger::FileSystem& files, const ExportOptions& options);

struct VerifyExportOptions {
  std::string file;
  std::string vkey;
  std::string lines;  // file that gets the period's records, one a line; may be empty
  bool json = false;
};
// Checks an export; asks nobody. Returns the exit code.
int run_verify_export(ledger::FileSystem& files, const VerifyExportOptions& options);

}  // namespace yunjian::auditor
