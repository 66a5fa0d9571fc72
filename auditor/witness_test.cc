#include "auditor/witness.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "auditor/collector_client.h"
#include "auditor/testing/sample_source.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/posix/system_clock.h"
#include "ledger/split_view.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::auditor {
namespace {

using testing::SampleLog;
using testing::SampleSource;

// A log's API, honest or not, as a witness sees it.
class Shown : public WitnessedLog {
 public:
  explicit Shown(SampleLog& log) : log_(&log), source_(log) {}
  void show(SampleLog& log) {
    log_ = &log;
    source_ = SampleSource(log);
  }
  ledger::Result<std::string> candidate() override { return answer(offered); }
  ledger::Result<std::string> checkpoint() override { return answer(""); }
  ledger::Result<std::string> tile(const ledger::TileId& id) override { return source_.tile(id); }
  ledger::Result<std::string> post(const std::string& note) override {
    if (deaf) return ledger::fail(ledger::ErrorKind::retry, "deaf");
    posted.push_back(note);
    return std::string("{}");
  }
  bool silent = false;
  bool deaf = false;
  std::string offered;  // instead of the newest checkpoint
  std::vector<std::string> posted;

 private:
  ledger::Result<std::string> answer(const std::string& note) {
    if (silent) return ledger::fail(ledger::ErrorKind::retry, "no answer");
    return note.empty() ? source_.checkpoint() : ledger::Result<std::string>(note);
  }
  SampleLog* log_;
  SampleSource source_;
};

struct Setup {
  Setup() {
    fill(log);
    auto made = make_key(
        files, "/key",
        {"witness.example", &testing::sample_suite(), ledger::SignatureKind::cosignature}, random);
    REQUIRE(made);
    key = std::make_unique<OwnKey>(std::move(*made));
  }
  static void fill(SampleLog& log) {
    const std::size_t a = log.enrol("water-bureau", "web-01");
    for (int i = 0; i < 6; ++i) log.seal(a, {log.random_line(60)});
  }
  Witness open(std::optional<std::string> pinned = std::nullopt) {
    auto witness = Witness::open(files, log.verifier(), *key,
                                 {.state = "/state", .pinned_note = std::move(pinned)});
    REQUIRE(witness);
    return std::move(*witness);
  }
  Witness::Outcome step(Witness& witness) {
    auto outcome = witness.step(shown, now);
    REQUIRE(outcome);
    return std::move(*outcome);
  }
  ledger::testing::MemoryFileSystem files;
  ledger::testing::SeededRandom random{3};
  std::unique_ptr<OwnKey> key;
  SampleLog log;
  Shown shown{log};
  ledger::Time now = ledger::parse_time("2026-11-22T09:00:00.000000Z").value();
};

TEST_CASE("a growing log is cosigned, and each cosignature verifies over the whole note") {
  Setup setup;
  Witness witness = setup.open();
  for (int round = 0; round < 3; ++round) {
    const Witness::Outcome outcome = setup.step(witness);
    CHECK(outcome.cosigned);
    CHECK(outcome.told);
    CHECK_FALSE(outcome.alarm);
    CHECK(ledger::open_note(setup.shown.posted.back(), {setup.key->identity}).has_value());
    CHECK(ledger::open_checkpoint(setup.shown.posted.back(), setup.log.verifier()).has_value());
    setup.log.seal(0, {setup.log.random_line(60)});
  }
  setup.step(witness);
  CHECK_FALSE(setup.step(witness).cosigned);
  CHECK(setup.shown.posted.size() == 4);
}

TEST_CASE("the note is durable before anybody gets a signature on it") {
  Setup setup;
  setup.shown.deaf = true;
  {
    Witness witness = setup.open();
    CHECK_FALSE(setup.step(witness).told);
  }
  setup.files.crash();
  setup.shown.deaf = false;
  Witness again = setup.open();
  CHECK(setup.step(again).told);
  CHECK(setup.shown.posted.size() == 1);

  setup.log.seal(0, {setup.log.random_line(60)});
  setup.files.fail_nth(1, ledger::testing::Fault::fail, true);
  CHECK_FALSE(again.step(setup.shown, setup.now));
  CHECK(setup.shown.posted.size() == 1);
}

TEST_CASE("a split view is an alarm whose evidence proves it to whoever has the key only") {
  for (const bool same_size : {false, true}) {
    Setup setup;
    Witness witness = setup.open();
    setup.step(witness);
    SampleLog other;  // the same key, another history
    other.enrol("water-bureau", "web-01");
    for (int i = 0; i < (same_size ? 6 : 9); ++i) other.seal(0, {other.random_line(50)});
    setup.shown.show(other);
    const std::size_t posted = setup.shown.posted.size();
    const Witness::Outcome outcome = setup.step(witness);
    REQUIRE(outcome.alarm);
    CHECK(outcome.alarm->kind == FindingKind::tampered);
    CHECK(setup.shown.posted.size() == posted);
    const std::string evidence = setup.files.content(outcome.evidence).value();
    const auto view = ledger::parse_split_view(evidence);
    REQUIRE(view);
    const auto heads = ledger::check_split_view(*view, setup.log.verifier());
    REQUIRE(heads);
    CHECK(heads->one.size == 7);
    CHECK(heads->other.size == (same_size ? 7 : 10));
    // It stays an alarm, in a new process too.
    Witness again = setup.open();
    CHECK(setup.step(again).alarm);
  }
}

TEST_CASE("no byte of the evidence of a split view can be changed, and honest logs give none") {
  Setup setup;
  SampleLog other;
  other.enrol("water-bureau", "web-01");
  for (int i = 0; i < 10; ++i) other.seal(0, {other.random_line(50)});
  const auto hasher = testing::sample_suite().hasher();
  const auto hashes = other.leaf_hashes();
  const auto view =
      ledger::prove_split_view(setup.log.verifier(), setup.log.checkpoint_note(),
                               other.checkpoint_note(), ledger::subtrees_of(*hasher, hashes));
  REQUIRE(view);
  const std::string good = ledger::format_split_view(*view);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto parsed = ledger::parse_split_view(changed);
    if (parsed) CHECK_FALSE(ledger::check_split_view(*parsed, setup.log.verifier()));
    CHECK_FALSE(ledger::parse_split_view(std::string_view(good).substr(0, i)));
  }
  const std::string before = setup.log.checkpoint_note();
  setup.log.seal(0, {setup.log.random_line(60)});
  const auto more = setup.log.leaf_hashes();
  CHECK_FALSE(ledger::prove_split_view(setup.log.verifier(), before, setup.log.checkpoint_note(),
                                       ledger::subtrees_of(*hasher, more)));
}

TEST_CASE("a log that went back is told with both notes; an older candidate alone is not") {
  Setup setup;
  Witness witness = setup.open();
  const std::string old = setup.log.checkpoint_note();
  setup.step(witness);
  setup.log.seal(0, {setup.log.random_line(60)});
  setup.step(witness);
  setup.shown.offered = old;
  CHECK_FALSE(setup.step(witness).alarm);
  SampleLog shorter;
  Setup::fill(shorter);
  setup.shown.show(shorter);
  const Witness::Outcome outcome = setup.step(witness);
  REQUIRE(outcome.alarm);
  CHECK(outcome.alarm->kind == FindingKind::missing);
  const auto stated = check_alarm(setup.files.content(outcome.evidence).value(),
                                  setup.log.verifier(), {setup.key->identity});
  REQUIRE(stated);
  CHECK(stated->statement.kind == AlarmStatement::Kind::roll_back);
  CHECK(stated->kept.size > stated->shown.size);
}

TEST_CASE("what verify saw before counts too") {
  Setup setup;
  const std::string before = setup.log.checkpoint_note();
  SampleLog other;
  other.enrol("water-bureau", "web-01");
  for (int i = 0; i < 9; ++i) other.seal(0, {other.random_line(50)});
  setup.shown.show(other);
  Witness witness = setup.open(before);
  const Witness::Outcome outcome = setup.step(witness);
  REQUIRE(outcome.alarm);
  CHECK(outcome.alarm->kind == FindingKind::tampered);
  CHECK(setup.shown.posted.empty());
}

TEST_CASE("a stale checkpoint and a silent log are alarms") {
  Setup setup;
  Witness witness = setup.open();
  setup.step(witness);
  setup.now += std::chrono::hours(1);
  CHECK_FALSE(setup.step(witness).alarm);
  setup.now += std::chrono::hours(2);
  auto outcome = setup.step(witness);
  REQUIRE(outcome.alarm);
  CHECK(outcome.alarm->en.find("stale") != std::string::npos);
  const auto states = [&](const std::string& path) {
    const auto check =
        check_alarm(setup.files.content(path).value(), setup.log.verifier(), {setup.key->identity});
    REQUIRE_MESSAGE(check.has_value(), (check ? "" : check.error().message));
    CHECK(check->statement.seen == setup.now);
    return check->statement.kind;
  };
  CHECK(states(outcome.evidence) == AlarmStatement::Kind::stale);
  const std::string first = outcome.evidence;
  setup.now += std::chrono::minutes(1);
  CHECK(setup.step(witness).evidence == first);  // one file, its time the last look's
  CHECK(states(first) == AlarmStatement::Kind::stale);
  setup.shown.silent = true;
  outcome = setup.step(witness);
  REQUIRE(outcome.alarm);
  CHECK(outcome.alarm->kind == FindingKind::cannot_tell);
  CHECK(outcome.alarm->en.find("does not answer") != std::string::npos);
  CHECK(states(outcome.evidence) == AlarmStatement::Kind::silent);
}

TEST_CASE("a state that was changed, or is of another log's key, stops the witness") {
  Setup setup;
  {
    Witness witness = setup.open();
    setup.step(witness);
  }
  SampleLog stranger(9);
  const auto paths = setup.files.paths();
  const auto state = std::find_if(paths.begin(), paths.end(),
                                  [](const auto& path) { return path.ends_with(".witness"); });
  REQUIRE(state != paths.end());
  CHECK_FALSE(Witness::open(setup.files, stranger.verifier(), *setup.key, {.state = "/state"}));
  const std::string good = setup.files.content(*state).value();
  for (std::size_t i = 0; i < good.size(); i += 7) {
    setup.files.overwrite(*state, good.substr(0, i));
    CHECK_FALSE(Witness::open(setup.files, setup.log.verifier(), *setup.key, {.state = "/state"}));
  }
}

TEST_CASE("a key file is made once, mode 0600, and is of one kind") {
  Setup setup;
  CHECK(setup.files.mode("/key").value() == 0600);
  const NewKey again{"witness.example", &testing::sample_suite(),
                     ledger::SignatureKind::cosignature};
  CHECK_FALSE(make_key(setup.files, "/key", again, setup.random));
  const auto read = read_key(setup.files, "/key", ledger::SignatureKind::cosignature);
  REQUIRE(read);
  CHECK(read->identity.vkey() == setup.key->identity.vkey());
  CHECK_FALSE(read_key(setup.files, "/key", ledger::SignatureKind::plain));
  CHECK_FALSE(make_key(setup.files, "/bad", {"a b", again.suite, again.kind}, setup.random));
}

TEST_CASE("keys and tokens that others may read are refused") {
  ledger::PosixFileSystem files;
  ledger::SystemRandom random;
  const ledger::testing::TemporaryDirectory directory;
  const std::string key = directory.path() + "/key";
  const std::string token = directory.path() + "/token";
  REQUIRE(make_key(files, key, {"witness.example", &ledger::default_suite()}, random));
  REQUIRE(ledger::replace_file(files, token, "secret\n", 0600));
  const LiveOptions live{"https://127.0.0.1:1", "", token};
  CHECK(read_key(files, key, ledger::SignatureKind::cosignature).has_value());
  CHECK(open_client(files, live).has_value());
  for (const ::mode_t mode : {0640U, 0604U, 0660U}) {
    REQUIRE(::chmod(key.c_str(), mode) == 0);
    REQUIRE(::chmod(token.c_str(), mode) == 0);
    const auto read = read_key(files, key, ledger::SignatureKind::cosignature);
    REQUIRE_FALSE(read);
    CHECK(read.error().message.find("chmod 600") != std::string::npos);
    const auto client = open_client(files, live);
    REQUIRE_FALSE(client);
    CHECK(client.error().message.find("chmod 600") != std::string::npos);
  }
}

}  // namespace
}  // namespace yunjian::auditor
