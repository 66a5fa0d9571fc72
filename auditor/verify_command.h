#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auditor/collector_client.h"
#include "auditor/command_kit.h"
#include "auditor/evidence.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

struct VerifyOptions {
  LiveOptions live;
  std::string data;                      // or a copied data directory
  std::string vkey;                      // the text itself
  std::string state;                     // directory, may be empty
  std::string predecessor;               // data directory of the dead log, may be empty
  std::vector<std::string> authorities;  // vkeys whose endorsements count
  std::vector<std::string> witnesses;    // vkeys whose cosignatures count
  std::uint64_t quorum = 1;              // of them
  unsigned threads = 0;                  // 0: as many as the machine has
  bool index = true;                     // of a copied directory: also what searches look at
  bool resume = false;                   // go on behind what `state` holds
  bool json = false;
  bool strict = false;
};

// Where the options say that the log is.
ledger::Result<std::unique_ptr<Evidence>> open_evidence(ledger::FileSystem& files,
                                                        const VerifyOptions& options,
                                                        const ledger::Suite& suite);

// Runs the check and writes the report to standard output, trouble to standard error. Returns the
// exit code.
int run_verify(ledger::FileSystem& files, const VerifyOptions& options);

}  // namespace yunjian::auditor
