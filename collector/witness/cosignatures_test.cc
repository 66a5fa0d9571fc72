#include "collector/witness/cosignatures.h"

#include <doctest/doctest.h>

#include "collector/store/testing/log_kit.h"
#include "ledger/checkpoint.h"

namespace yunjian::collector {
namespace {

using testing::TestLog;

struct Witness {
  explicit Witness(std::string name, std::uint64_t seed) : random(seed) {
    key = ledger::default_suite().generate(random).value();
    verifier =
        std::make_unique<ledger::Verifier>(ledger::default_suite(), std::move(name),
                                           key->public_key(), ledger::SignatureKind::cosignature);
  }
  std::string cosign(const std::string& note, ledger::Time time) const {
    auto parsed = ledger::parse_note(note).value();
    const auto seconds = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
    parsed.signatures.push_back(ledger::cosign_line(*verifier, *key, parsed.text, seconds).value());
    return ledger::format_note(parsed.text, parsed.signatures);
  }
  ledger::testing::SeededRandom random;
  std::unique_ptr<ledger::PrivateKey> key;
  std::unique_ptr<ledger::Verifier> verifier;
};

struct Setup {
  Setup() {
    REQUIRE(log.create());
    REQUIRE(log.open());
  }
  std::unique_ptr<Cosignatures> open(std::size_t quorum) {
    auto opened = Cosignatures::open(
        *log, {.files = log.files, .clock = log.clock, .directory = "/data/witnessed"},
        {.witnesses = {*a.verifier, *b.verifier}, .quorum = quorum});
    REQUIRE(opened);
    return std::move(*opened);
  }
  ledger::Time now() const { return log.clock.wall(); }
  void grow() {
    testing::TestAgent agent(std::string(32, static_cast<char>('1' + grown)), 1, 50);
    ++grown;
    REQUIRE(log.enrol(agent, "water", "web-01"));
  }
  TestLog log;
  int grown = 0;
  Witness a{"witness.a", 11};
  Witness b{"witness.b", 12};
  Witness stranger{"witness.a", 13};
};

TEST_CASE("a checkpoint is witnessed when enough witnesses signed the same one") {
  Setup setup;
  const auto cosignatures = setup.open(2);
  const std::string candidate = cosignatures->candidate();
  setup.grow();
  CHECK(cosignatures->candidate() == candidate);
  CHECK(cosignatures->add(setup.a.cosign(candidate, setup.now())).value().cosignatures == 1);
  CHECK(cosignatures->witnessed().empty());
  CHECK(cosignatures->add(setup.a.cosign(candidate, setup.now())).value().cosignatures == 1);
  CHECK(cosignatures->add(setup.b.cosign(candidate, setup.now())).value().witnessed == 1);
  const std::string note = cosignatures->witnessed();
  CHECK(ledger::open_note(note, {*setup.a.verifier}).has_value());
  CHECK(ledger::open_note(note, {*setup.b.verifier}).has_value());
  CHECK(ledger::open_checkpoint(note, setup.log->verifier()).value().tree.size == 1);
  CHECK(setup.open(2)->witnessed() == note);
  setup.log.clock.advance(candidate_interval);
  CHECK(cosignatures->candidate() == setup.log->checkpoint());
}

TEST_CASE("a witnessed checkpoint is never replaced by a smaller one") {
  Setup setup;
  const auto cosignatures = setup.open(1);
  const std::string early = setup.log->checkpoint();
  setup.grow();
  CHECK(cosignatures->add(setup.a.cosign(setup.log->checkpoint(), setup.now())).value().witnessed ==
        2);
  CHECK(cosignatures->add(setup.b.cosign(early, setup.now())).value().witnessed == 2);
}

TEST_CASE("signatures that do not count are refused, and the answer says why") {
  Setup setup;
  const auto cosignatures = setup.open(1);
  const std::string checkpoint = setup.log->checkpoint();
  const auto problem = [&](const std::string& note) {
    const auto added = cosignatures->add(note);
    REQUIRE_FALSE(added);
    return added.error().message;
  };
  CHECK(problem(checkpoint).find("no cosignature") != std::string::npos);
  CHECK(problem(setup.stranger.cosign(checkpoint, setup.now())).find("no cosignature") !=
        std::string::npos);
  CHECK(problem(setup.a.cosign(checkpoint, setup.now() + std::chrono::hours(1))).find("future") !=
        std::string::npos);
  std::string bad = setup.a.cosign(checkpoint, setup.now());
  bad[bad.size() - 8] = bad[bad.size() - 8] == 'A' ? 'B' : 'A';
  CHECK(problem(bad).find("does not verify") != std::string::npos);
  CHECK(problem("not a note").find("not a checkpoint") != std::string::npos);
  CHECK(cosignatures->counts().refused == 4);
}

TEST_CASE("a tree that the log's own key signed and that is not its own is a second history") {
  Setup setup;
  const auto cosignatures = setup.open(1);
  for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{9}}) {
    const std::string text = ledger::format_checkpoint(
        {std::string(testing::test_origin), {size, ledger::sha256("another")}, {}});
    const auto key = testing::log_key();
    const std::string note =
        ledger::format_note(text, {ledger::sign_line(setup.log->verifier(), *key, text).value()});
    const auto added = cosignatures->add(setup.a.cosign(note, setup.now()));
    REQUIRE_FALSE(added);
    CHECK(added.error().kind == ledger::ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace yunjian::collector
