#include "ledger/suite.h"

#include <doctest/doctest.h>

#include "ledger/merkle.h"
#include "ledger/note.h"
#include "ledger/suite_openssl.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

const Suite& sm() { return *find_suite("sm2-sm3").value(); }

TEST_CASE("SM3 gives the published digests, alone and in the RFC 6962 tree") {
  const auto hasher = sm().hasher();
  CHECK(to_hex(as_view(hasher->plain(""))) ==
        "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b");
  // GB/T 32905 appendix A.
  CHECK(to_hex(as_view(hasher->plain("abc"))) ==
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
  MerkleFrontier tree(*hasher);
  for (const char* hex : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                          "606162636465666768696a6b6c6d6e6f"}) {
    tree.add_leaf(from_hex(hex).value());
  }
  CHECK(to_hex(as_view(tree.root())) ==
        "bc48ba7a709184b5f2a631e1adeb8dc2a0d4c018c1d6cc89b5664fe154c93b38");
}

TEST_CASE("SHA-256 gives the published digests, again and again, and as EVP does in the tree") {
  const auto fast = default_suite().hasher();
  for (int round = 0; round < 2; ++round) {
    CHECK(to_hex(as_view(fast->plain("abc"))) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(to_hex(as_view(fast->plain(""))) ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  }
  const auto evp = make_hasher("SHA256");
  std::string data;
  for (int length = 0; length < 300; ++length) {
    CHECK(fast->leaf(data) == evp->leaf(data));
    CHECK(fast->node(fast->plain(data), fast->leaf(data)) ==
          evp->node(evp->plain(data), evp->leaf(data)));
    data.push_back(static_cast<char>(length * 7));
  }
}

TEST_CASE("an SM2 signature made by the openssl program verifies") {
  // openssl pkeyutl -sign -rawin -digest sm3 -pkeyopt distid:1234567812345678, key 32 times 01.
  const auto key = sm().load(std::string(32, '\x01')).value();
  CHECK(to_hex(key->public_key()) ==
        "04bba87803d5e12788b07a912ae5368e7b2720bd19b93920bdbf2e9b6286da9c4e"
        "2bc093830dc0762b8e144b80ae18447b1bf6c670b93bda9a80795768af5a901e");
  const std::string signature =
      from_hex(
          "1953da73262f6c7aa591701f21156e7e0679569c16e520438de71dd16aada3d9"
          "4f2e2784070e22240b5d253d0fa414c61f63a998dcd00ac8a227ca81d16d7ffe")
          .value();
  CHECK(sm().verify(key->public_key(), "message", signature));
  CHECK_FALSE(sm().verify(key->public_key(), "massage", signature));
}

TEST_CASE("in each suite a signature holds for its key and message only") {
  for (const Suite* suite : all_suites()) {
    testing::SeededRandom random(7);
    const auto key = suite->generate(random).value();
    const auto other = suite->generate(random).value();
    const std::string signature = key->sign("message").value();
    CHECK(signature.size() == 64);
    CHECK(suite->verify(key->public_key(), "message", signature));
    CHECK_FALSE(suite->verify(key->public_key(), "messagf", signature));
    CHECK_FALSE(suite->verify(other->public_key(), "message", signature));
    for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
      std::string flipped = signature;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      REQUIRE_FALSE(suite->verify(key->public_key(), "message", flipped));
    }
    const auto again = suite->load(key->secret()).value();
    CHECK(again->public_key() == key->public_key());
    CHECK(&again->suite() == suite);
    CHECK_FALSE(suite->load("short"));
    CHECK_FALSE(suite->verify("short", "message", signature));
    CHECK_FALSE(suite->is_public_key(std::string(65, '\x04')));
  }
}

TEST_CASE(
    "any 32 bytes are taken for an Ed25519 key; what is another key or no point verifies nothing") {
  testing::SeededRandom random(9);
  const Suite& suite = default_suite();
  const auto key = suite.generate(random).value();
  const std::string signature = key->sign("message").value();
  for (std::size_t bit = 0; bit < 256; ++bit) {
    std::string bytes = key->public_key();
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    CHECK(suite.is_public_key(bytes));
    CHECK_FALSE(suite.verify(bytes, "message", signature));
  }
  CHECK_FALSE(suite.is_public_key(key->public_key() + "x"));
}

TEST_CASE("a vkey says its suite and kind") {
  for (const Suite* suite : all_suites()) {
    testing::SeededRandom random(8);
    const auto key = suite->generate(random).value();
    for (const SignatureKind kind : {SignatureKind::plain, SignatureKind::cosignature}) {
      const Verifier verifier(*suite, "log.example", key->public_key(), kind);
      const auto read = Verifier::from_vkey(verifier.vkey());
      REQUIRE(read);
      CHECK(&read->suite() == suite);
      CHECK(read->kind() == kind);
      CHECK(read->key_id() == verifier.key_id());
    }
    const Verifier signer(*suite, "log.example", key->public_key());
    const std::string note = format_note("x\n", {sign_line(signer, *key, "x\n").value()});
    CHECK(open_note(note, {signer}));
  }
}

TEST_CASE("an unknown suite is refused with the known ones named") {
  const auto suite = find_suite("rsa-md5");
  REQUIRE_FALSE(suite);
  CHECK(suite.error().message.find("sm2-sm3") != std::string::npos);
}

TEST_CASE("SHA-256 in pieces is that of the whole") {
  Sha256 stream;
  stream.update("abc");
  stream.update("");
  stream.update("def");
  CHECK(stream.finish() == sha256("abcdef"));
  CHECK(to_hex(as_view(Sha256().finish())) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace yunjian::ledger
