#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/ship/curl_session.h"
#include "agent/state_directory.h"
#include "ledger/base/clock.h"
#include "ledger/base/random.h"
#include "ledger/leaves.h"

namespace yunjian::agent {

// The collector's enrolment pages; a test brings its own.
class EnrolServer {
 public:
  virtual ~EnrolServer() = default;
  // GET /enrol/v1/ca with the server not verified: only to compare the fingerprint.
  virtual ledger::Result<HttpAnswer> fetch_ca() = 0;
  // POST /enrol/v1, the server verified against `ca_file`.
  virtual ledger::Result<HttpAnswer> post(const std::string& json, const std::string& ca_file) = 0;
};

// `clock` is compared with the collector's. It must outlive the server.
std::unique_ptr<EnrolServer> make_enrol_server(std::string collector_url, std::string proxy,
                                               const ledger::Clock& clock);

// In place of a token: what an agent of a dead log shows the one that goes on for it.
struct EnrolSuccession {
  std::string vkey;  // of the new log
  std::string leaf;  // the enrolment of the stream that ends
  std::string head;  // its last header; empty: it sealed nothing
  ledger::Enrolment ended;
};

struct EnrolOptions {
  std::string token;
  std::string ca_fingerprint;
  std::string state;  // directory
  std::string host;   // as the reports name it
  std::string suite;  // empty: the one that the collector's log uses
  // The CA is then the one that the state directory holds, and sources go on where they were.
  std::optional<EnrolSuccession> succession = {};
};

struct EnrolTools {
  ledger::FileSystem* files;
  ledger::Random* random;
  const ledger::Clock* clock;
  EnrolServer* server;
};

// Makes this host's stream known to the collector and leaves a state directory that `run` can use.
//
// Order: keys durable -> CA fetched and compared -> the collector reserves an agent id and answers
// the enrolment text -> it is checked and signed with the stream's first key -> certificate, leaf
// and receipt come and are checked -> files written, the identity last. Cut anywhere, the same
// command goes on with the same keys. A directory that is enrolled already: nothing happens with
// the same token; with a new one its next incarnation is opened and what belonged to the old one is
// kept under old/. Errors say what to do. Reject: token, name, fingerprint, clock. Retry: network.
ledger::Result<AgentIdentity> enrol(const EnrolOptions& options, const EnrolTools& tools);

}  // namespace yunjian::agent
