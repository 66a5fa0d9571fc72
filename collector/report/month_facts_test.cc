#include "collector/report/month_facts.h"

#include <doctest/doctest.h>

#include "collector/query/record_deriver.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/record.h"
#include "rules/month/facts_fold.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using ledger::Time;
using testing::batch_entry;
using testing::only;
using testing::TestAgent;
using testing::TestLog;

std::string usage_line(Time time, double used, std::uint64_t kills) {
  std::string line;
  ledger::RecordWriter writer(line, time, "usage");
  writer.decimal("fs.used./", used).decimal("fs.used./boot", 3.0);
  writer.integer("system.oom_kills", kills);
  writer.finish();
  return line;
}

std::string login_line(Time time, std::string_view user) {
  std::string line;
  ledger::RecordWriter writer(line, time, "event");
  writer.text("source", "file").message(std::string("login ") + std::string(user));
  writer.finish();
  return line;
}

// Every line that begins with "login" is a successful logon.
Deriver logins() {
  return {.version = 1,
          .keys = {"class_uid", "activity_id", "status_id"},
          .derive = [](const ledger::ParsedRecord& record, std::vector<DerivedField>& out) {
            if (!record.find("message").value_or("").starts_with("login")) return;
            out.push_back({"class_uid", "3002", false});
            out.push_back({"activity_id", "1", false});
            out.push_back({"status_id", "1", false});
          }};
}

struct MonthFactsFixture {
  MonthFactsFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    REQUIRE(log.enrol(web, "tax", "web-01"));
    REQUIRE(log.enrol(mute, "tax", "mute-01"));
  }
  void commit(TestAgent& agent, const std::string& host, const std::vector<std::string>& lines) {
    REQUIRE(log->commit(only(batch_entry(agent.seal(lines), "tax", host))));
  }
  TestLog log;
  TestAgent web{std::string(32, 'a'), 1, 7};
  TestAgent mute{std::string(32, 'b'), 1, 8};
};

TEST_CASE_FIXTURE(MonthFactsFixture,
                  "logins are counted where logs are sent, and unknown where none are") {
  const Time from = testing::test_start;
  commit(web, "web-01",
         {login_line(from + 1h, "a"), login_line(from + 2h, "b"), usage_line(from + 3h, 50, 0)});
  commit(mute, "mute-01", {usage_line(from + 3h, 50, 0)});
  const Deriver deriver = logins();
  LogRecordStore store(*log, &deriver);
  const auto facts =
      month_facts(store, Scope::all(),
                  {.hosts = {"web-01", "mute-01", "none"}, .from = from, .to = from + 720h});
  REQUIRE_MESSAGE(facts, facts.error().message);
  CHECK(facts->at("web-01").logins == 2);
  CHECK(facts->at("mute-01").logins == std::nullopt);
  CHECK(facts->at("none").logins == std::nullopt);
  CHECK(facts->at("none").disk_used == std::nullopt);
  const auto later = month_facts(store, Scope::all(),
                                 {.hosts = {"web-01"}, .from = from + 90min, .to = from + 720h});
  CHECK(later->at("web-01").logins == 1);
}

TEST_CASE_FIXTURE(MonthFactsFixture,
                  "the fullest disk, when it will be full, and killed processes") {
  const Time from = testing::test_start;
  commit(web, "web-01",
         {usage_line(from + 1h, 60, 2), usage_line(from + 10 * 24h, 61, 0),
          usage_line(from + 20 * 24h, 71, 1), usage_line(from + 20 * 24h + 1min, 71, 1)});
  LogRecordStore store(*log);
  const auto facts =
      month_facts(store, Scope::all(), {.hosts = {"web-01"}, .from = from, .to = from + 720h});
  REQUIRE_MESSAGE(facts, facts.error().message);
  CHECK(facts->at("web-01").disk_used == 7100);
  CHECK(facts->at("web-01").disk_full_days == 29);  // a point a day, a little less
  CHECK(facts->at("web-01").oom_kills == 4);
}

std::string program_line(Time time, std::string_view program, std::string_view message) {
  std::string line;
  ledger::RecordWriter writer(line, time, "event");
  writer.text("source", "journal").text("process.name", program).message(message);
  writer.finish();
  return line;
}

// Logins, accesses, file systems and kills of so many days.
std::vector<std::string> lines_of(Time from, int days) {
  std::vector<std::string> lines;
  for (int day = 0; day < days; ++day) {
    const Time time = from + std::chrono::hours(24 * day) + 7h;
    lines.push_back(program_line(time, "sshd",
                                 day % 2 == 0
                                     ? "Accepted publickey for li from 10.0.0.9 port 22 ssh2"
                                     : "Failed password for li from 10.0.0.9 port 22 ssh2"));
    lines.push_back(program_line(time + 1s, "nginx",
                                 "10.20.0.1 - - [22/Nov/2026:08:16:05 +0800] \"GET /a HTTP/1.1\" " +
                                     std::string(day % 3 == 0 ? "200" : "500") + " 6 \"-\" \"c\""));
    lines.push_back(usage_line(time + 2s, 40 + day, day == 3 ? 2 : 0));
    lines.push_back(usage_line(time + 3s, 40.5 + day, 0));
  }
  return lines;
}

TEST_CASE_FIXTURE(MonthFactsFixture, "the store's index says what a fold over all records says") {
  const Time from = testing::test_start;
  const Time to = from + 720h;
  const Deriver deriver = make_deriver(rules::Classifier::builtin());
  LogRecordStore store(*log, &deriver);
  // One host to the end of the month, one that stopped long before.
  const std::map<std::string, int> days{{"web-01", 29}, {"mute-01", 12}};
  for (const auto& [host, count] : days) {
    commit(host == "web-01" ? web : mute, host, lines_of(from, count));
  }
  const auto facts =
      month_facts(store, Scope::all(), {.hosts = {"web-01", "mute-01"}, .from = from, .to = to});
  REQUIRE_MESSAGE(facts, facts.error().message);
  for (const auto& [host, count] : days) {
    CAPTURE(host);
    rules::FactsFold fold(from, to);
    const auto lines = lines_of(from, count);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      fold.add(**ledger::parse_record(lines[i]), "any", i);
    }
    const rules::MonthFacts wanted = fold.finish();
    const rules::MonthFacts& found = facts->at(host);
    CHECK(found.logins == wanted.logins);
    CHECK(found.logins == static_cast<std::uint64_t>(count + 1) / 2);
    CHECK(found.accesses == wanted.accesses);
    CHECK(found.accesses == static_cast<std::uint64_t>(count + 2) / 3);
    CHECK(found.oom_kills == wanted.oom_kills);
    CHECK(found.oom_kills == 2);
    CHECK(found.disk_used == wanted.disk_used);
    CHECK(found.disk_full_days == wanted.disk_full_days);
    CHECK(found.disk_full_days.has_value());
  }
}

}  // namespace
}  // namespace yunjian::collector
