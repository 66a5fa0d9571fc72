#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ledger/checkpoint.h"
#include "ledger/testing/asked_suite.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::agent::testing {

// Cosigns whatever it is given. Witnesses of the same seed have the same key.
class SmallWitness {
 public:
  explicit SmallWitness(std::uint64_t seed)
      : random_(seed), key_(std::move(*ledger::testing::asked_suite().generate(random_))) {}
  ledger::Verifier verifier() const {
    return ledger::Verifier(ledger::testing::asked_suite(), "witness.example", key_->public_key(),
                            ledger::SignatureKind::cosignature);
  }
  ledger::SignatureLine cosign(std::string_view text) const {
    return *cosign_line(verifier(), *key_, text, 1'795'334'400);
  }

 private:
  ledger::testing::SeededRandom random_;
  std::unique_ptr<ledger::PrivateKey> key_;
};

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

  std::string checkpoint() const { return checkpoint_of(leaves_.size(), {}); }
  std::string receipt(std::uint64_t index) const { return receipt_of(index, leaves_.size(), {}); }
  // Under the tree of the first `size` leaves, cosigned by `witnesses`. Signed once: SM2 gives
  // another signature each time.
  using Witnesses = std::vector<const SmallWitness*>;
  std::string checkpoint_of(std::uint64_t size, const Witnesses& witnesses) const {
    const std::string text = ledger::format_checkpoint(
        {.origin = "log.example",
         .tree = {.size = size, .root = *ledger::root_from_subtrees(*hasher, size, subtrees())},
         .extensions = {}});
    std::string& note = notes_[{text, witnesses}];
    if (!note.empty()) return note;
    std::vector<ledger::SignatureLine> lines{*sign_line(verifier(), *key_, text)};
    for (const SmallWitness* witness : witnesses) lines.push_back(witness->cosign(text));
    return note = ledger::format_note(text, lines);
  }
  std::string receipt_of(std::uint64_t index, std::uint64_t size,
                         const Witnesses& witnesses) const {
    auto path = ledger::prove_inclusion(*hasher, index, size, subtrees());
    return ledger::format_tlog_proof({.extra = {},
                                      .index = index,
                                      .path = std::move(*path),
                                      .checkpoint = checkpoint_of(size, witnesses)});
  }

  const ledger::Suite& suite = ledger::testing::asked_suite();
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
  mutable std::map<std::pair<std::string, Witnesses>, std::string> notes_;
  std::vector<ledger::Hash> leaves_;
  mutable std::map<std::pair<unsigned, std::uint64_t>, ledger::Hash> known_;
};

}  // namespace yunjian::agent::testing
