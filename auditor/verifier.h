#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "auditor/evidence.h"
#include "auditor/stream_check.h"
#include "ledger/note.h"

namespace yunjian::auditor {

struct VerifyCounts {
  std::uint64_t leaves = 0;
  std::uint64_t enrolments = 0;
  std::uint64_t unendorsed = 0;
  std::uint64_t forks = 0;
  std::uint64_t other_leaves = 0;
  std::uint64_t streams = 0;
  StreamCounts batches;
};

struct VerifyResult {
  Findings findings;
  VerifyCounts counts;
  std::string checkpoint;  // the note, when it is by the log's key and the leaves have its root
  ledger::TreeHead tree;   // of the checkpoint; size 0 when there is no usable one
};

// The whole check of one log: notes -> log consistency with `pinned` -> every stream's chain and
// ratchet -> every body. Trusts only `log` (the key that came out of band) and `pinned` (what the
// auditor itself saw before). One thread; used once.
class LogVerifier : public EvidenceVisitor {
 public:
  LogVerifier(const ledger::Verifier& log, std::optional<ledger::TreeHead> pinned);
  ~LogVerifier() override;

  // Errors are the machine's or the network's (nothing can be told); what is wrong with the
  // evidence is in the result.
  ledger::Result<VerifyResult> run(Evidence& evidence);

  void leaf(std::string_view bytes, std::optional<std::string_view> body) override;
  void late_body(std::string_view stream, std::uint64_t batch, std::string_view body) override;
  void late_lines(std::string_view stream, std::uint64_t batch, std::string_view lines) override;
  void found(Finding finding) override;
  bool wants_body(std::string_view leaf) override;

 private:
  void read_checkpoint(Evidence& evidence);
  void check_roots(const ledger::Hash& leaf_hash);
  void enrolment(std::string_view bytes, const std::string& place, const ledger::Hash& leaf_hash);
  void batch(std::string_view bytes, const std::string& place, const ledger::Hash& leaf_hash,
             std::optional<std::string_view> body);
  void fork(std::string_view bytes, const std::string& place);
  void check_sizes();

  ledger::Verifier log_;
  std::optional<ledger::TreeHead> pinned_;
  std::unique_ptr<ledger::Hasher> hasher_;
  ledger::MerkleFrontier frontier_;
  VerifyResult result_;
  CheckTools tools_;  // writes into result_.findings
  std::map<std::string, StreamCheck, std::less<>> streams_;
  bool root_holds_ = false;
};

}  // namespace yunjian::auditor
