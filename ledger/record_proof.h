#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/checkpoint.h"
#include "ledger/leaves.h"

namespace yunjian::ledger {

// One record with all that shows, to somebody who has only the log's key, that it was sealed and is
// in the log: yunjian/proof/v1, grammar in auditor/README.md.
struct RecordProof {
  std::string stream;
  std::uint64_t number = 0;     // of the record in the stream
  std::string line;             // the record, byte for byte
  std::vector<Hash> line_path;  // from the line to the root in the header
  std::string header;           // leaf: the note that seals the line
  std::string previous;   // leaf: the header before, which announced the key; empty for batch 0
  std::string enrolment;  // leaf: says which unit and host the stream is of
  std::uint64_t enrolment_index = 0;
  std::vector<Hash> enrolment_path;
  TlogProof log;  // of the header; its checkpoint is the one of both paths
};

inline constexpr std::size_t proof_bytes_max = 5U << 20;

std::string format_proof(const RecordProof& proof);
// Strict: what it accepts, format_proof writes back byte for byte. Reject names the part.
Result<RecordProof> parse_proof(std::string_view bytes);

// What a proof that holds says.
struct ProvenRecord {
  BatchHeader header;
  Enrolment enrolment;
  TreeHead tree;
};

// Line under the header's root, header signed by the key announced before it, both leaves under
// the one checkpoint, the checkpoint signed by `log` and by nobody else. Every byte of the proof
// is under one of these checks. Reject names the one that fails.
Result<ProvenRecord> check_proof(const RecordProof& proof, const Verifier& log);

}  // namespace yunjian::ledger
