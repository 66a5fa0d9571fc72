#include "collector/query/plan.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "collector/query/record_deriver.h"
#include "collector/query/testing/random_query.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::random_query;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;

std::string event(int second, const std::string& program, const std::string& message) {
  std::string line;
  ledger::RecordWriter writer(line, test_start + std::chrono::seconds(second), "event");
  writer.text("source", "journal").integer("severity", static_cast<unsigned>(second % 8));
  writer.text("process.name", program);
  writer.integer("process.pid", static_cast<unsigned>(800 + second)).message(message).finish();
  return line;
}

std::string usage(int second) {
  std::string line;
  ledger::RecordWriter writer(line, test_start + std::chrono::seconds(second), "usage");
  writer.decimal("cpu.used.mean", second).finish();
  return line;
}

std::vector<std::string> some_lines(const std::string& user) {
  return {
      event(0, "sshd", "Failed password for invalid user " + user + " from 10.20.0.1 port 22 ssh2"),
      event(1, "sshd", "Accepted publickey for " + user + " from fe80::12 port 22 ssh2"),
      event(2, "sudo", user + " : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vi /etc/passwd"),
      event(3, "portal", "用户 " + user + " 登录失败 单号 812"),
      event(4, "portal", "Time: 08:16; addresses 10.20.0.12 and 1.10.20.0.1, gfe80::12."),
      event(5, "cron", "(root) CMD (run-parts /etc/cron.hourly)"),
      usage(6),
      "{\"message\": no json for " + user + " 登录 10.20.0.1",
      R"({"kind":"EVENT","message":"other order","time":"2026-11-22T08:16:05+08:00"})",
      R"({"message":"","severity":"6","extra":7.5})",
  };
}

// Two hosts of two units with a few records of every shape.
struct PlanFixture {
  TestLog log;
  const Deriver deriver = make_deriver(rules::Classifier::builtin());
  std::unique_ptr<LogRecordStore> store;
  TestAgent tax{std::string(32, 'a'), 1, 1};
  TestAgent police{std::string(32, 'b'), 1, 2};

  PlanFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    fill(tax, "tax", "web-01", "ops");
    fill(police, "police", "case-01", "li");
    store = std::make_unique<LogRecordStore>(*log, &deriver);
  }

  void fill(TestAgent& agent, const std::string& unit, const std::string& host,
            const std::string& user) {
    REQUIRE(log.enrol(agent, unit, host));
    const auto lines = some_lines(user);
    REQUIRE(log->commit(testing::only(testing::batch_entry(agent.seal(lines), unit, host))));
  }

  QueryPlan plan(const Query& query) const {
    return plan_query(query, {.hosts =
                                  [] {
                                    return std::vector<std::string>{"web-01", "case-01"};
                                  },
                              .derived_keys = &deriver.keys});
  }

  std::set<std::string> run(ScanQuery scan) const {
    scan.to = ledger::Time::max();
    std::set<std::string> found;
    const auto done = store->scan(Scope::all(), scan, [&](const StoredRecord& record) {
      found.insert(record.key.stream.substr(0, 1) + std::to_string(record.key.number));
    });
    REQUIRE(done);
    return found;
  }

  std::set<std::string> with_plan(const Query& query) const {
    ScanQuery scan;
    return apply_plan(query, plan(query), scan) ? run(std::move(scan)) : std::set<std::string>();
  }

  std::set<std::string> without_plan(const Query& query) const {
    ScanQuery scan;
    scan.matches = [&](const ledger::ParsedRecord* record, const StoredRecord& stored) {
      return query.matches({.record = record,
                            .line = stored.line,
                            .host = stored.host,
                            .unit = stored.unit,
                            .stream = stored.key.stream,
                            .derived = stored.derived});
    };
    return run(std::move(scan));
  }
};

TEST_CASE_FIXTURE(PlanFixture,
                  "A query finds the same records with what is pushed down and without") {
  std::mt19937 random(20261127);
  std::size_t found = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_query(random, 3);
    CAPTURE(text);
    const auto query = Query::parse(text);
    REQUIRE_MESSAGE(query.has_value(), query.error().message);
    const auto expected = without_plan(*query);
    found += expected.size();
    CHECK(with_plan(*query) == expected);
  }
  CHECK(found > 3000);
}

TEST_CASE_FIXTURE(PlanFixture, "Conditions on single fields need no line to be read") {
  const auto needs_lines = [&](const char* text) { return plan(*Query::parse(text)).residual; };
  CHECK_FALSE(needs_lines("process.name: sshd and severity <= 6"));
  CHECK_FALSE(needs_lines("not severity: 6 and class_uid: (3002 or 3001)"));
  CHECK_FALSE(needs_lines("host: web-01 and kind: event"));
  CHECK_FALSE(needs_lines(""));
  CHECK(needs_lines("failed"));
  CHECK(needs_lines("process.name: sshd or severity: 6"));
  CHECK(needs_lines("unit: tax"));
}

TEST_CASE_FIXTURE(PlanFixture, "Words, hosts and lanes that must be there are known before") {
  const auto words = plan(*Query::parse("failed 登录 host: web-01")).filter;
  CHECK(words.words == std::vector<std::vector<std::string>>{{"failed"}, {"登录"}});
  CHECK(words.hosts == std::set<std::string, std::less<>>{"web-01"});
  CHECK(plan(*Query::parse("failed or accepted")).filter.words ==
        std::vector<std::vector<std::string>>{{"failed", "accepted"}});
  CHECK(plan(*Query::parse("not failed")).filter.words.empty());
  CHECK(plan(*Query::parse("host: nowhere")).filter.hosts ==
        std::set<std::string, std::less<>>{""});
  CHECK(plan(*Query::parse("kind: event")).lanes == std::vector<Lane>{Lane::event});
}

TEST_CASE_FIXTURE(PlanFixture, "Derived fields are found like sealed ones") {
  const auto found = [&](const char* text) { return with_plan(*Query::parse(text)); };
  CHECK(found("class_uid: 3002 and status_id: 2") == std::set<std::string>{"a0", "b0"});
  CHECK(found("actor.user.name: li and activity_id: 1") == std::set<std::string>{"b0", "b1", "b2"});
  CHECK(found("src_endpoint.ip: fe80::/10") == std::set<std::string>{"a1", "b1"});
}

}  // namespace
}  // namespace yunjian::collector
