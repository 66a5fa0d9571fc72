#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auditor/findings.h"
#include "ledger/batch.h"
#include "ledger/leaves.h"

namespace yunjian::auditor {

// What bodies are checked with, reused from batch to batch, and where findings go. One thread.
struct CheckTools {
  CheckTools(const ledger::Suite& suite, Findings& where)
      : hasher(suite.hasher()), findings(&where) {}
  std::unique_ptr<ledger::Hasher> hasher;
  ledger::BodyDecoder decoder;
  std::string lines;
  Findings* findings;
};

struct StreamCounts {
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bodies = 0;         // checked against their roots
  std::uint64_t bodies_absent = 0;  // declared or not
  std::uint64_t batches_missing = 0;
};

// One stream as the log tells it: numbers without holes, each header linked to the one before and
// signed by the key that one announced, each body under its header's root, absent bodies named by a
// gap record. Fed in the order of the log.
class StreamCheck {
 public:
  StreamCheck(const ledger::Suite& suite, std::string origin, const ledger::Enrolment& enrolment,
              const ledger::Hash& enrolment_leaf);

  // `leaf_hash` of the header; `body` as the store holds it.
  void batch(const ledger::SealedHeader& sealed, const ledger::Hash& leaf_hash,
             std::optional<std::string_view> body, CheckTools& tools);
  void late_body(std::uint64_t batch, std::string_view body, CheckTools& tools);
  void late_lines(std::uint64_t batch, std::string_view lines, CheckTools& tools);
  void finish(Findings& findings);  // bodies that are still absent

  const std::string& id() const { return id_; }
  const std::string& unit() const { return unit_; }
  const std::string& host() const { return host_; }
  const ledger::Hash& head() const { return head_; }
  const std::string& next_key() const { return next_key_; }
  const StreamCounts& counts() const { return counts_; }

 private:
  struct AbsentBody {
    ledger::Hash root{};
    std::uint64_t first_record = 0;
    std::uint64_t records = 0;
  };
  bool order(const ledger::BatchHeader& header, const std::string& place, Findings& findings);
  bool check_lines(const AbsentBody& expected, std::string_view joined, CheckTools& tools,
                   std::string& problem);
  bool check_body(const AbsentBody& expected, std::string_view body, CheckTools& tools,
                  std::string& problem);
  void note_gaps(const std::vector<std::string_view>& lines);

  const ledger::Suite* suite_;
  std::string origin_;
  std::string id_;
  std::string unit_;
  std::string host_;
  ledger::Hash head_{};
  std::string next_key_;
  std::uint64_t next_batch_ = 0;
  std::uint64_t next_record_ = 0;
  std::map<std::uint64_t, AbsentBody> absent_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> declared_;  // inclusive ranges of batches
  StreamCounts counts_;
};

}  // namespace yunjian::auditor
