#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ledger/base/bytes.h"
#include "ledger/suite.h"

namespace yunjian::ledger {

inline constexpr std::size_t path_hashes_max = 64;  // of a proof, in a tree of any size

// RFC 6962 section 2.1 tree by its right-hand frontier: root of n leaves in O(log n) memory. One
// thread.
class MerkleFrontier {
 public:
  explicit MerkleFrontier(Hasher& hasher) : hasher_(&hasher) {}
  void add_leaf(std::string_view data) { add_hash(hasher_->leaf(data)); }
  void add_hash(const Hash& leaf_hash);
  std::uint64_t size() const { return size_; }
  Hash root() const;  // H("") when empty
  void reset();

  // What to go on from later: the roots of the complete subtrees, largest first.
  const std::vector<Hash>& peaks() const { return peaks_; }
  // Reject: not as many as a tree of that size has.
  static Result<MerkleFrontier> resume(Hasher& hasher, std::uint64_t size, std::vector<Hash> peaks);

 private:
  Hasher* hasher_;
  std::vector<Hash> peaks_;  // largest subtree first
  std::uint64_t size_ = 0;
};

Hash merkle_root(Hasher& hasher, std::span<const Hash> leaf_hashes);

// Where a prover finds MTH(D[index·2^level : (index+1)·2^level]); the range is always complete.
using SubtreeHash = std::function<Result<Hash>(unsigned level, std::uint64_t index)>;

// Root of the first `size` leaves from complete subtrees.
Result<Hash> root_from_subtrees(Hasher& hasher, std::uint64_t size, const SubtreeHash& subtree);
// Audit path of leaf `index` in the tree of `size` leaves. Reject: index >= size.
Result<std::vector<Hash>> prove_inclusion(Hasher& hasher, std::uint64_t index, std::uint64_t size,
                                          const SubtreeHash& subtree);
// Proof that the tree of `from` leaves is a prefix of the one of `to`; empty when from is 0 or
// equal to `to`.
Result<std::vector<Hash>> prove_consistency(Hasher& hasher, std::uint64_t from, std::uint64_t to,
                                            const SubtreeHash& subtree);
// A prover's source over leaf hashes in memory.
SubtreeHash subtrees_of(Hasher& hasher, std::span<const Hash> leaf_hashes);

struct TreeHead {
  std::uint64_t size = 0;
  Hash root{};
  bool operator==(const TreeHead&) const = default;
};

struct LogLeaf {
  Hash hash{};
  std::uint64_t index = 0;
};

bool verify_inclusion(Hasher& hasher, const LogLeaf& leaf, const TreeHead& tree,
                      std::span<const Hash> proof);
bool verify_consistency(Hasher& hasher, const TreeHead& from, const TreeHead& to,
                        std::span<const Hash> proof);

}  // namespace yunjian::ledger
