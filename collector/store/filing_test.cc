// Segments of the WAL become parts: what was committed is there before, after, and after a stop at
// any step in between; once, and byte for byte.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/archive/part_manifest.h"
#include "ledger/checkpoint.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

using ledger::Frame;
using ledger::testing::Fault;
using testing::batch_entry;
using testing::event_lines;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;
using namespace std::chrono_literals;

constexpr std::uint64_t small_segments = 6000;

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

// A log that two agents fill; knows what it must hold.
struct FilingFixture {
  struct Expected {
    std::string stream;
    std::uint64_t batch;
    std::uint64_t first_record;
    std::string header;
    std::vector<std::string> lines;
    bool hollow = false;
  };
  TestLog log{small_segments};
  std::vector<TestAgent> agents;
  std::vector<Expected> all;
  std::vector<std::uint64_t> records = {0, 0};

  FilingFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    for (std::size_t i = 0; i < 2; ++i) {
      agents.emplace_back(std::string(32, static_cast<char>('a' + i)), 1, 1 + i);
      REQUIRE(log.enrol(agents[i], i == 0 ? "tax" : "water", host(i)));
    }
  }
  static std::string host(std::size_t agent) { return "web-0" + std::to_string(agent); }

  bool commit(std::size_t agent, const std::vector<std::string>& lines, bool hollow = false) {
    const std::uint64_t number = agents[agent].next_batch();
    const Frame frame = agents[agent].seal(lines);
    BatchEntry entry = batch_entry(frame, agent == 0 ? "tax" : "water", host(agent));
    entry.hollow = hollow;
    if (hollow) entry.body.clear();
    if (!log->commit(only(std::move(entry)))) return false;
    all.push_back({agents[agent].stream(), number, records[agent], frame.header, lines, hollow});
    records[agent] += lines.size();
    return true;
  }

  void fill(std::size_t batches) {
    for (std::size_t i = 0; i < batches; ++i) {
      std::vector<std::string> lines =
          event_lines(test_start + std::chrono::minutes(i), 1 + i % 5, "word" + std::to_string(i));
      if (i % 4 == 1) lines.push_back("no record");
      if (i % 9 == 2) lines.clear();
      REQUIRE(commit(i % 2, lines));
    }
  }

  void fill_late(const Expected& of) {
    std::string body;
    ledger::BodyEncoder encoder;
    REQUIRE(encoder.encode(joined(of.lines), body));
    REQUIRE(log->commit(only(BodyFill{of.stream, of.batch, body, std::nullopt})));
    for (Expected& expected : all) {
      if (expected.stream == of.stream && expected.batch == of.batch) expected.hollow = false;
    }
  }

  std::size_t file_all() {
    std::size_t steps = 0;
    await_tiles();
    for (;;) {
      const auto done = log->file_step();
      REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
      if (!*done) return steps;
      ++steps;
    }
  }

  // The log's thread writes tiles behind the answers; nothing is filed before.
  void await_tiles() {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (log->stats().stored_leaves < log->size()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
  }

  void check_all() {
    check_batches();
    check_leaves();
    check_search();
  }

  void check_batches() {
    for (const Expected& expected : all) {
      CAPTURE(expected.batch);
      const auto stored = log->batch(expected.stream, expected.batch);
      REQUIRE_MESSAGE(stored, (stored ? "" : stored.error().message));
      REQUIRE(stored->frame.header == expected.header);
      REQUIRE(stored->hollow == expected.hollow);
      const auto row = log->batch_row(expected.stream, expected.batch);
      REQUIRE(row);
      REQUIRE(*row);
      REQUIRE((*row)->hollow == expected.hollow);
      REQUIRE((*row)->first_record == expected.first_record);
      if (expected.hollow || expected.lines.empty()) continue;
      std::string lines;
      REQUIRE(ledger::BodyDecoder().decode(stored->frame.body, lines));
      REQUIRE(lines == joined(expected.lines));
      const auto receipt = log->receipt(stored->leaf);
      REQUIRE(receipt);
      const auto hash = ledger::default_suite().hasher()->leaf(expected.header);
      REQUIRE(ledger::verify_receipt(*receipt, log->verifier(), hash));
    }
  }

  void check_leaves() {
    const auto hasher = ledger::default_suite().hasher();
    ledger::MerkleFrontier tree(*hasher);
    for (std::uint64_t i = 0; i < log->size(); ++i) {
      const auto leaf = log->leaf(i);
      REQUIRE_MESSAGE(leaf, (leaf ? "" : leaf.error().message));
      tree.add_leaf(*leaf);
    }
    const auto checkpoint = ledger::open_checkpoint(log->checkpoint(), log->verifier());
    REQUIRE(checkpoint);
    REQUIRE(checkpoint->tree.root == tree.root());
  }

  // Each line of an agent once, in the order of time.
  void check_search() {
    LogRecordStore store(*log);
    std::vector<std::string> expected;
    for (const Expected& batch : all) {
      for (std::size_t i = 0; i < batch.lines.size() && !batch.hollow; ++i) {
        expected.push_back(batch.stream + "/" + std::to_string(batch.first_record + i) + " " +
                           batch.lines[i]);
      }
    }
    for (const Order order : {Order::oldest_first, Order::newest_first}) {
      ScanQuery query;
      query.to = test_start + 10000h;
      query.limit = 7;
      query.order = order;
      std::vector<std::string> found;
      for (;;) {
        std::vector<ledger::Time> times;
        const auto stats =
            store.scan(Scope::units({"tax", "water"}), query, [&](const StoredRecord& record) {
              found.push_back(record.key.stream + "/" + std::to_string(record.key.number) + " " +
                              std::string(record.line));
              query.after = record.key;
              times.push_back(record.key.time);
            });
        REQUIRE_MESSAGE(stats, (stats ? "" : stats.error().message));
        REQUIRE(std::ranges::is_sorted(
            times, [&](auto a, auto b) { return order == Order::oldest_first ? a < b : b < a; }));
        if (stats->complete) break;
      }
      std::ranges::sort(found);
      std::ranges::sort(expected);
      REQUIRE(found == expected);
    }
  }

  std::vector<std::string> segments() { return *log.files.list("/data/wal"); }
};

TEST_CASE("what is filed is given back, and the WAL that held it goes") {
  FilingFixture fixture;
  fixture.fill(80);
  const std::size_t before = fixture.segments().size();
  REQUIRE(before > 6);
  CHECK(fixture.file_all() > 6);
  CHECK(fixture.segments().size() == 1);
  CHECK(fixture.log->stats().rows < 20);
  fixture.check_all();
  fixture.log.close();
  REQUIRE(fixture.log.open());
  fixture.check_all();
  fixture.fill(20);
  fixture.file_all();
  fixture.check_all();
}

TEST_CASE("small neighbours are joined, a day that is over becomes one part") {
  FilingFixture fixture;
  fixture.fill(120);
  fixture.file_all();
  CHECK(fixture.log->stats().parts < 8);
  fixture.check_all();
  fixture.log.clock.advance(25h);
  fixture.fill(30);
  fixture.file_all();
  fixture.log.clock.advance(25h);
  fixture.file_all();
  CHECK(fixture.log->stats().parts == 2);
  fixture.check_all();
  fixture.log.close();
  REQUIRE(fixture.log.open());
  fixture.check_all();
}

TEST_CASE("a body that comes when its header is filed is found, before and after it is filed") {
  FilingFixture fixture;
  fixture.fill(10);
  REQUIRE(fixture.commit(0, event_lines(test_start, 3, "lost"), true));
  REQUIRE(fixture.commit(1, event_lines(test_start, 3, "soon"), true));
  fixture.fill_late(fixture.all.back());
  fixture.fill(40);
  fixture.file_all();
  fixture.check_all();
  const auto hollow = *std::ranges::find(fixture.all, true, &FilingFixture::Expected::hollow);
  CHECK(fixture.log->stream(hollow.stream)->hollow == 1);
  fixture.fill_late(hollow);
  CHECK(fixture.log->stream(hollow.stream)->hollow == 0);
  fixture.check_all();
  fixture.log.close();
  REQUIRE(fixture.log.open());
  fixture.check_all();
  fixture.log.clock.advance(25h);
  fixture.fill(40);
  fixture.file_all();
  fixture.check_all();
  fixture.log.close();
  REQUIRE(fixture.log.open());
  CHECK(fixture.log->stream(hollow.stream)->hollow == 0);
  fixture.check_all();
}

TEST_CASE("a body that came twice at once is there once, in the WAL and filed") {
  for (const bool filed : {false, true}) {
    CAPTURE(filed);
    FilingFixture fixture;
    REQUIRE(fixture.commit(0, event_lines(test_start, 3, "twice"), true));
    const auto hollow = fixture.all.back();
    if (filed) {
      fixture.fill(40);
      fixture.file_all();
    }
    std::string body;
    ledger::BodyEncoder encoder;
    REQUIRE(encoder.encode(joined(hollow.lines), body));
    std::vector<Entry> both;
    for (int i = 0; i < 2; ++i) {
      both.emplace_back(BodyFill{hollow.stream, hollow.batch, body, std::nullopt});
    }
    const auto committed = fixture.log->commit(std::move(both));
    REQUIRE_MESSAGE(committed, (committed ? "" : committed.error().message));
    fixture.all.front().hollow = false;
    fixture.check_search();
    fixture.fill(40);
    fixture.file_all();
    fixture.check_all();
  }
}

TEST_CASE("own records that no batch sealed yet stay when their segment is filed") {
  FilingFixture fixture;
  std::vector<std::string> lines;
  for (int i = 0; i < 40; ++i) {
    lines.push_back("own record " + std::string(400, 'x') + std::to_string(i));
    REQUIRE(fixture.log->commit(only(OwnRecord{lines.back()})));
  }
  fixture.fill(10);
  fixture.file_all();
  CHECK(fixture.log->unsealed_own_records() == lines);
  fixture.log.close();
  REQUIRE(fixture.log.open());
  CHECK(fixture.log->unsealed_own_records() == lines);
}

TEST_CASE("a segment that was damaged stays, with an error that names it") {
  FilingFixture fixture;
  fixture.fill(40);
  const std::string path = "/data/wal/" + fixture.segments().front();
  std::string bytes = *fixture.log.files.content(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  fixture.log.files.overwrite(path, bytes);
  const auto filed = fixture.log->file_step();
  REQUIRE(!filed);
  CHECK(filed.error().kind == ledger::ErrorKind::corrupt);
  CHECK(filed.error().message.find(".seg") != std::string::npos);
  CHECK(fixture.log.files.content(path).has_value());
}

// Retention lets a day go when it is over for 366 days.
EvidenceLog::Retention year() {
  EvidenceLog::Retention retention;
  retention.keep = retention_min;
  return retention;
}

TEST_CASE("a day that is old enough is purged: its leaf names it, headers and proofs stay") {
  FilingFixture fixture;
  fixture.fill(40);
  const auto old = fixture.all;
  fixture.log.clock.advance(24h);
  fixture.fill(30);
  fixture.file_all();
  fixture.log.clock.advance(24h * 366);
  auto retention = year();
  const auto held_stream = fixture.agents[0].stream();
  retention.held = [](const std::string& unit, const std::string&, std::uint64_t) {
    return unit == "tax";
  };
  const auto purged = fixture.log->purge_step(retention);
  REQUIRE_MESSAGE(purged, (purged ? "" : purged.error().message));
  REQUIRE(*purged);
  CHECK((*purged)->batches > 10);
  CHECK(fixture.log->leaf((*purged)->leaf)->starts_with("yunjian/purge/v1\n"));
  CHECK(!fixture.log->purge_step(retention).value());
  for (auto& expected : fixture.all) {
    const bool is_old = std::ranges::any_of(old, [&](const auto& batch) {
      return batch.stream == expected.stream && batch.batch == expected.batch;
    });
    if (is_old && expected.stream != held_stream && !expected.lines.empty()) expected.hollow = true;
  }
  fixture.check_all();
  fixture.log.close();
  REQUIRE(fixture.log.open());
  fixture.check_all();
  // The hold is lifted.
  retention.held = nullptr;
  retention.mark = 2;
  REQUIRE(fixture.log->purge_step(retention).value());
  for (auto& expected : fixture.all) {
    const bool is_old = std::ranges::any_of(old, [&](const auto& batch) {
      return batch.stream == expected.stream && batch.batch == expected.batch;
    });
    if (is_old && !expected.lines.empty()) expected.hollow = true;
  }
  fixture.check_all();
}

TEST_CASE("a day is purged as a whole, parts without records in its middle too") {
  FilingFixture fixture;
  fixture.fill(12);
  for (char digit = '1'; digit <= '9'; ++digit) {
    TestAgent agent(std::string(32, digit), 1, 100U + static_cast<unsigned char>(digit));
    REQUIRE(fixture.log.enrol(agent, "tax", std::string("new-") + digit));
  }
  fixture.fill(12);
  fixture.file_all();
  REQUIRE(fixture.log->stats().parts > 2);
  fixture.log.clock.advance(24h * 368);
  REQUIRE(fixture.commit(0, {"one"}));
  REQUIRE(fixture.log->purge_step(year()).value());
  fixture.check_leaves();
  fixture.log.close();
  REQUIRE(fixture.log.open());
  fixture.check_leaves();
  CHECK(fixture.log->stats().parts == 1);
}

TEST_CASE("nothing is purged early, nor by a retention below a year") {
  FilingFixture fixture;
  fixture.fill(40);
  fixture.file_all();
  fixture.log.clock.advance(24h * 365);
  CHECK(!fixture.log->purge_step(year()).value());
  EvidenceLog::Retention short_one = year();
  short_one.keep = retention_min - std::chrono::days(1);
  CHECK(!fixture.log->purge_step(short_one));
  short_one.keep = std::chrono::days(0);
  CHECK(!fixture.log->purge_step(short_one).value());
  fixture.check_all();
}

TEST_CASE("with witnesses a day goes only when they have seen the log that long after it") {
  FilingFixture fixture;
  fixture.fill(40);
  fixture.file_all();
  const std::uint64_t size = fixture.log->size();
  fixture.log.clock.advance(24h * 368);
  auto retention = year();
  using Witnessed = EvidenceLog::Retention::Witnessed;
  const ledger::Time now = fixture.log.clock.wall();
  for (const Witnessed& unfit : {Witnessed{}, Witnessed{size, now - 24h * 3}, Witnessed{3, now}}) {
    retention.witnessed = unfit;
    const auto purged = fixture.log->purge_step(retention);
    REQUIRE(purged);
    CHECK_FALSE(purged->has_value());
  }
  fixture.check_all();
  retention.witnessed = Witnessed{size, now};
  CHECK(fixture.log->purge_step(retention).value());
}

// Files everything, with one call of the file system failing on the way.
void file_until_it_fails(FilingFixture& fixture) {
  for (;;) {
    const auto done = fixture.log->file_step();
    if (!done || !*done) return;
  }
}

TEST_CASE("a stop at any step of filing leaves the old or the new part, never both or neither") {
  std::uint64_t calls = 0;
  {
    FilingFixture fixture;
    fixture.fill(56);
    fixture.await_tiles();
    const std::uint64_t before = fixture.log.files.changing_calls();
    fixture.file_all();
    calls = fixture.log.files.changing_calls() - before;
  }
  REQUIRE(calls > 100);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    const Fault fault = nth % 3 == 0   ? Fault::fail
                        : nth % 3 == 1 ? Fault::fail_after
                                       : Fault::fail_half;
    CAPTURE(nth);
    FilingFixture fixture;
    fixture.fill(56);
    fixture.await_tiles();
    fixture.log.files.fail_nth(nth, fault);
    file_until_it_fails(fixture);
    if (nth % 2 == 0) {  // the next try in the same life
      fixture.log.files.fail_nth(0, Fault::none);
      fixture.file_all();
      fixture.check_batches();
      fixture.check_search();
    }
    fixture.log.close();
    if (nth % 5 == 0) {
      fixture.log.files.crash_keeping(
          [](const std::string&, std::uint64_t unsynced) { return unsynced; });
    } else {
      fixture.log.files.crash();
    }
    fixture.log.files.fail_nth(0, Fault::none);
    const auto opened = fixture.log.open();
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    fixture.check_batches();
    if (nth % 7 == 0) fixture.check_all();
    fixture.file_all();
    fixture.check_batches();
    fixture.check_search();
    std::size_t parts = 0;
    const auto names = fixture.log.files.list("/data/parts");
    for (const std::string& name : *names) {
      parts += ledger::part_number(name).has_value() ? 1 : 0;
    }
    REQUIRE(parts == fixture.log->stats().parts);
  }
}

// What a copy holds of a log: tiles and checkpoint as they were before, then what is held.
void copy_held(FilingFixture& fixture, const EvidenceLog::Capture& capture, FilingFixture& copy,
               const std::map<std::string, std::string>& before) {
  auto& to = copy.log.files;
  copy.log.close();
  for (const std::string& path : to.paths()) {
    if (path.starts_with("/data/")) REQUIRE(to.remove(path));
  }
  for (const auto& [path, bytes] : before) to.overwrite(path, bytes);
  for (const std::string& path : capture.files) {
    to.overwrite("/data/" + path, *fixture.log.files.content("/data/" + path));
  }
  if (!capture.manifest.empty()) to.overwrite("/data/parts/manifest", capture.manifest);
  const std::string last = *fixture.log.files.content("/data/" + capture.last_segment);
  to.overwrite("/data/" + capture.last_segment, last.substr(0, capture.last_segment_bytes));
}

TEST_CASE("held files make a copy that is whole, whatever is committed and filed meanwhile") {
  for (const std::size_t filed : {0U, 1U, 3U, 100U}) {
    FilingFixture fixture;
    fixture.fill(40);
    fixture.await_tiles();
    for (std::size_t i = 0; i < filed && *fixture.log->file_step(); ++i) continue;
    std::map<std::string, std::string> before;
    for (const std::string& path : fixture.log.files.paths()) {
      if (path.starts_with("/data/tile/") || path == "/data/checkpoint") {
        before[path] = *fixture.log.files.content(path);
      }
    }
    fixture.fill(8);
    const auto expected = fixture.all;
    const auto capture = fixture.log->hold_files();
    REQUIRE(capture);
    fixture.fill(40);
    fixture.file_all();
    FilingFixture copy;
    copy_held(fixture, *capture, copy, before);
    CHECK(fixture.log->release_files());
    copy.log.files.overwrite("/anchor/anchor", before["/data/checkpoint"]);
    const auto opened = copy.log.open();
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    CHECK(copy.log->size() == capture->leaves);
    copy.all = expected;
    copy.check_all();
    fixture.fill(1);
    fixture.file_all();
    fixture.check_all();
  }
}

TEST_CASE("what was held goes when it is released, or a day later") {
  for (const bool released : {true, false}) {
    FilingFixture fixture;
    fixture.fill(60);
    const std::size_t before = fixture.segments().size();
    REQUIRE(fixture.log->hold_files());
    fixture.file_all();
    CHECK(fixture.segments().size() == before);
    if (released) CHECK(fixture.log->release_files());
    if (!released) fixture.log.clock.advance(hold_max);
    fixture.file_all();
    CHECK(fixture.segments().size() == 1);
    CHECK_FALSE(fixture.log->release_files());
    std::size_t parts = 0;
    const auto names = fixture.log.files.list("/data/parts");
    for (const std::string& name : *names) parts += ledger::part_number(name).has_value() ? 1 : 0;
    CHECK(parts == fixture.log->stats().parts);
    fixture.check_all();
  }
}

}  // namespace
}  // namespace yunjian::collector
