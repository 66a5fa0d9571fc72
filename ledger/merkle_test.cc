#include "ledger/merkle.h"

#include <doctest/doctest.h>

#include <array>

#include "ledger/suite.h"

namespace yunjian::ledger {
namespace {

std::vector<std::string> reference_leaves() {
  std::vector<std::string> leaves;
  for (const char* hex : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                          "606162636465666768696a6b6c6d6e6f"}) {
    leaves.push_back(from_hex(hex).value());
  }
  return leaves;
}

std::vector<Hash> numbered_leaves(Hasher& hasher, std::size_t count) {
  std::vector<Hash> hashes;
  for (std::size_t i = 0; i < count; ++i) hashes.push_back(hasher.leaf(std::to_string(i)));
  return hashes;
}

TEST_CASE("tree roots equal the published RFC 6962 vectors") {
  const std::array<std::string_view, 8> roots = {
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  const auto hasher = default_suite().hasher();
  MerkleFrontier tree(*hasher);
  CHECK(to_hex(as_view(tree.root())) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const auto leaves = reference_leaves();
  for (std::size_t n = 0; n < leaves.size(); ++n) {
    tree.add_leaf(leaves[n]);
    CHECK(to_hex(as_view(tree.root())) == roots[n]);
  }
}

TEST_CASE("every inclusion proof up to 70 leaves holds, and for no other leaf, index or tree") {
  const auto hasher = default_suite().hasher();
  const auto hashes = numbered_leaves(*hasher, 70);
  const auto subtree = subtrees_of(*hasher, hashes);
  for (std::uint64_t size = 1; size <= hashes.size(); ++size) {
    const TreeHead tree{size, merkle_root(*hasher, std::span(hashes).first(size))};
    REQUIRE(root_from_subtrees(*hasher, size, subtree).value() == tree.root);
    for (std::uint64_t index = 0; index < size; ++index) {
      auto proof = prove_inclusion(*hasher, index, size, subtree).value();
      REQUIRE(verify_inclusion(*hasher, {hashes[index], index}, tree, proof));
      CHECK_FALSE(verify_inclusion(*hasher, {hasher->leaf("x"), index}, tree, proof));
      CHECK_FALSE(verify_inclusion(*hasher, {hashes[index], size}, tree, proof));
      // A shorter tree's shape may coincide, but never its root.
      CHECK_FALSE(verify_inclusion(*hasher, {hashes[index], index}, {size, hashes[0]},
                                   std::vector<Hash>{hasher->leaf("y")}));
      if (!proof.empty()) {
        proof.back()[31] ^= 1;
        CHECK_FALSE(verify_inclusion(*hasher, {hashes[index], index}, tree, proof));
        proof.pop_back();
        CHECK_FALSE(verify_inclusion(*hasher, {hashes[index], index}, tree, proof));
      }
    }
    CHECK_FALSE(prove_inclusion(*hasher, size, size, subtree));
  }
}

TEST_CASE("every consistency proof up to 40 leaves holds, and none for a changed history") {
  const auto hasher = default_suite().hasher();
  const auto hashes = numbered_leaves(*hasher, 40);
  const auto subtree = subtrees_of(*hasher, hashes);
  const auto head = [&](std::uint64_t size) {
    return TreeHead{size, merkle_root(*hasher, std::span(hashes).first(size))};
  };
  for (std::uint64_t to = 0; to <= hashes.size(); ++to) {
    for (std::uint64_t from = 0; from <= to; ++from) {
      auto proof = prove_consistency(*hasher, from, to, subtree).value();
      REQUIRE(verify_consistency(*hasher, head(from), head(to), proof));
      TreeHead other = head(from);
      other.root[0] ^= 1;
      CHECK_FALSE(verify_consistency(*hasher, other, head(to), proof));
      if (proof.empty()) continue;
      proof[proof.size() / 2][0] ^= 1;
      CHECK_FALSE(verify_consistency(*hasher, head(from), head(to), proof));
    }
    CHECK_FALSE(prove_consistency(*hasher, to + 1, to, subtree));
  }
}

TEST_CASE("a tree goes on from its peaks") {
  const auto hasher = default_suite().hasher();
  MerkleFrontier whole(*hasher);
  for (std::uint64_t size = 0; size < 40; ++size) {
    auto again = MerkleFrontier::resume(*hasher, size, whole.peaks());
    REQUIRE(again);
    CHECK(again->root() == whole.root());
    whole.add_leaf(std::to_string(size));
    again->add_leaf(std::to_string(size));
    CHECK(again->root() == whole.root());
    CHECK(again->size() == whole.size());
  }
  CHECK(!MerkleFrontier::resume(*hasher, 3, {Hash{}}));
}

}  // namespace
}  // namespace yunjian::ledger
