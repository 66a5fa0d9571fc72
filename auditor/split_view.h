#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/checkpoint.h"

namespace yunjian::auditor {

// Evidence that one key signed two histories, for somebody who has the log's key only:
// yunjian/split-view/v1, grammar in README.md. Two signed notes; when their sizes differ, also the
// subtree hashes that lead to the larger tree's root and give another root at the smaller size.
struct SplitView {
  std::string one;  // note of the smaller tree
  std::string other;
  std::vector<ledger::Hash> subtrees;  // left to right; empty when the sizes are equal
};

// What the larger tree says about itself. Errors: those of `subtree`; reject: the larger tree
// continues the smaller one, so there is nothing to prove.
ledger::Result<SplitView> prove_split_view(const ledger::Verifier& log, std::string_view one,
                                           std::string_view other,
                                           const ledger::SubtreeHash& subtree);
std::string format_split_view(const SplitView& view);
ledger::Result<SplitView> parse_split_view(std::string_view bytes);
// What the two notes say, when they prove it. Reject: they do not.
struct SplitHeads {
  ledger::TreeHead one;
  ledger::TreeHead other;
};
ledger::Result<SplitHeads> check_split_view(const SplitView& view, const ledger::Verifier& log);

}  // namespace yunjian::auditor
