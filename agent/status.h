#pragma once

#include <optional>
#include <string>

#include "agent/state_directory.h"
#include "ledger/base/clock.h"

namespace yunjian::agent {

// What the running agent tells about itself in the status file. Not evidence: replaced often, never
// synced.
struct AgentStatus {
  // shipping, refused (the collector does not take this agent any more, or its certificate is
  // over), held (no room on the disk), forked, ended, stopped
  std::string state = "shipping";
  std::uint64_t sealed = 0;  // batches of the incarnation
  std::uint64_t records = 0;
  std::uint64_t receipted = 0;  // batches
  std::uint64_t witnessed = 0;  // batches that this run saw witnesses stand behind
  std::string witness_problem;  // why it does not see more of them; empty = they take their time
  std::uint64_t spool_bytes = 0;
  std::uint64_t spool_bytes_max = 0;
  std::uint64_t dropped = 0;  // batches of this run whose bodies went, each named by a gap record
  std::string dropped_cause;  // of the last of them
  std::string last_sealed;    // RFC 3339; empty = never in this run
  std::string last_receipt;
  std::string last_error;           // empty = none now
  std::uint64_t log_size = 0;       // of the newest checkpoint
  std::string certificate_end;      // RFC 3339; empty = not known
  std::string certificate_renewal;  // when it is due
  std::string certificate_problem;  // why it was not renewed; empty = none
  std::string clock;                // against the collector's, for people; empty = not compared yet
};

ledger::Result<void> write_status(ledger::FileSystem& files, const StatePaths& paths,
                                  const AgentStatus& status);
// For people. `running` = somebody holds the lock.
ledger::Result<std::string> describe_status(ledger::FileSystem& files, const StatePaths& paths,
                                            const AgentIdentity& identity, bool running);

}  // namespace yunjian::agent
