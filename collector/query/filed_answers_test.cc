// A question has one answer, wherever the records lie: all in the WAL, half of them filed, all of
// them filed, the day joined and written denser, the collector started again.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <thread>

#include "collector/query/plan.h"
#include "collector/query/record_deriver.h"
#include "collector/query/testing/random_query.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;

constexpr std::uint64_t small_segments = 12'000;  // a few batches each
constexpr int minutes_of_records = 20;
const std::vector<std::string> units = {"tax", "police", "tax"};
const std::vector<std::string> hosts = {"web-01", "case-01", "web-02"};

std::string event(ledger::Time time, const std::string& program, const std::string& message) {
  std::string line;
  ledger::RecordWriter writer(line, time, "event");
  const auto second = static_cast<unsigned>(time.time_since_epoch().count() / 1'000'000 % 60);
  writer.text("source", "journal").integer("severity", second % 8);
  writer.text("process.name", program);
  writer.integer("process.pid", 800 + second).message(message).finish();
  return line;
}

std::string usage(ledger::Time time, std::string_view kind) {
  std::string line;
  ledger::RecordWriter writer(line, time, kind);
  writer.decimal("cpu.used.mean", 7).finish();
  return line;
}

// Lines as agents write them, and such as nobody should write but which are evidence all the same.
std::string some_line(std::mt19937& random, const std::string& user) {
  const ledger::Time time = test_start + std::chrono::seconds(random() % (minutes_of_records * 60));
  switch (random() % 16) {
    case 0:
      return event(time, "sshd",
                   "Failed password for invalid user " + user + " from 10.20.0.1 port 22 ssh2");
    case 1:
      return event(time, "sshd", "Accepted publickey for " + user + " from fe80::12 port 22 ssh2");
    case 2:
      return event(time, "sudo",
                   user + " : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vi /etc/passwd");
    case 3:
      return event(time, "portal", "用户 " + user + " 登录失败 单号 812");
    case 4:
      return event(time, "portal", "Time: 08:16; addresses 10.20.0.12 and 1.10.20.0.1, gfe80::12.");
    case 5:
      return event(time, "cron", "(root) CMD (run-parts /etc/cron.hourly)");
    case 6:
      return usage(time, "usage");
    case 7:
      return usage(time, "usage_hour");
    case 8:
      return "{\"message\": no json for " + user + " 登录 10.20.0.1";
    case 9:
      return R"({"kind":"EVENT","message":"other order","time":"2026-11-22T08:16:05+08:00"})";
    case 10:
      return R"({"message":"","severity":"6","extra":7.5})";
    case 11:
      return R"({"message":"failed","message":"password","class_uid":3002,"resource":"passwd"})";
    case 12:
      return "failed \xff\xfe password";
    case 13:
      return event(time - 24h * 400, "sshd", "failed long ago");
    case 14:
      return event(test_start + 60s, "sshd", "password of many at one time");
    default:
      return event(time, "kernel", "");
  }
}

// Three hosts of two units whose batches interleave; of one the body comes late.
struct FiledAnswersFixture {
  TestLog log{small_segments};
  const Deriver deriver = make_deriver(rules::Classifier::builtin());
  std::vector<TestAgent> agents;
  std::unique_ptr<LogRecordStore> store;

  FiledAnswersFixture() {
    REQUIRE(log.create());
    REQUIRE(open());
    std::mt19937 random(6);
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      agents.emplace_back(std::string(32, static_cast<char>('a' + i)), 1, 1 + i);
      REQUIRE(log.enrol(agents[i], units[i], hosts[i]));
    }
    std::string late;
    constexpr std::size_t batches = 90;
    for (std::size_t i = 0; i < batches; ++i) {
      log.clock.advance(7s);
      std::vector<std::string> lines;
      const std::size_t count = random() % 9;
      for (std::size_t j = 0; j < count; ++j)
        lines.push_back(some_line(random, j % 2 ? "ops" : "li"));
      if (i == 3) lines.push_back("failed and late");
      BatchEntry entry =
          testing::batch_entry(agents[i % 3].seal(lines), units[i % 3], hosts[i % 3]);
      if (i == 3) {
        late.swap(entry.body);
        entry.hollow = true;
      }
      REQUIRE(log->commit(only(std::move(entry))));
      if (i == 60) REQUIRE(log->commit(only(BodyFill{agents[0].stream(), 1, late, std::nullopt})));
    }
    // Records that nobody finds before they are sealed: they close the last segment of the others.
    for (int i = 0; i < 30; ++i) {
      REQUIRE(log->commit(only(OwnRecord{"own record " + std::string(600, 'x')})));
    }
  }

  ledger::Result<void> open() {
    store.reset();
    log.log.reset();
    EvidenceLog::Options options = log.options();
    options.deriver = &deriver;
    auto opened = EvidenceLog::open(log.files, log.clock, options, testing::log_key());
    if (!opened) return failure(opened);
    log.log = std::move(*opened);
    store = std::make_unique<LogRecordStore>(*log, &deriver);
    return {};
  }

  // One piece of the work behind the commits. False: there is none.
  bool file_one() {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (log->stats().stored_leaves < log->size()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
    const auto done = log->file_step();
    REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
    return *done;
  }
  void file_all() {
    while (file_one()) continue;
  }
};

// All that an authority may ask at once, made from a seed.
struct Question {
  std::string text;
  Query query;
  Scope scope = Scope::all();
  ScanQuery scan;
  bool possible = true;  // false: the plan says that nothing matches

  Question(std::mt19937& random, const FiledAnswersFixture& fixture, std::string asked)
      : text(std::move(asked)), query(*Query::parse(text)) {
    const std::vector<Scope> scopes = {Scope::all(), Scope::units({"tax"}),
                                       Scope::units({"police"}), Scope::units({}),
                                       Scope::all().with_messages_of({"police"})};
    scope = scopes[random() % scopes.size()];
    scan.to = ledger::Time::max();
    if (random() % 2 == 0) {
      scan.from = test_start + std::chrono::seconds(random() % 600);
      scan.to = scan.from + std::chrono::seconds(1 + random() % 600);
    }
    if (random() % 4 == 0) scan.received_from = test_start + std::chrono::seconds(random() % 600);
    scan.limit = std::vector<std::size_t>{1, 3, 20, 100'000}[random() % 4];
    if (random() % 8 == 0) scan.bytes_max = 2000;
    const QueryPlan plan =
        plan_query(query, {.hosts = [] { return hosts; }, .derived_keys = &fixture.deriver.keys});
    possible = apply_plan(query, plan, scan);
  }

  // The records, page by page, and the cursor behind each page.
  std::string records(const FiledAnswersFixture& fixture, Order order) const {
    std::string answer;
    if (!possible) return answer;
    ScanQuery page = scan;
    page.order = order;
    for (bool complete = false; !complete;) {
      const auto stats = fixture.store->scan(scope, page, [&](const StoredRecord& record) {
        answer += described(record);
        page.after = record.key;
      });
      REQUIRE_MESSAGE(stats, (stats ? "" : stats.error().message));
      complete = stats->complete;
      answer += complete ? "end\n" : "page\n";
    }
    return answer;
  }

  static std::string described(const StoredRecord& record) {
    std::string text = fmt::format("{}/{} {} {} {} {} {}", record.key.stream, record.key.number,
                                   ledger::format_time(record.key.time), record.host, record.unit,
                                   ledger::format_time(record.received), record.line);
    for (const DerivedField& field : record.derived) {
      text += fmt::format(" {}={}", field.key, field.value);
    }
    return text + "\n";
  }

  // As it comes: sorted here, each record once.
  std::string sweep(const FiledAnswersFixture& fixture) const {
    std::vector<std::string> found;
    if (!possible) return "";
    ScanQuery all = scan;
    all.order = Order::any;
    const auto stats = fixture.store->scan(
        scope, all, [&](const StoredRecord& record) { found.push_back(described(record)); });
    REQUIRE(stats);
    std::ranges::sort(found);
    std::string answer;
    for (const std::string& record : found) answer += record;
    return answer;
  }

  // What hits and facets are made of.
  std::string counts(const FiledAnswersFixture& fixture, CountBy by,
                     const std::string& field) const {
    if (!possible) return "";
    AggregateQuery count;
    static_cast<Selection&>(count) = scan;
    count.by = by;
    count.field = field;
    if (field != "kind") count.step = 5min;
    const auto counted = fixture.store->aggregate(scope, count);
    REQUIRE(counted);
    std::string answer;
    for (const auto& [group, records] : counted->counts) {
      answer += fmt::format("{} {} {}\n", ledger::format_time(group.step),
                            group.value.value_or("(absent)"), records);
    }
    for (const auto& [unit, records] : counted->units)
      answer += fmt::format("{} {}\n", unit, records);
    return answer;
  }

  std::string everything(const FiledAnswersFixture& fixture) const {
    std::string answer = records(fixture, Order::oldest_first) +
                         records(fixture, Order::newest_first) + sweep(fixture) +
                         counts(fixture, CountBy::host, "") + counts(fixture, CountBy::unit, "") +
                         counts(fixture, CountBy::stream, "");
    for (const char* field : {"", "kind", "severity", "process.name", "class_uid",
                              "actor.user.name", "message", "time", "cpu.used.mean", "resource"}) {
      answer += counts(fixture, CountBy::field, field);
    }
    return answer;
  }
};

// The first line in which two answers differ.
std::string difference(const std::string& now, const std::string& before) {
  const auto [a, b] = std::ranges::mismatch(now, before);
  if (a == now.end() && b == before.end()) return "";
  const auto line_of = [](const std::string& text, std::size_t at) {
    const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    return text.substr(begin, text.find('\n', at) - begin);
  };
  const auto at = static_cast<std::size_t>(a - now.begin());
  return "now: " + line_of(now, at) + "\nbefore: " + line_of(before, at);
}

struct Asked {
  std::vector<Question> questions;
  std::vector<std::string> answers;

  Asked(const FiledAnswersFixture& fixture, std::size_t count) {
    std::mt19937 random(20261128);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      // Lines that no column gives back may have fields of their own by the names of derived ones.
      const bool asks_derived = i % 20 == 0;
      questions.emplace_back(random, fixture,
                             asks_derived ? "class_uid: 3002" : testing::random_query(random, 2));
      answers.push_back(questions.back().everything(fixture));
      bytes += answers.back().size();
    }
    REQUIRE(bytes > count * 1000);  // the questions are worth asking
  }

  // Every `nth` question once more.
  void check(const FiledAnswersFixture& fixture, std::size_t nth = 1) const {
    for (std::size_t i = 0; i < questions.size(); i += nth) {
      CAPTURE(questions[i].text);
      CAPTURE(i);
      REQUIRE(difference(questions[i].everything(fixture), answers[i]) == "");
    }
  }
};

TEST_CASE("a question has the same answer from the WAL, half filed, filed, joined and reopened") {
  FiledAnswersFixture fixture;
  const Asked asked(fixture, 160);
  REQUIRE(fixture.log->stats().parts == 0);
  const std::uint64_t segments = fixture.log->stats().segments_to_file;
  REQUIRE(segments > 6);
  while (fixture.log->stats().segments_to_file > segments / 2) {
    REQUIRE(fixture.file_one());
    asked.check(fixture, 29);
  }
  REQUIRE(fixture.log->stats().parts > 0);
  REQUIRE(fixture.log->stats().rows > 0);
  asked.check(fixture);
  fixture.file_all();
  REQUIRE(fixture.log->stats().rows == 0);
  asked.check(fixture);
  fixture.log.clock.advance(25h);
  fixture.file_all();
  REQUIRE(fixture.log->stats().parts == 1);
  asked.check(fixture);
  REQUIRE(fixture.open());
  asked.check(fixture, 7);
}

}  // namespace
}  // namespace yunjian::collector
