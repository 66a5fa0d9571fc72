#include "ledger/checkpoint.h"

#include <doctest/doctest.h>

#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

// A log of a few leaves with its key.
struct SmallLog {
  testing::SeededRandom random{1};
  std::unique_ptr<PrivateKey> key = default_suite().generate(random).value();
  Verifier verifier{default_suite(), "log.example", key->public_key()};
  std::unique_ptr<Hasher> hasher = default_suite().hasher();
  std::vector<Hash> leaves;

  explicit SmallLog(int count) {
    for (int i = 0; i < count; ++i) leaves.push_back(hasher->leaf("leaf " + std::to_string(i)));
  }
  std::string checkpoint(const std::string& origin = "log.example") const {
    const std::string text =
        format_checkpoint({origin, {leaves.size(), merkle_root(*hasher, leaves)}, {}});
    return format_note(text, {sign_line(verifier, *key, text).value()});
  }
  std::string receipt(std::uint64_t index) const {
    const auto path = prove_inclusion(*hasher, index, leaves.size(), subtrees_of(*hasher, leaves));
    return format_tlog_proof({"", index, path.value(), checkpoint()});
  }
};

TEST_CASE("a checkpoint is three lines signed by the log's key") {
  const SmallLog log(5);
  const auto checkpoint = open_checkpoint(log.checkpoint(), log.verifier);
  REQUIRE(checkpoint);
  CHECK(checkpoint->tree.size == 5);
  CHECK_FALSE(open_checkpoint(log.checkpoint("other.example"), log.verifier));
  CHECK_FALSE(parse_checkpoint("o\n05\n" + to_base64(as_view(Hash{})) + "\n"));
  CHECK_FALSE(parse_checkpoint("o\n5\nAAAA\n"));
  CHECK_FALSE(parse_checkpoint("o\n5\n"));
  CHECK_FALSE(parse_checkpoint("o\n5\n" + to_base64(as_view(Hash{})) + "\n\n"));
  CHECK(parse_checkpoint("o\n5\n" + to_base64(as_view(Hash{})) + "\nmore\n").value().extensions ==
        std::vector<std::string>{"more"});
}

TEST_CASE("a receipt proves its own leaf and no other") {
  const SmallLog log(11);
  for (std::uint64_t index = 0; index < log.leaves.size(); ++index) {
    const std::string receipt = log.receipt(index);
    CHECK(verify_receipt(receipt, log.verifier, log.leaves[index]).value().tree.size == 11);
    CHECK_FALSE(verify_receipt(receipt, log.verifier, log.leaves[(index + 1) % 11]));
  }
}

TEST_CASE("no single bit of a receipt can change without its refusal") {
  const SmallLog log(6);
  const std::string good = log.receipt(3);
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    std::string flipped = good;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
    CHECK_MESSAGE(!verify_receipt(flipped, log.verifier, log.leaves[3]), "bit " << i);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(verify_receipt(good.substr(0, size), log.verifier, log.leaves[3]));
  }
}

TEST_CASE("the extra line of a proof is kept") {
  const SmallLog log(2);
  TlogProof proof = parse_tlog_proof(log.receipt(1)).value();
  proof.extra = "more";
  CHECK(parse_tlog_proof(format_tlog_proof(proof)).value().extra == "more");
}

}  // namespace
}  // namespace yunjian::ledger
