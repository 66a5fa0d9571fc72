#pragma once

#include <optional>
#include <string>

#include "auditor/findings.h"
#include "auditor/proof_source.h"
#include "auditor/tile_reader.h"
#include "ledger/record_proof.h"

namespace yunjian::auditor {

struct RecordName {
  std::string stream;
  std::uint64_t number = 0;
};
ledger::Result<RecordName> parse_record_name(std::string_view text);  // STREAM/NUMBER

// Makes the proof of one record from what a running collector serves, and checks it as a stranger
// would before giving it away. `pinned` is what was verified before: the log must continue it.
// A finding instead of a proof: tampered (what is served does not fit what is signed), missing,
// cannot_tell. Asks O(log n) batches for the one that holds the record.
class Prover {
 public:
  Prover(ProofSource& source, const ledger::Verifier& log, std::optional<ledger::TreeHead> pinned);

  tl::expected<ledger::RecordProof, Finding> prove(const RecordName& name);

 private:
  struct Frame;
  ledger::Result<Frame> frame(const std::string& stream, std::uint64_t batch);
  ledger::Result<Frame> frame_of(const RecordName& name, std::uint64_t batches);
  std::optional<Finding> take_body(const Frame& frame, ledger::RecordProof& proof);
  std::optional<Finding> take_log(const Frame& frame, std::uint64_t enrolment_leaf,
                                  ledger::RecordProof& proof);
  std::optional<Finding> check_pinned(TileReader& tiles, const ledger::TreeHead& tree);
  Finding told(const ledger::Error& error) const;
  Finding missing(std::string zh, std::string en) const;

  ProofSource* source_;
  ledger::Verifier log_;
  std::optional<ledger::TreeHead> pinned_;
  std::string place_;
};

}  // namespace yunjian::auditor
