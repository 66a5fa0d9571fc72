#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/checkpoint.h"

namespace yunjian::ledger {

// Evidence that one key signed two histories, for somebody who has the log's key only:
// yunjian/split-view/v1, grammar in README.md. Two signed notes; when their sizes differ, also the
// subtree hashes that lead to the larger tree's root and give another root at the smaller size.
struct SplitView {
  std::string one;  // note of the smaller tree
  std::string other;
  std::vector<Hash> subtrees;  // left to right; empty when the sizes are equal
};

// What the larger tree says about itself. Errors: those of `subtree`; reject: the larger tree
// continues the smaller one, so there is nothing to prove.
Result<SplitView> prove_split_view(const Verifier& log, std::string_view one,
                                   std::string_view other, const SubtreeHash& subtree);
std::string format_split_view(const SplitView& view);
Result<SplitView> parse_split_view(std::string_view bytes);
// What the two notes say, when they prove it. Reject: they do not.
struct SplitHeads {
  TreeHead one;
  TreeHead other;
};
Result<SplitHeads> check_split_view(const SplitView& view, const Verifier& log);

}  // namespace yunjian::ledger
