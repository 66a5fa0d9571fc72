#pragma once

#include <string>

#include "auditor/collector_client.h"
#include "auditor/findings.h"
#include "ledger/record_proof.h"

namespace yunjian::auditor {

struct ProveOptions {
  LiveOptions live;
  std::string record;  // STREAM/NUMBER
  std::string out;     // file that gets the proof
  std::string vkey;
  std::string state;  // may be empty
  bool json = false;
};

// Makes a proof file of one record. Returns the exit code.
int run_prove(ledger::FileSystem& files, const ProveOptions& options);

struct VerifyProofOptions {
  std::string proof;  // file
  std::string vkey;
  std::string state;  // may be empty
  bool json = false;
};

// Checks a proof file; asks nobody. Returns the exit code.
int run_verify_proof(ledger::FileSystem& files, const VerifyProofOptions& options);

// What holds and what is not shown by it, Chinese first; or one JSON object.
std::string format_proven(const ledger::RecordProof& proof, const ledger::ProvenRecord& proven);
std::string proven_as_json(const ledger::RecordProof& proof, const ledger::ProvenRecord& proven);

}  // namespace yunjian::auditor
