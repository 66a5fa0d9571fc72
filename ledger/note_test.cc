#include "ledger/note.h"

#include <doctest/doctest.h>

#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view foo_vkey =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr std::string_view foo_text = "This is an example message.\n";
constexpr std::string_view foo_signature =
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";

std::string foo_note() {
  return std::string(foo_text) + "\n\xE2\x80\x94 example.com/foo " + std::string(foo_signature) +
         "\n";
}

TEST_CASE("the published signed-note vector opens, and its vkey comes back the same") {
  const auto verifier = Verifier::from_vkey(foo_vkey);
  REQUIRE(verifier);
  CHECK(verifier->vkey() == foo_vkey);
  const auto note = open_note(foo_note(), {*verifier});
  REQUIRE(note);
  CHECK(note->text == foo_text);
  CHECK(format_note(note->text, note->signatures) == foo_note());
}

TEST_CASE("no single bit of a note can change without its refusal") {
  const Verifier verifier = Verifier::from_vkey(foo_vkey).value();
  const std::string good = foo_note();
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    std::string flipped = good;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
    CHECK_MESSAGE(!open_note(flipped, {verifier}), "bit " << i);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(open_note(good.substr(0, size), {verifier}));
  }
}

TEST_CASE("a note in another spelling is refused") {
  const std::string good = foo_note();
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string out = good;
    out.replace(out.find(from), from.size(), to);
    return out;
  };
  CHECK(parse_note(good));
  CHECK_FALSE(parse_note(replaced("aQM=", "aQN=")));  // stray bits behind the last byte
  CHECK_FALSE(parse_note(replaced("aQM=", "aQM")));   // padding left out
  CHECK_FALSE(parse_note(replaced("message", "mess\rage")));
  CHECK_FALSE(parse_note(replaced("message",
                                  "mess\x01"
                                  "age")));
  CHECK_FALSE(parse_note(replaced("message",
                                  "mess\xFF"
                                  "age")));
  CHECK_FALSE(parse_note(replaced("\xE2\x80\x94 ", "-- ")));
  CHECK_FALSE(parse_note(replaced("example.com/foo", "example+com")));
  CHECK_FALSE(parse_note(replaced("example.com/foo",
                                  "a\xE3\x80\x80"
                                  "b")));  // ideographic space
  CHECK_FALSE(parse_note(good + "\n"));
  CHECK_FALSE(parse_note(good + "more\n"));
}

TEST_CASE("the last empty line divides, so a text may hold empty lines") {
  testing::SeededRandom random(1);
  const auto key = default_suite().generate(random).value();
  const Verifier me(default_suite(), "me", key->public_key());
  const std::string text = "a\n\nb\n";
  const auto note = format_note(text, {sign_line(me, *key, text).value()});
  CHECK(open_note(note, {me}).value().text == text);
}

TEST_CASE("unknown signers are ignored, a known one that lies spoils the note") {
  testing::SeededRandom random(2);
  const auto key = default_suite().generate(random).value();
  const auto other = default_suite().generate(random).value();
  const Verifier me(default_suite(), "me", key->public_key());
  const Verifier they(default_suite(), "they", other->public_key());
  const std::string text = "x\n";
  const SignatureLine mine = sign_line(me, *key, text).value();
  const SignatureLine theirs = sign_line(they, *other, text).value();
  SignatureLine lie = mine;
  lie.signature[10] ^= 1;

  CHECK(open_note(format_note(text, {theirs, mine}), {me}));
  CHECK_FALSE(open_note(format_note(text, {theirs}), {me}));
  CHECK_FALSE(open_note(format_note(text, {mine, lie}), {me}));
  std::vector<std::size_t> good;
  CHECK(open_note(format_note(text, {theirs, mine}), {me, they}, &good));
  CHECK(good == std::vector<std::size_t>{0, 1});
  // The same name under another key is another key.
  const Verifier impostor(default_suite(), "me", other->public_key());
  CHECK_FALSE(open_note(format_note(text, {mine}), {impostor}));
}

TEST_CASE("a cosignature vouches for text and time") {
  testing::SeededRandom random(3);
  const auto key = default_suite().generate(random).value();
  const Verifier witness(default_suite(), "witness", key->public_key(), SignatureKind::cosignature);
  const std::string text = "origin\n1\nroot\n";
  SignatureLine line = cosign_line(witness, *key, text, 1700000000).value();
  CHECK(line.signature.size() == 72);
  CHECK(witness.verify(text, line));
  CHECK_FALSE(witness.verify("other\n", line));
  line.signature[7] ^= 1;
  CHECK_FALSE(witness.verify(text, line));
  CHECK(Verifier::from_vkey(witness.vkey()).value().kind() == SignatureKind::cosignature);
}

TEST_CASE("a verifier key that is not one says what is wrong") {
  for (const std::string_view bad :
       {"", "a", "a+b", "a+530d903a", "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"}) {
    const auto verifier = Verifier::from_vkey(bad);
    REQUIRE_FALSE(verifier);
    CHECK(verifier.error().message.starts_with("not a verifier key"));
  }
}

// The examples of the C2SP specifications, byte for byte.
TEST_CASE(
    "the signed note of C2SP signed-note verifies, the cosignature of tlog-cosignature reads") {
  const auto foo =
      Verifier::from_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
  REQUIRE(foo);
  const std::string message =
      "This is an example message.\n\n— example.com/foo "
      "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
      "\n";
  CHECK(open_note(message, {*foo}).has_value());
  std::string other = message;
  other[0] = 't';
  CHECK_FALSE(open_note(other, {*foo}).has_value());

  const std::string cosigned =
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
      "— example.com/behind-the-sofa "
      "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
      "\n— witness.example.com/w1 "
      "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/"
      "zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
  const auto note = parse_note(cosigned);
  REQUIRE(note);
  CHECK(format_note(note->text, note->signatures) == cosigned);
  REQUIRE(note->signatures.size() == 2);
  const SignatureLine& witness = note->signatures[1];
  CHECK(witness.name == "witness.example.com/w1");
  CHECK(witness.signature.size() == 8 + 64);
  CHECK(get_u64be(witness.signature.data()) == 1679315147);
}

}  // namespace
}  // namespace yunjian::ledger
