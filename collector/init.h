#pragma once

#include <optional>
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

  // What certificates and the first token are dated by; absent: the clock, as the log is. For logs
  // that are made to begin in the past.
  std::optional<ledger::Time> issued;

  // For a log that goes on for one that lost signed leaves.
  std::string successor_of;  // the newest checkpoint note known of it; empty: an ordinary log
  std::string ca_from;       // its data directory or a backup of it: CA, and the vkey in log.json
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
//
// A successor has a new origin and key; its leaf 1 names the dead log by key and checkpoint, and
// its CA is the one of the backup, so that hosts go on trusting it. Reject: the checkpoint is not
// by the key that the backup's log.json names.
ledger::Result<InitResult> init_collector(const OwnStream::Tools& tools,
                                          const InitOptions& options);

// This host's name, localhost, 127.0.0.1 and ::1.
std::vector<std::string> default_server_names();

}  // namespace yunjian::collector
