#pragma once

#include <string>
#include <vector>

#include "collector/store/own_stream.h"
#include "ledger/base/result.h"
#include "ledger/suite.h"

namespace yunjian::collector {

struct InitOptions {
  std::string data;
  std::string origin;
  std::string anchor;
  std::vector<std::string> names;  // of the server certificate; empty: this host's and the loopback
  const ledger::Suite* suite = nullptr;
};

struct InitResult {
  std::string vkey;
  std::string ca_fingerprint;
  std::string token_path;
  std::vector<std::string> names;
};

// Makes the data directory of a new log: keys, certificates, catalog, first token, leaf 0 (which
// enrols the collector's own stream) and the anchor. log.json comes last: without it the directory
// is not complete, and `init` must begin again in an empty one. Reject: something is there already.
ledger::Result<InitResult> init_collector(const OwnStream::Tools& tools,
                                          const InitOptions& options);

// This host's name, localhost, 127.0.0.1 and ::1.
std::vector<std::string> default_server_names();

}  // namespace yunjian::collector
