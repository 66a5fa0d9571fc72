#include "collector/store/log_record_store.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "collector/store/record_gate.h"
#include "collector/store/testing/log_kit.h"

namespace yunjian::collector {
namespace {

using ledger::ErrorKind;
using ledger::Time;
using testing::batch_entry;
using testing::event_lines;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;
using namespace std::chrono_literals;

std::string line_at(Time time, std::string_view kind, std::string_view text) {
  std::string line;
  ledger::RecordWriter writer(line, time, kind);
  if (kind == "event") writer.text("source", "file");
  if (kind == "event") writer.message(text);
  writer.finish();
  return line;
}

struct Expected {
  RecordKey key;
  std::string host;
  std::string unit;
  Lane lane;
  std::string line;
};

struct LogRecordStoreFixture {
  TestLog log;
  std::vector<TestAgent> agents;
  std::vector<std::string> units = {"tax", "water", "tax"};
  std::vector<Expected> all;

  LogRecordStoreFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    for (std::size_t i = 0; i < units.size(); ++i) {
      agents.emplace_back(std::string(32, static_cast<char>('a' + i)), 1, 1 + i);
      REQUIRE(log.enrol(agents[i], units[i], host(i)));
    }
  }
  static std::string host(std::size_t agent) { return "web-0" + std::to_string(agent); }

  void commit(std::size_t agent, const std::vector<std::pair<Lane, std::string>>& records) {
    std::vector<std::string> lines;
    for (const auto& record : records) lines.push_back(record.second);
    const std::string stream = agents[agent].stream();
    const std::uint64_t first = log->stream(stream)->next_record;
    const ledger::Frame frame = agents[agent].seal(lines);
    REQUIRE(log->commit(only(batch_entry(frame, units[agent], host(agent)))));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const Time time = glance(lines[i]).time.value_or(log.clock.wall());
      all.push_back(
          {{time, stream, first + i}, host(agent), units[agent], records[i].first, lines[i]});
    }
  }

  // Batches of several hosts that interleave in time, with lines of all lanes and lines without
  // time.
  void fill(std::size_t batches) {
    ledger::testing::SeededRandom random(5);
    for (std::size_t i = 0; i < batches; ++i) {
      log.clock.advance(10s);
      std::vector<std::pair<Lane, std::string>> records;
      const std::uint64_t count = 1 + ledger::random_below(random, 12);
      for (std::uint64_t j = 0; j < count; ++j) {
        const Time time = test_start + std::chrono::seconds(ledger::random_below(random, 600));
        const std::uint64_t kind = ledger::random_below(random, 10);
        if (kind < 6) records.emplace_back(Lane::event, line_at(time, "event", "word"));
        if (kind == 6) records.emplace_back(Lane::usage, line_at(time, "usage", ""));
        if (kind == 7) records.emplace_back(Lane::hour, line_at(time, "usage_hour", ""));
        if (kind == 8) records.emplace_back(Lane::event, "not json at all");
        if (kind == 9) records.emplace_back(Lane::event, R"({"b":1,"a":"no time"})");
      }
      commit(ledger::random_below(random, agents.size()), records);
    }
  }

  // What a scan must give, by looking at everything.
  std::vector<std::string> brute_force(const Scope& scope, const ScanQuery& query) const {
    std::vector<const Expected*> found;
    for (const Expected& record : all) {
      if (!scope.allows(record.unit)) continue;
      if (!query.filter.hosts.empty() && !query.filter.hosts.contains(record.host)) continue;
      if (record.key.time < query.from || record.key.time >= query.to) continue;
      if (!query.lanes.empty() && std::ranges::count(query.lanes, record.lane) == 0) continue;
      found.push_back(&record);
    }
    const bool newest = query.order == Order::newest_first;
    std::ranges::sort(found, [newest](const Expected* a, const Expected* b) {
      return newest ? b->key < a->key : a->key < b->key;
    });
    std::vector<std::string> out;
    for (const Expected* record : found) out.push_back(name_of(record->key));
    return out;
  }
  static std::string name_of(const RecordKey& key) {
    return key.stream + "/" + std::to_string(key.number);
  }
};

// All pages of `limit` records one after another.
std::vector<std::string> pages(LogRecordStore& store, const Scope& scope, ScanQuery query) {
  std::vector<std::string> out;
  for (;;) {
    std::size_t given = 0;
    const auto stats = store.scan(scope, query, [&](const StoredRecord& record) {
      out.push_back(LogRecordStoreFixture::name_of(record.key));
      query.after = record.key;
      ++given;
    });
    REQUIRE(stats);
    REQUIRE(given <= query.limit);
    if (stats->complete) return out;
    REQUIRE(given == query.limit);
  }
}

ScanQuery everything() {
  ScanQuery query;
  query.from = test_start - 24h;
  query.to = test_start + 24h;
  query.limit = 1'000'000;
  return query;
}

TEST_CASE("a scan gives what looking at every record would give, in either order, page by page") {
  LogRecordStoreFixture fixture;
  fixture.fill(120);
  LogRecordStore store(*fixture.log);
  const std::vector<Scope> scopes = {Scope::all(), Scope::units({"tax"}), Scope::units({"water"}),
                                     Scope::units({})};
  for (const Scope& scope : scopes) {
    for (const Order order : {Order::newest_first, Order::oldest_first}) {
      for (const std::size_t limit : {1UL, 7UL, 100UL, 1'000'000UL}) {
        ScanQuery query = everything();
        query.order = order;
        query.limit = limit;
        CHECK(pages(store, scope, query) == fixture.brute_force(scope, query));
        query.lanes = {Lane::usage};
        CHECK(pages(store, scope, query) == fixture.brute_force(scope, query));
        query.lanes = {Lane::event, Lane::hour};
        query.from = test_start + 100s;
        query.to = test_start + 200s;
        CHECK(pages(store, scope, query) == fixture.brute_force(scope, query));
        query.filter.hosts = {"web-02"};
        CHECK(pages(store, scope, query) == fixture.brute_force(scope, query));
      }
    }
  }
}

TEST_CASE("without an order the same records come, each once") {
  LogRecordStoreFixture fixture;
  fixture.fill(120);
  LogRecordStore store(*fixture.log);
  for (const Scope& scope : {Scope::all(), Scope::units({"water"}), Scope::units({})}) {
    for (const std::vector<Lane>& lanes : {std::vector<Lane>{}, {Lane::usage, Lane::hour}}) {
      ScanQuery query = everything();
      query.lanes = lanes;
      query.order = Order::oldest_first;
      auto wanted = fixture.brute_force(scope, query);
      query.order = Order::any;
      std::vector<std::string> found;
      const auto stats = store.scan(scope, query, [&](const StoredRecord& record) {
        found.push_back(LogRecordStoreFixture::name_of(record.key));
      });
      REQUIRE(stats);
      CHECK(stats->complete);
      std::ranges::sort(wanted);
      std::ranges::sort(found);
      CHECK(found == wanted);
    }
  }
}

TEST_CASE("a scan gives the exact line with host, unit and time of commit") {
  LogRecordStoreFixture fixture;
  fixture.log.clock.advance(77s);
  fixture.commit(1, {{Lane::event, line_at(test_start, "event", "水务 \"quoted\"")}});
  LogRecordStore store(*fixture.log);
  std::size_t seen = 0;
  const auto stats = store.scan(Scope::all(), everything(), [&](const StoredRecord& record) {
    ++seen;
    CHECK(record.line == fixture.all[0].line);
    CHECK(record.host == "web-01");
    CHECK(record.unit == "water");
    CHECK(record.received == test_start + 77s);
    CHECK(record.key.time == test_start);
  });
  REQUIRE(stats);
  CHECK(seen == 1);
  CHECK(stats->records == 1);
  CHECK(stats->complete);
}

TEST_CASE("the filter sees lines that are not JSON, as text") {
  LogRecordStoreFixture fixture;
  fixture.commit(
      0, {{Lane::event, "broken {line"}, {Lane::event, line_at(test_start, "event", "ok")}});
  LogRecordStore store(*fixture.log);
  ScanQuery query = everything();
  query.matches = [](const ledger::ParsedRecord* record, const StoredRecord& stored) {
    return record == nullptr && stored.line.find("broken") != std::string_view::npos;
  };
  std::vector<std::string> lines;
  REQUIRE(store.scan(Scope::all(), query,
                     [&](const StoredRecord& record) { lines.emplace_back(record.line); }));
  CHECK(lines == std::vector<std::string>{"broken {line"});
}

TEST_CASE("a small limit decodes few batches") {
  LogRecordStoreFixture fixture;
  for (int i = 0; i < 50; ++i) {
    fixture.commit(0, {{Lane::event, line_at(test_start + std::chrono::minutes(i), "event", "x")}});
  }
  LogRecordStore store(*fixture.log);
  ScanQuery query = everything();
  query.limit = 3;
  const auto stats = store.scan(Scope::all(), query, [](const StoredRecord&) {});
  REQUIRE(stats);
  CHECK(stats->batches <= 4);
  CHECK_FALSE(stats->complete);
}

TEST_CASE("of very many matches only those are kept that can still be given out") {
  LogRecordStoreFixture fixture;
  for (int i = 0; i < 4; ++i) {
    std::vector<std::pair<Lane, std::string>> records;
    for (int j = 0; j < 4000; ++j) {
      records.emplace_back(Lane::event,
                           line_at(test_start + std::chrono::milliseconds(4 * j + i), "event", ""));
    }
    fixture.commit(0, records);
  }
  LogRecordStore store(*fixture.log);
  for (const Order order : {Order::newest_first, Order::oldest_first}) {
    ScanQuery query = everything();
    query.order = order;
    query.limit = 5;
    std::vector<std::string> first;
    REQUIRE(store.scan(Scope::all(), query, [&](const StoredRecord& record) {
      first.push_back(LogRecordStoreFixture::name_of(record.key));
    }));
    std::vector<std::string> expected = fixture.brute_force(Scope::all(), query);
    expected.resize(5);
    CHECK(first == expected);
    query.limit = 3000;
    CHECK(pages(store, Scope::all(), query) == fixture.brute_force(Scope::all(), query));
  }
}

TEST_CASE("a cancelled scan stops and says so") {
  LogRecordStoreFixture fixture;
  fixture.fill(5);
  LogRecordStore store(*fixture.log);
  const std::atomic<bool> cancelled = true;
  ScanQuery query = everything();
  query.cancelled = &cancelled;
  const auto stats = store.scan(Scope::all(), query, [](const StoredRecord&) {});
  REQUIRE_FALSE(stats);
  CHECK(stats.error().kind == ErrorKind::retry);
}

TEST_CASE("one record is found by stream and number, and hidden outside its scope") {
  LogRecordStoreFixture fixture;
  fixture.fill(60);
  LogRecordStore store(*fixture.log);
  for (const Expected& expected : fixture.all) {
    const auto record =
        store.record(Scope::units({expected.unit}), expected.key.stream, expected.key.number);
    REQUIRE(record);
    CHECK(record->line == expected.line);
    CHECK(record->key == expected.key);
    CHECK(record->host == expected.host);
  }
  const RecordKey& key = fixture.all[0].key;
  const auto hidden = store.record(Scope::units({"other"}), key.stream, key.number);
  const auto absent = store.record(Scope::all(), key.stream, 1'000'000);
  REQUIRE_FALSE(hidden);
  REQUIRE_FALSE(absent);
  CHECK(hidden.error().kind == absent.error().kind);
  CHECK_FALSE(store.record(Scope::all(), "nobody.1", 0));
}

TEST_CASE("records of a hollow batch are not found until its body has come") {
  LogRecordStoreFixture fixture;
  const ledger::Frame frame = fixture.agents[0].seal(event_lines(test_start, 3));
  BatchEntry entry = batch_entry(frame, "tax", "web-00");
  entry.body.clear();
  entry.hollow = true;
  REQUIRE(fixture.log->commit(only(std::move(entry))));
  LogRecordStore store(*fixture.log);
  CHECK(pages(store, Scope::all(), everything()).empty());
  CHECK_FALSE(store.record(Scope::all(), fixture.agents[0].stream(), 1));
  REQUIRE(
      fixture.log->commit(only(BodyFill{fixture.agents[0].stream(), 0, frame.body, std::nullopt})));
  CHECK(pages(store, Scope::all(), everything()).size() == 3);
  CHECK(store.record(Scope::all(), fixture.agents[0].stream(), 1));
}

// Derives the number behind "user" in a message.
const Deriver& user_deriver() {
  static const Deriver deriver{
      1, {"actor.user.name"}, [](const ledger::ParsedRecord& record, auto& out) {
        const auto message = record.find("message").value_or("");
        const std::size_t at = message.find("user");
        if (at != std::string_view::npos) {
          out.push_back({"actor.user.name", std::string(message.substr(at)), true});
        }
      }};
  return deriver;
}

Selection all_times() {
  Selection all;
  all.from = Time{};
  all.to = test_start + 1000h;
  return all;
}

TEST_CASE("counts by time and by the value of a field, derived ones too") {
  LogRecordStoreFixture fixture;
  fixture.commit(0, {{Lane::event, line_at(test_start, "event", "user1")},
                     {Lane::event, line_at(test_start + 1h, "event", "user2")}});
  fixture.commit(1, {{Lane::event, line_at(test_start + 61min, "event", "user2")},
                     {Lane::event, "no record"}});
  LogRecordStore store(*fixture.log.log, &user_deriver());
  AggregateQuery query;
  static_cast<Selection&>(query) = all_times();
  query.field = "actor.user.name";
  auto counted = store.aggregate(Scope::all(), query);
  REQUIRE(counted);
  CHECK(counted->counts.at({{}, "user1"}) == 1);
  CHECK(counted->counts.at({{}, "user2"}) == 2);
  CHECK(counted->counts.at({{}, std::nullopt}) == 1);
  const std::map<std::string, std::uint64_t, std::less<>> units{{"tax", 2}, {"water", 2}};
  CHECK(counted->units == units);
  query.by = CountBy::host;
  counted = store.aggregate(Scope::all(), query);
  REQUIRE(counted);
  CHECK(counted->counts.size() == 2);
  CHECK(counted->counts.at({{}, "web-01"}) == 2);
  query.by = CountBy::unit;
  CHECK(store.aggregate(Scope::units({"water"}), query)->counts.at({{}, "water"}) == 2);
  query.by = CountBy::stream;
  CHECK(store.aggregate(Scope::all(), query)->counts.size() == 2);
  query.by = CountBy::field;
  query.step = 1h;
  query.filter.columns = {{"message", [](auto value, bool) { return value == "user2"; }}};
  counted = store.aggregate(Scope::units({"water"}), query);
  REQUIRE(counted);
  REQUIRE(counted->counts.size() == 1);
  CHECK(counted->counts.begin()->second == 1);
  CHECK(counted->counts.begin()->first.step == step_of(test_start + 61min, 1h));
  query.groups_max = 0;
  CHECK(!store.aggregate(Scope::units({"water"}), query)->stats.complete);
}

TEST_CASE("a filter asks for columns, and a record brings what was derived from it") {
  LogRecordStoreFixture fixture;
  fixture.commit(0, {{Lane::event, line_at(test_start, "event", "user1")},
                     {Lane::event, line_at(test_start + 1s, "event", "user2")},
                     {Lane::event, line_at(test_start + 2s, "event", "nobody")}});
  LogRecordStore store(*fixture.log.log, &user_deriver());
  ScanQuery query;
  static_cast<Selection&>(query) = all_times();
  query.filter.columns = {
      {"actor.user.name", [](auto value, bool) { return value == "user2"; }, true}};
  std::vector<std::string> names;
  REQUIRE(store.scan(Scope::all(), query, [&](const StoredRecord& record) {
    names.push_back(record.derived.empty() ? "" : record.derived.front().value);
  }));
  CHECK(names == std::vector<std::string>{"", "user2"});
  const auto& second = fixture.all[1];
  const auto record = store.record(Scope::all(), second.key.stream, second.key.number);
  REQUIRE(record);
  REQUIRE(record->derived.size() == 1);
  CHECK(record->derived.front().value == "user2");
}

TEST_CASE("the lines of a batch come back exactly, within the scope only") {
  LogRecordStoreFixture fixture;
  fixture.commit(0, {{Lane::event, "one"}, {Lane::event, "two"}});
  LogRecordStore store(*fixture.log.log);
  const std::string stream = fixture.agents[0].stream();
  CHECK(store.lines(Scope::all(), stream, 0) == "one\ntwo");
  CHECK(!store.lines(Scope::units({"water"}), stream, 0));
  CHECK(!store.lines(Scope::all(), stream, 1));
}

}  // namespace
}  // namespace yunjian::collector
