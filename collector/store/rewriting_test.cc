// What was filed is written again: joined, day by day, and when the rules that derive fields are
// others. How often is bounded, and answers are the same before, meanwhile and afterwards.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/archive/part_manifest.h"

namespace yunjian::collector {
namespace {

using ledger::testing::Fault;
using testing::batch_entry;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;
using namespace std::chrono_literals;

constexpr std::uint64_t small_segments = 3000;  // two or three batches each
constexpr std::size_t joined_at_once = 8;

// Rules that say something else in each version: the user of "login N" is "v<version>-N", and the
// second version knows a resource too.
Deriver rules_of(std::uint32_t version) {
  Deriver deriver;
  deriver.version = version;
  deriver.keys = {"actor.user.name", "resource"};
  deriver.derive = [version](const ledger::ParsedRecord& record, std::vector<DerivedField>& out) {
    const auto message = record.find("message").value_or("");
    if (!message.starts_with("login ")) return;
    const std::string number(message.substr(6));
    out.push_back({"actor.user.name", "v" + std::to_string(version) + "-" + number, true});
    if (version > 1) out.push_back({"resource", "door " + number, true});
  };
  return deriver;
}

struct RewritingFixture {
  TestLog log{small_segments};
  TestAgent agent{std::string(32, 'a'), 1, 1};
  std::map<std::uint32_t, Deriver> rules;
  std::uint32_t version = 1;
  std::uint64_t records = 0;

  RewritingFixture() {
    for (std::uint32_t number = 1; number <= 2; ++number) rules.emplace(number, rules_of(number));
    REQUIRE(log.create());
    REQUIRE(open());
    REQUIRE(log.enrol(agent, "tax", "web-01"));
  }

  // Under the rules of `version`.
  ledger::Result<void> open() {
    log.log.reset();
    EvidenceLog::Options options = log.options();
    options.deriver = &rules.at(version);
    auto opened = EvidenceLog::open(log.files, log.clock, options, testing::log_key());
    if (!opened) return failure(opened);
    log.log = std::move(*opened);
    return {};
  }

  void fill(std::size_t batches) {
    for (std::size_t i = 0; i < batches; ++i) {
      std::vector<std::string> lines;
      for (std::size_t j = 0; j < 1 + i % 3; ++j) {
        lines.emplace_back();
        const ledger::Time time = test_start + std::chrono::seconds(records % 900);
        ledger::RecordWriter writer(lines.back(), time, "event");
        const std::string word = records % 4 == 3 ? "logout " : "login ";
        writer.text("source", "file").message(word + std::to_string(records++ % 10)).finish();
      }
      REQUIRE(log->commit(only(batch_entry(agent.seal(lines), "tax", "web-01"))));
    }
  }

  void await_tiles() {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (log->stats().stored_leaves < log->size()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
  }
  bool step() {
    const auto done = log->file_step();
    REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
    return *done;
  }
  void file_all() {
    await_tiles();
    while (step()) continue;
  }

  std::vector<PartPtr> parts() {
    auto view = log->view([](const BatchRow&) { return false; });
    REQUIRE(view);
    return view->parts->parts();
  }
  std::size_t parts_of(std::uint32_t rule_version) {
    return static_cast<std::size_t>(std::ranges::count_if(
        parts(), [&](const PartPtr& part) { return part->footer().rule_version == rule_version; }));
  }

  // All that searches say of derived fields, as one text.
  std::string answers() {
    LogRecordStore store(*log, &rules.at(version));
    std::string text;
    ScanQuery all;
    all.to = ledger::Time::max();
    all.limit = 1'000'000;
    all.order = Order::oldest_first;
    for (const char* user : {"v1-3", "v2-3", ""}) {
      all.filter.columns.clear();
      if (*user != 0) {
        all.filter.columns = {
            {"actor.user.name", [user](auto value, bool) { return value == user; }}};
      }
      REQUIRE(store.scan(Scope::all(), all, [&](const StoredRecord& record) {
        text += record.key.stream + "/" + std::to_string(record.key.number);
        for (const DerivedField& field : record.derived)
          text += fmt::format(" {}={}", field.key, field.value);
        text += "\n";
      }));
    }
    for (const char* field : {"actor.user.name", "resource", "message"}) {
      AggregateQuery count;
      count.to = ledger::Time::max();
      count.field = field;
      const auto counted = store.aggregate(Scope::all(), count);
      REQUIRE(counted);
      for (const auto& [group, found] : counted->counts) {
        text += group.value.value_or("(absent)") + " " + std::to_string(found) + "\n";
      }
    }
    return text;
  }

  void check_files() {
    std::set<std::uint64_t> there;
    const auto names = log.files.list("/data/parts");
    REQUIRE(names);
    for (const std::string& name : *names) {
      if (const auto number = ledger::part_number(name)) there.insert(*number);
    }
    std::set<std::uint64_t> counted;
    for (const PartPtr& part : parts()) counted.insert(part->number());
    REQUIRE(there == counted);
  }
};

std::uint64_t rows_of(const PartPtr& part) {
  std::uint64_t rows = 0;
  for (const ledger::LaneTotals& lane : part->footer().lanes) rows += lane.rows;
  return rows;
}

TEST_CASE(
    "a record is written again once for each level of joining, and once when its day is over") {
  RewritingFixture fixture;
  fixture.fill(560);
  std::set<std::uint64_t> seen;
  std::uint64_t written = 0;  // rows, in all parts that were ever made
  std::uint64_t filed = 0;    // parts made of segments
  std::size_t most = 0;
  const auto look = [&] {
    const auto parts = fixture.parts();
    most = std::max(most, parts.size());
    for (const PartPtr& part : parts) {
      if (!seen.insert(part->number()).second) continue;
      written += rows_of(part);
      filed += part->footer().level == 0 ? 1 : 0;
    }
  };
  fixture.await_tiles();
  std::size_t waiting = fixture.log->stats().segments_to_file;
  REQUIRE(waiting > 100);
  // As in a running collector: what can be joined is joined before the next segment comes.
  while (fixture.step()) look();
  std::uint64_t rows = 0;
  for (const PartPtr& part : fixture.parts()) rows += rows_of(part);
  std::size_t levels = 0;
  for (std::uint64_t held = joined_at_once; held <= filed; held *= joined_at_once) ++levels;
  REQUIRE(levels == 2);
  CHECK(written <= rows * (1 + levels));
  CHECK(fixture.parts().size() <= (joined_at_once - 1) * (1 + levels));
  fixture.log.clock.advance(25h);
  while (fixture.step()) look();
  CHECK(fixture.parts().size() == 1);
  CHECK(written <= rows * (2 + levels));
}

TEST_CASE("other rules are asked at once; parts are derived again behind it, one after the other") {
  RewritingFixture fixture;
  fixture.fill(60);
  fixture.file_all();
  const std::string first = fixture.answers();
  CHECK(first.find("v1-3") != std::string::npos);
  const std::size_t parts = fixture.parts().size();
  REQUIRE(parts > 3);
  REQUIRE(fixture.parts_of(1) == parts);
  fixture.version = 2;
  REQUIRE(fixture.open());
  const std::string second = fixture.answers();
  CHECK(second.find("v1-3") == std::string::npos);
  CHECK(second.find("door 3") != std::string::npos);
  for (std::size_t done = 1; done <= parts; ++done) {
    REQUIRE(fixture.step());
    REQUIRE(fixture.parts().size() == parts);
    REQUIRE(fixture.parts_of(2) == done);
    REQUIRE(fixture.answers() == second);
  }
  CHECK_FALSE(fixture.step());
  fixture.check_files();
  REQUIRE(fixture.open());
  CHECK(fixture.answers() == second);
  fixture.version = 1;  // back to the older program
  REQUIRE(fixture.open());
  CHECK(fixture.answers() == first);
  fixture.file_all();
  CHECK(fixture.parts_of(1) == parts);
  CHECK(fixture.answers() == first);
}

TEST_CASE("a stop anywhere in deriving again leaves each part as it was or as it will be") {
  const auto prepare = [](RewritingFixture& fixture) {
    fixture.fill(16);
    fixture.file_all();
    fixture.version = 2;
    REQUIRE(fixture.open());
  };
  std::uint64_t calls = 0;
  std::size_t parts = 0;
  std::string answers;
  {
    RewritingFixture fixture;
    prepare(fixture);
    parts = fixture.parts().size();
    answers = fixture.answers();
    const std::uint64_t begun = fixture.log.files.changing_calls();
    fixture.file_all();
    calls = fixture.log.files.changing_calls() - begun;
  }
  REQUIRE(parts > 1);
  REQUIRE(calls > 10);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
      CAPTURE(nth);
      CAPTURE(static_cast<int>(fault));
      RewritingFixture fixture;
      prepare(fixture);
      fixture.log.files.fail_nth(nth, fault);
      for (auto done = fixture.log->file_step(); done && *done;) done = fixture.log->file_step();
      REQUIRE(fixture.answers() == answers);
      fixture.log.close();
      if (nth % 2 == 0) {
        fixture.log.files.crash();
      } else {
        fixture.log.files.crash_keeping(
            [](const std::string&, std::uint64_t left) { return left; });
      }
      fixture.log.files.fail_nth(0, Fault::none);
      REQUIRE(fixture.open());
      fixture.check_files();
      REQUIRE(fixture.parts_of(1) + fixture.parts_of(2) == parts);
      REQUIRE(fixture.answers() == answers);
      fixture.file_all();
      REQUIRE(fixture.parts_of(2) == parts);
      REQUIRE(fixture.answers() == answers);
      fixture.check_files();
    }
  }
}

// Searches that are asked by several threads at once, while records come and are filed.
TEST_CASE("searches in parallel give what one gives, also while parts are made and joined") {
  RewritingFixture fixture;
  fixture.fill(120);
  fixture.await_tiles();
  const std::string alone = fixture.answers();
  std::atomic<bool> filed{false};
  std::atomic<int> different{0};
  std::atomic<int> asked{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      do {
        different += fixture.answers() == alone ? 0 : 1;
        ++asked;
      } while (!filed);
    });
  }
  while (fixture.step()) continue;
  fixture.log.clock.advance(25h);
  while (fixture.step()) continue;
  filed = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(asked >= 4);
  CHECK(different == 0);
  CHECK(fixture.answers() == alone);
}

TEST_CASE("a search whose client leaves in its middle ends within a few hundred records") {
  for (const bool filed : {false, true}) {
    CAPTURE(filed);
    RewritingFixture fixture;
    fixture.fill(20);
    for (int i = 0; i < 20; ++i) {
      std::vector<std::string> lines(500, R"({"message":"many"})");
      REQUIRE(fixture.log->commit(only(batch_entry(fixture.agent.seal(lines), "tax", "web-01"))));
    }
    fixture.fill(10);
    if (filed) fixture.file_all();
    LogRecordStore store(*fixture.log, &fixture.rules.at(1));
    std::atomic<bool> cancelled{false};
    std::atomic<std::size_t> looked{0};
    const auto ask = [&](Selection& selection) {
      cancelled = false;
      looked = 0;
      selection.to = ledger::Time::max();
      selection.cancelled = &cancelled;
      selection.matches = [&](const ledger::ParsedRecord*, const StoredRecord&) {
        if (++looked == 300) cancelled = true;
        return true;
      };
    };
    for (const Order order : {Order::newest_first, Order::any}) {
      ScanQuery query;
      ask(query);
      query.order = order;
      query.limit = 1'000'000;
      const auto done = store.scan(Scope::all(), query, [](const StoredRecord&) {});
      REQUIRE_FALSE(done);
      CHECK(done.error().kind == ledger::ErrorKind::retry);
      CHECK(looked < 3000);  // of ten thousand: threads that were in their middle
    }
    AggregateQuery count;
    ask(count);
    count.field = "message";
    CHECK_FALSE(store.aggregate(Scope::all(), count));
    CHECK(looked < 3000);
  }
}

}  // namespace
}  // namespace yunjian::collector
