#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/merkle.h"
#include "ledger/note.h"

namespace yunjian::ledger {

// C2SP checkpoint v1.0.0: origin, size, base64 root; extension lines are kept.
struct Checkpoint {
  std::string origin;
  TreeHead tree;
  std::vector<std::string> extensions;
};

std::string format_checkpoint(const Checkpoint& checkpoint);  // the note's text
Result<Checkpoint> parse_checkpoint(std::string_view text);
// Opens the note with the log's key, checks that key name, origin and verifier agree.
Result<Checkpoint> open_checkpoint(std::string_view note_bytes, const Verifier& log);

// C2SP tlog-proof@v1: what a receipt is.
struct TlogProof {
  std::string extra;  // raw bytes of the optional "extra" line
  std::uint64_t index = 0;
  std::vector<Hash> path;
  std::string checkpoint;  // the whole note
};

std::string format_tlog_proof(const TlogProof& proof);
Result<TlogProof> parse_tlog_proof(std::string_view bytes);

// Receipt check: proof well formed, checkpoint by `log`, leaf included. Returns the checkpoint
// inside.
Result<Checkpoint> verify_receipt(std::string_view receipt, const Verifier& log,
                                  const Hash& leaf_hash);

}  // namespace yunjian::ledger
