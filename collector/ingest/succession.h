#pragma once

#include <map>
#include <mutex>
#include <string>

#include "collector/ingest/enrol_handler.h"
#include "collector/verify/batch_verifier.h"
#include "ledger/batch.h"

namespace yunjian::collector {

// For agents of a dead log that this log goes on for.
//
// Life of an agent's change: it posts a batch and is told the successor leaf and this log's key ->
// it seals its stream's end and asks to be enrolled: the dead log's enrolment leaf is committed
// here as it was [durable: log], the next incarnation is reserved and completed as with a token,
// which is made here and never leaves; its own announced key must endorse it [durable: catalog,
// log] -> it shows the headers that it still holds, from the last one back; each must be the one
// that the one behind it names, signed by the key that the one before it announced -> the oldest of
// them is committed [durable: log]; from there on the stream is shipped like any other. Where the
// links stand is kept in memory: after a restart they are shown again. Any thread.
class SuccessionDesk {
 public:
  struct Parts {  // must outlive it
    EvidenceLog& log;
    Catalog& catalog;
    BatchVerifier& verifier;
    EnrolHandler& enrol;
    const ledger::Clock& clock;
    std::string secret;  // of this collector: what the tokens are derived from
  };
  explicit SuccessionDesk(Parts parts) : parts_(std::move(parts)) {}

  // Whether one whose certificate is not in use here is an agent of the dead log, to be told so.
  ledger::Result<bool> is_heir(const std::string& agent) const;
  Response tell() const;  // 409 with the successor leaf and this log's vkey

  Response enrol(const Request& request);  // POST /ingest/v1/successor
  Response link(const Request& request);   // POST /ingest/v1/inherited
  Response begin(const Request& request);  // POST /ingest/v1/inherited/begin

 private:
  struct Chain {  // of the links shown so far
    ledger::SealedHeader lowest;
    ledger::Hash leaf_hash{};
  };
  struct Ended {  // the stream that an agent ends
    ledger::Enrolment enrolment;
    EnrolmentOffice::Inherited inherited;
  };

  OrProblem<Ended> ended_stream(const Request& request, const ledger::ParsedRecord& json) const;
  OrProblem<void> open_inherited(const Ended& ended, const std::string& leaf);
  OrProblem<std::string> token_for(const Ended& ended, const std::string& first_key);
  OrProblem<ledger::Hash> head_of(const StreamState& stream) const;
  OrProblem<void> add_link(const StreamState& stream, const ledger::FrameRef& frame);
  OrProblem<void> check_first(const StreamState& stream, const ledger::SealedHeader& sealed) const;

  const Parts parts_;
  std::mutex opening_;  // one stream is opened at a time
  std::mutex chains_mutex_;
  std::map<std::string, Chain> chains_;  // by stream
};

}  // namespace yunjian::collector
