#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ledger/checkpoint.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::agent::testing {

// A collector's log in memory that gives real receipts. One thread.
class SmallLog {
 public:
  // Logs of the same seed have the same key.
  explicit SmallLog(std::uint64_t seed = 1)
      : hasher(suite.hasher()), random_(seed), key_(std::move(*suite.generate(random_))) {}

  ledger::Verifier verifier() const {
    return ledger::Verifier(suite, "log.example", key_->public_key());
  }
  void append(const ledger::Hash& leaf) { leaves_.push_back(leaf); }
  std::size_t size() const { return leaves_.size(); }

  std::string checkpoint() const {
    const std::string text = ledger::format_checkpoint(
        {.origin = "log.example",
         .tree = {.size = leaves_.size(),
                  .root = *ledger::root_from_subtrees(*hasher, leaves_.size(), subtrees())},
         .extensions = {}});
    return ledger::format_note(text, {*sign_line(verifier(), *key_, text)});
  }
  std::string receipt(std::uint64_t index) const {
    auto path = ledger::prove_inclusion(*hasher, index, leaves_.size(), subtrees());
    return ledger::format_tlog_proof(
        {.extra = {}, .index = index, .path = std::move(*path), .checkpoint = checkpoint()});
  }

  const ledger::Suite& suite = ledger::default_suite();
  std::unique_ptr<ledger::Hasher> hasher;

 private:
  // Complete subtrees never change: each is computed once.
  ledger::SubtreeHash subtrees() const {
    return [this](unsigned level, std::uint64_t index) { return subtree(level, index); };
  }
  ledger::Result<ledger::Hash> subtree(unsigned level, std::uint64_t index) const {
    if (level == 0) return leaves_.at(index);
    const auto known = known_.find({level, index});
    if (known != known_.end()) return known->second;
    const ledger::Hash hash =
        hasher->node(*subtree(level - 1, 2 * index), *subtree(level - 1, 2 * index + 1));
    known_.emplace(std::pair(level, index), hash);
    return hash;
  }

  ledger::testing::SeededRandom random_;
  std::unique_ptr<ledger::PrivateKey> key_;
  std::vector<ledger::Hash> leaves_;
  mutable std::map<std::pair<unsigned, std::uint64_t>, ledger::Hash> known_;
};

}  // namespace yunjian::agent::testing
