#include "ledger/merkle.h"

#include <algorithm>
#include <bit>

namespace yunjian::ledger {
namespace {

// Largest power of two smaller than n; n > 1.
std::uint64_t split_point(std::uint64_t n) { return std::bit_floor(n - 1); }

// MTH(D[begin : begin + count]) where begin is a multiple of the next power of two of count.
Result<Hash> range_hash(Hasher& hasher, std::uint64_t begin, std::uint64_t count,
                        const SubtreeHash& subtree) {
  if (std::has_single_bit(count)) {
    const auto level = static_cast<unsigned>(std::countr_zero(count));
    return subtree(level, begin >> level);
  }
  const std::uint64_t k = split_point(count);
  auto left = range_hash(hasher, begin, k, subtree);
  if (!left) return left;
  auto right = range_hash(hasher, begin + k, count - k, subtree);
  if (!right) return right;
  return hasher.node(*left, *right);
}

}  // namespace

void MerkleFrontier::add_hash(const Hash& leaf_hash) {
  Hash carried = leaf_hash;
  for (std::uint64_t left = size_; (left & 1) != 0; left >>= 1) {
    carried = hasher_->node(peaks_.back(), carried);
    peaks_.pop_back();
  }
  peaks_.push_back(carried);
  ++size_;
}

Hash MerkleFrontier::root() const {
  if (peaks_.empty()) return hasher_->plain("");
  Hash root = peaks_.back();
  for (auto peak = peaks_.rbegin() + 1; peak != peaks_.rend(); ++peak) {
    root = hasher_->node(*peak, root);
  }
  return root;
}

Result<MerkleFrontier> MerkleFrontier::resume(Hasher& hasher, std::uint64_t size,
                                              std::vector<Hash> peaks) {
  if (peaks.size() != static_cast<std::size_t>(std::popcount(size))) {
    return fail(ErrorKind::reject, "a tree of that size has another number of peaks");
  }
  MerkleFrontier frontier(hasher);
  frontier.peaks_ = std::move(peaks);
  frontier.size_ = size;
  return frontier;
}

void MerkleFrontier::reset() {
  peaks_.clear();
  size_ = 0;
}

Hash merkle_root(Hasher& hasher, std::span<const Hash> leaf_hashes) {
  MerkleFrontier frontier(hasher);
  for (const Hash& hash : leaf_hashes) frontier.add_hash(hash);
  return frontier.root();
}

Result<Hash> root_from_subtrees(Hasher& hasher, std::uint64_t size, const SubtreeHash& subtree) {
  if (size == 0) return hasher.plain("");
  return range_hash(hasher, 0, size, subtree);
}

Result<std::vector<Hash>> prove_inclusion(Hasher& hasher, std::uint64_t index, std::uint64_t size,
                                          const SubtreeHash& subtree) {
  if (index >= size) {
    return fail(ErrorKind::reject, "leaf " + std::to_string(index) + " is not in a tree of " +
                                       std::to_string(size) + " leaves");
  }
  std::vector<Hash> proof;
  std::uint64_t begin = 0;
  for (std::uint64_t count = size; count > 1;) {
    const std::uint64_t k = split_point(count);
    const bool in_left = index - begin < k;
    auto sibling = in_left ? range_hash(hasher, begin + k, count - k, subtree)
                           : range_hash(hasher, begin, k, subtree);
    if (!sibling) return failure(sibling);
    proof.push_back(*sibling);
    if (!in_left) begin += k;
    count = in_left ? k : count - k;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

Result<std::vector<Hash>> prove_consistency(Hasher& hasher, std::uint64_t from, std::uint64_t to,
                                            const SubtreeHash& subtree) {
  if (from > to) {
    return fail(ErrorKind::reject, "no tree of " + std::to_string(from) +
                                       " leaves precedes one of " + std::to_string(to));
  }
  std::vector<Hash> proof;
  if (from == 0 || from == to) return proof;
  // RFC 6962 SUBPROOF, walked downwards: what is left beside the path is collected from the top.
  std::uint64_t begin = 0;
  std::uint64_t count = to;
  std::uint64_t old = from;  // leaves of the old tree below this node
  bool whole = true;         // the old tree's root is still a node of the path
  while (old != count) {
    const std::uint64_t k = split_point(count);
    const bool in_left = old <= k;
    auto sibling = in_left ? range_hash(hasher, begin + k, count - k, subtree)
                           : range_hash(hasher, begin, k, subtree);
    if (!sibling) return failure(sibling);
    proof.push_back(*sibling);
    if (in_left) {
      count = k;
    } else {
      begin += k;
      old -= k;
      count -= k;
      whole = false;
    }
  }
  if (!whole) {
    auto node = range_hash(hasher, begin, count, subtree);
    if (!node) return failure(node);
    proof.push_back(*node);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

SubtreeHash subtrees_of(Hasher& hasher, std::span<const Hash> leaf_hashes) {
  return [&hasher, leaf_hashes](unsigned level, std::uint64_t index) -> Result<Hash> {
    const std::uint64_t begin = index << level;
    const std::uint64_t count = std::uint64_t{1} << level;
    if (begin + count > leaf_hashes.size()) {
      return fail(ErrorKind::reject, "subtree beyond the leaves");
    }
    return merkle_root(hasher, leaf_hashes.subspan(begin, count));
  };
}

bool verify_inclusion(Hasher& hasher, const LogLeaf& leaf, const TreeHead& tree,
                      std::span<const Hash> proof) {
  if (leaf.index >= tree.size) return false;
  // RFC 9162 section 2.1.3.2.
  std::uint64_t fn = leaf.index;
  std::uint64_t sn = tree.size - 1;
  Hash root = leaf.hash;
  for (const Hash& sibling : proof) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      root = hasher.node(sibling, root);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      root = hasher.node(root, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && root == tree.root;
}

bool verify_consistency(Hasher& hasher, const TreeHead& from, const TreeHead& to,
                        std::span<const Hash> proof) {
  if (from.size > to.size) return false;
  if (from.size == to.size) return proof.empty() && from.root == to.root;
  if (from.size == 0) return proof.empty() && from.root == hasher.plain("");
  if (proof.empty()) return false;
  // RFC 9162 section 2.1.4.2.
  std::uint64_t fn = from.size - 1;
  std::uint64_t sn = to.size - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  // A complete old tree is its own first node and is left out of the proof.
  const bool implied = std::has_single_bit(from.size);
  Hash old_root = implied ? from.root : proof.front();
  Hash new_root = old_root;
  for (const Hash& node : proof.subspan(implied ? 0 : 1)) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      old_root = hasher.node(node, old_root);
      new_root = hasher.node(node, new_root);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      new_root = hasher.node(new_root, node);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && old_root == from.root && new_root == to.root;
}

}  // namespace yunjian::ledger
