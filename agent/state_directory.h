#pragma once

#include <string>
#include <vector>

#include "ledger/base/file_system.h"
#include "ledger/ratchet.h"

namespace yunjian::agent {

// Where things are in the agent's state directory.
struct StatePaths {
  explicit StatePaths(std::string state_directory);

  std::string directory;
  std::string lock;      // held by a running agent and by enrol
  std::string identity;  // who this agent is; written last by enrol
  std::string pending;   // keys of an enrolment under way, 0600
  std::string pending_ca;
  std::string ratchet;     // sealing keys and counters, 0600
  std::string enrolment;   // the enrolment leaf with its signatures
  std::string checkpoint;  // the newest one this agent was given
  std::string status;      // for people; not durable
  std::string fork;        // what was said when this stream was found forked
  std::string tls_key;     // 0600
  std::string tls_certificate;
  std::string tls_next_key;  // of a renewal under way, 0600
  std::string tls_next_certificate;
  std::string ca;
  std::string alarms;  // what proves that the collector showed two histories
  std::string spool;
  std::string old;         // earlier incarnations, one directory each
  std::string succession;  // a change to the log that goes on for a dead one, under way
  std::string inherited;   // in old/<stream>: from where the new log takes it
};

// What enrolment fixed, except keys.
struct AgentIdentity {
  std::string origin;
  std::string agent;
  std::uint64_t incarnation = 1;
  std::string suite;
  std::string vkey;                 // of the log: what receipts must be signed with
  std::vector<std::string> ingest;  // URLs of one collector
  std::string host;
  std::string unit;
  std::string
      token_hash;  // of the token it was enrolled with, hex: tells a repeat from a new enrolment

  std::string stream() const { return ledger::stream_id(agent, incarnation); }
};

// Reject: not enrolled. Corrupt: not what enrol wrote.
ledger::Result<AgentIdentity> read_identity(ledger::FileSystem& files, const StatePaths& paths);
ledger::Result<void> write_identity(ledger::FileSystem& files, const StatePaths& paths,
                                    const AgentIdentity& identity);

// Reject when a running agent (or enrol) has it.
ledger::Result<std::unique_ptr<ledger::File>> lock_state(ledger::FileSystem& files,
                                                         const StatePaths& paths);

}  // namespace yunjian::agent
