#include "auditor/alarm_statement.h"

#include <doctest/doctest.h>

#include "auditor/testing/sample_log.h"

namespace yunjian::auditor {
namespace {

using testing::SampleLog;
using Kind = AlarmStatement::Kind;

struct Setup {
  Setup() {
    const std::size_t host = log.enrol("water-bureau", "web-01");
    log.seal(host, {log.random_line(60)});
    smaller = log.checkpoint_note();
    log.seal(host, {log.random_line(60)});
    larger = log.checkpoint_note();
    auto made = make_key(
        files, "/key",
        {"witness.example", &testing::sample_suite(), ledger::SignatureKind::cosignature}, random);
    REQUIRE(made);
    key = std::make_unique<OwnKey>(std::move(*made));
  }
  AlarmStatement statement(Kind kind, std::string kept, std::string shown) const {
    return {.kind = kind,
            .origin = log.verifier().name(),
            .since = ledger::parse_time("2026-11-22T09:00:00.000000Z").value(),
            .seen = ledger::parse_time("2026-11-22T11:00:00.000000Z").value(),
            .kept = std::move(kept),
            .shown = std::move(shown)};
  }
  ledger::Result<AlarmCheck> checked(const AlarmStatement& stated) {
    return check_alarm(sign_alarm(stated, *key).value(), log.verifier(), {key->identity});
  }
  ledger::testing::MemoryFileSystem files;
  ledger::testing::SeededRandom random{3};
  std::unique_ptr<OwnKey> key;
  SampleLog log;
  std::string smaller;
  std::string larger;
};

TEST_CASE_FIXTURE(Setup, "each kind of alarm reads back to whoever has the two keys") {
  for (const auto& stated :
       {statement(Kind::roll_back, larger, smaller), statement(Kind::stale, larger, larger),
        statement(Kind::silent, larger, "")}) {
    const auto check = checked(stated);
    REQUIRE_MESSAGE(check.has_value(), (check ? "" : check.error().message));
    CHECK(check->statement.kind == stated.kind);
    CHECK(check->statement.seen == stated.seen);
    CHECK(check->kept.size == 3);
  }
}

TEST_CASE_FIXTURE(Setup, "notes that do not say what is stated are refused") {
  CHECK(!checked(statement(Kind::roll_back, smaller, larger)));
  CHECK(!checked(statement(Kind::roll_back, larger, "")));
  CHECK(!checked(statement(Kind::stale, smaller, larger)));
  CHECK(!checked(statement(Kind::silent, larger, smaller)));
  CHECK(!checked(statement(Kind::stale, larger, "no note\n")));
  AlarmStatement other = statement(Kind::silent, larger, "");
  other.origin = "another.example";
  CHECK(!checked(other));
  std::swap(other.since, other.seen);
  CHECK(!checked(other));
}

TEST_CASE_FIXTURE(Setup, "no byte of a statement can be changed, and another key's is nobody's") {
  const std::string good = sign_alarm(statement(Kind::stale, larger, larger), *key).value();
  CHECK(is_alarm_statement(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(check_alarm(changed, log.verifier(), {key->identity}));
    CHECK_FALSE(check_alarm(std::string_view(good).substr(0, i), log.verifier(), {key->identity}));
  }
  CHECK_FALSE(check_alarm(good, log.verifier(), {}));
  CHECK_FALSE(check_alarm(good, SampleLog(9).verifier(), {key->identity}));
}

}  // namespace
}  // namespace yunjian::auditor
