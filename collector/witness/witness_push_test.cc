#include "collector/witness/witness_push.h"

#include <doctest/doctest.h>

#include "collector/store/testing/log_kit.h"
#include "ledger/checkpoint.h"

namespace yunjian::collector {
namespace {

using testing::TestLog;

// A C2SP witness of one log in memory, by the specification.
class SpecWitness {
 public:
  explicit SpecWitness(const TestLog& log) : log_(&log) {
    ledger::testing::SeededRandom random(21);
    key_ = ledger::default_suite().generate(random).value();
    verifier_ =
        std::make_unique<ledger::Verifier>(ledger::default_suite(), "witness.spec",
                                           key_->public_key(), ledger::SignatureKind::cosignature);
  }
  const ledger::Verifier& verifier() const { return *verifier_; }
  std::uint64_t size() const { return tree_.size; }
  void see(const ledger::TreeHead& tree) { tree_ = tree; }

  WitnessAnswer answer(const std::string& body) {
    ++asked;
    if (forced) return *forced;
    const auto split = body.find("\n\n");
    const std::string note = body.substr(split + 2);
    const auto checkpoint = ledger::open_checkpoint(note, log_->log->verifier());
    if (!checkpoint) return {403, "", ""};
    std::vector<ledger::Hash> proof;
    std::size_t at = body.find('\n') + 1;
    while (at <= split) {
      const std::size_t end = body.find('\n', at);
      proof.push_back(ledger::hash_from_base64(body.substr(at, end - at)).value());
      at = end + 1;
    }
    const auto old = ledger::parse_decimal(body.substr(4, body.find('\n') - 4)).value();
    if (old > checkpoint->tree.size) return {400, "", ""};
    if (old != tree_.size) {
      return {409, "text/x.tlog.size", std::to_string(tree_.size) + "\n"};
    }
    const auto hasher = ledger::default_suite().hasher();
    if (old > 0 && !ledger::verify_consistency(*hasher, tree_, checkpoint->tree, proof)) {
      return {422, "", ""};
    }
    tree_ = checkpoint->tree;
    const auto parsed = ledger::parse_note(note).value();
    const auto line = ledger::cosign_line(*verifier_, *key_, parsed.text, 1'790'000'000).value();
    const std::string whole = ledger::format_note(parsed.text, {line});
    return {200, "text/plain", whole.substr(parsed.text.size() + 1)};
  }
  int asked = 0;
  std::optional<WitnessAnswer> forced;

 private:
  const TestLog* log_;
  std::unique_ptr<ledger::PrivateKey> key_;
  std::unique_ptr<ledger::Verifier> verifier_;
  ledger::TreeHead tree_;
};

struct PushSetup {
  PushSetup() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    auto opened = Cosignatures::open(
        *log, {.files = log.files, .clock = log.clock, .directory = "/data/witnessed"},
        {.witnesses = {witness.verifier()}, .quorum = 1});
    REQUIRE(opened);
    cosignatures = std::move(*opened);
    push =
        std::make_unique<WitnessPush>(*log, *cosignatures, std::vector<std::string>{url}, post());
  }
  WitnessPost post() {
    return [this](const std::string& to, const std::string& body) -> ledger::Result<WitnessAnswer> {
      CHECK(to == "https://witness.example/prefix/add-checkpoint");
      if (silent) return ledger::fail(ledger::ErrorKind::retry, "no answer");
      return witness.answer(body);
    };
  }
  void grow() {
    testing::TestAgent agent(std::string(32, static_cast<char>('1' + grown)), 1, 50);
    ++grown;
    REQUIRE(log.enrol(agent, "water", "web-01"));
    log.clock.advance(candidate_interval);
  }
  ledger::Checkpoint newest() {
    return ledger::open_checkpoint(log->checkpoint(), log->verifier()).value();
  }
  const std::string url = "https://witness.example/prefix/";
  TestLog log;
  int grown = 0;
  bool silent = false;
  SpecWitness witness{log};
  std::unique_ptr<Cosignatures> cosignatures;
  std::unique_ptr<WitnessPush> push;
};

TEST_CASE("a witness of the specification follows the log, and a new process finds where it is") {
  PushSetup setup;
  setup.push->push();
  CHECK(setup.witness.size() == 1);
  CHECK(setup.push->push().empty());
  CHECK(setup.witness.asked == 1);
  for (int i = 0; i < 6; ++i) setup.grow();
  setup.push->push();
  CHECK(setup.witness.size() == 7);
  CHECK(setup.cosignatures->counts().witnessed_size == 7);
  setup.grow();
  WitnessPush later(*setup.log, *setup.cosignatures, {setup.url}, setup.post());
  later.push();
  CHECK(setup.witness.size() == 8);
  CHECK(setup.witness.asked == 4);
}

TEST_CASE("every answer of the specification has its meaning, and each change is told once") {
  using enum WitnessSays;
  CHECK(judge_witness({200, "", ""}).says == cosigned);
  CHECK(judge_witness({404, "", ""}).says == unknown_log);
  CHECK(judge_witness({403, "", ""}).says == untrusted);
  CHECK(judge_witness({400, "", ""}).says == misunderstood);
  CHECK(judge_witness({422, "", ""}).says == inconsistent);
  CHECK(judge_witness({503, "", ""}).says == not_now);
  CHECK(judge_witness({429, "", ""}).says == not_now);
  CHECK(judge_witness({409, "text/x.tlog.size", "17\n"}).size == 17);
  for (const std::string body : {"17", "017\n", "x\n", "", "17\n\n"}) {
    CHECK(judge_witness({409, "text/x.tlog.size", body}).says == misunderstood);
  }
  CHECK(judge_witness({409, "text/plain", "17\n"}).says == misunderstood);
  CHECK(judge_witness({302, "", ""}).says == misunderstood);

  PushSetup setup;
  setup.witness.forced = WitnessAnswer{404, "", "unknown\n"};
  CHECK(setup.push->push().size() == 1);
  CHECK(setup.push->push().empty());
  setup.witness.forced = WitnessAnswer{422, "", ""};
  const auto events = setup.push->push();
  REQUIRE(events.size() == 1);
  CHECK(events.front().alarm);
  setup.witness.forced.reset();
  CHECK(setup.push->push().front().text == "it cosigns");
}

TEST_CASE("a witness that always names another size does not hold the collector") {
  PushSetup setup;
  setup.witness.forced = WitnessAnswer{409, "text/x.tlog.size", "0\n"};
  CHECK(setup.push->push().size() == 1);
  CHECK(setup.witness.asked <= 3);
}

TEST_CASE("a witness that has seen more than the log holds is an alarm") {
  PushSetup setup;
  setup.witness.see({99, ledger::sha256("more")});
  const auto events = setup.push->push();
  REQUIRE(events.size() == 1);
  CHECK(events.front().alarm);
}

TEST_CASE("nothing is signed when a witness has seen more, or another history") {
  PushSetup setup;
  for (int i = 0; i < 3; ++i) setup.grow();
  const auto ask = [&] {
    return ask_before_signing({setup.url}, setup.post(), setup.newest(), setup.log->checkpoint());
  };
  setup.witness.see({2, {}});
  CHECK(ask().value().empty());
  setup.witness.see({setup.newest().tree.size, ledger::sha256("other")});
  CHECK(ask().error().kind == ledger::ErrorKind::fatal);
  setup.witness.see({99, {}});
  CHECK(ask().error().message.find("99 leaves") != std::string::npos);
  setup.silent = true;
  CHECK(ask().value().size() == 1);
}

}  // namespace
}  // namespace yunjian::collector
