// A log whose files were damaged: what can be mended is, what was lost is told by every answer.
#include "collector/store/store_repair.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/archive/part_index.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

using ledger::ErrorKind;
using ledger::PartManifest;
using testing::batch_entry;
using testing::event_lines;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;
using namespace std::chrono_literals;

constexpr std::size_t batches = 60;
constexpr std::size_t lines_each = 4;

// Two hosts of two units, filed.
struct StoreRepairFixture {
  TestLog log{6000};
  std::vector<TestAgent> agents;

  StoreRepairFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    for (std::size_t i = 0; i < 2; ++i) {
      agents.emplace_back(std::string(32, static_cast<char>('a' + i)), 1, 1 + i);
      REQUIRE(log.enrol(agents[i], unit(i), host(i)));
    }
    for (std::size_t i = 0; i < batches; ++i) {
      const auto lines =
          event_lines(test_start + std::chrono::minutes(i), lines_each, "word" + std::to_string(i));
      const std::size_t agent = i % 2;
      REQUIRE(log->commit(only(batch_entry(agents[agent].seal(lines), unit(agent), host(agent)))));
    }
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (log->stats().stored_leaves < log->size()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
    while (*log->file_step()) continue;
    log.close();
  }
  static std::string unit(std::size_t agent) { return agent == 0 ? "tax" : "water"; }
  static std::string host(std::size_t agent) { return "web-0" + std::to_string(agent); }

  PartManifest manifest() { return *ledger::read_manifest(log.files, "/data"); }
  std::string part_path(std::size_t at = 0) {
    return "/data/parts/" + ledger::part_name(manifest().parts[at].number);
  }
  // Flips a bit of the frame at `offset` of a part.
  void damage(const std::string& path, std::uint64_t offset) {
    std::string bytes = *log.files.content(path);
    bytes.at(offset) = static_cast<char>(bytes[offset] ^ 1);
    log.files.overwrite(path, bytes);
  }
  std::shared_ptr<const ledger::PartReader> part(std::size_t at = 0) {
    return *ledger::PartReader::open(log.files, "/data/parts", manifest().parts[at].number);
  }
  ledger::Result<StoreRepair::Report> repair(const std::string& copy = "") {
    return StoreRepair(log.files, {.data = "/data",
                                   .copy = copy,
                                   .suite = &ledger::default_suite(),
                                   .deriver = nullptr})
        .run();
  }
  StoreRepair::Report must_repair(const std::string& copy = "") {
    auto report = repair(copy);
    REQUIRE_MESSAGE(report.has_value(), (report ? "" : report.error().message));
    return *report;
  }
  void copy_to(const std::string& directory) {
    for (const std::string& path : log.files.paths()) {
      if (path.starts_with("/data/")) {
        log.files.overwrite(directory + path.substr(5), *log.files.content(path));
      }
    }
  }
  void open() {
    const auto opened = log.open();
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
  }
  struct Answer {
    std::size_t records = 0;
    std::uint64_t damaged = 0;
  };
  ledger::Result<Answer> search(const Scope& scope, bool skip = true) {
    LogRecordStore store(*log);
    ScanQuery query;
    query.to = test_start + 10000h;
    query.limit = 100000;
    query.skip_damaged = skip;
    Answer answer;
    auto stats = store.scan(scope, query, [&](const StoredRecord&) { ++answer.records; });
    if (!stats) return ledger::failure(stats);
    answer.damaged = stats->damaged;
    return answer;
  }
  Answer all() { return *search(Scope::units({"tax", "water"})); }
};

TEST_CASE("a search passes damage over and says so, or fails when it must be whole") {
  StoreRepairFixture fixture;
  const auto entries = fixture.part()->lane_group(0, 0);
  fixture.damage(fixture.part_path(), (*entries)->front().offset + 100);
  fixture.open();
  const auto answer = fixture.all();
  CHECK(answer.damaged == 1);
  CHECK(answer.records < batches * lines_each);
  CHECK(answer.records > 0);
  const auto whole = fixture.search(Scope::units({"tax", "water"}), false);
  REQUIRE_FALSE(whole);
  CHECK(whole.error().kind == ErrorKind::corrupt);
}

TEST_CASE("nothing is done to a log that is whole") {
  StoreRepairFixture fixture;
  const auto paths = fixture.log.files.paths();
  const auto report = fixture.must_repair();
  CHECK(report.parts == fixture.manifest().parts.size());
  CHECK(report.done.empty());
  CHECK(fixture.log.files.paths() == paths);
  fixture.open();
  CHECK(fixture.all().records == batches * lines_each);
}

TEST_CASE("a damaged index is made anew from the bodies, nothing is lost") {
  StoreRepairFixture fixture;
  const auto part = fixture.part();
  const auto& footer = part->footer();
  const std::uint64_t places[] = {footer.lane_groups[0][0].offset + 9,
                                  footer.stream_groups[0].offset + 9, footer.leaf_map[0].offset + 9,
                                  (*part->lane_group(0, 0))->front().bloom_offset + 3,
                                  part->file_bytes() - 20};  // the trailer
  for (const std::uint64_t place : places) {
    CAPTURE(place);
    StoreRepairFixture damaged;
    const std::string path = damaged.part_path();
    const std::string before = *damaged.log.files.content(path);
    damaged.damage(path, place);
    const auto report = damaged.must_repair();
    CHECK(report.made_anew == 1);
    CHECK(report.batches_lost == 0);
    CHECK(report.leaves_lost == 0);
    CHECK_FALSE(damaged.log.files.content(path).has_value());
    const auto kept = damaged.log.files.content("/data/quarantine/parts-" + path.substr(12));
    REQUIRE(kept);
    CHECK(kept->size() == before.size());
    damaged.open();
    CHECK(damaged.all().records == batches * lines_each);
    CHECK(damaged.all().damaged == 0);
    damaged.log.close();
    CHECK(damaged.must_repair().done.empty());
  }
}

TEST_CASE(
    "records that are lost leave their headers, and every answer says that some are missing") {
  StoreRepairFixture fixture;
  const auto part = fixture.part();
  const ledger::LaneEntry entry = (*part->lane_group(0, 0))->front();
  REQUIRE(entry.unit == "tax");
  fixture.damage(fixture.part_path(), entry.offset + 100);
  const auto report = fixture.must_repair();
  CHECK(report.made_anew == 1);
  CHECK(report.leaves_lost == 0);
  REQUIRE(report.batches_lost > 0);
  fixture.open();
  const auto answer = fixture.all();
  CHECK(answer.damaged == report.batches_lost);
  CHECK(answer.records == batches * lines_each - report.batches_lost * lines_each);
  CHECK(fixture.search(Scope::units({"water"}))->damaged == 0);  // not theirs
  const auto lost = fixture.log->batch(fixture.agents[0].stream(), 0);
  REQUIRE(lost);
  CHECK(lost->hollow);
  for (std::uint64_t leaf = 0; leaf < fixture.log->size(); ++leaf) REQUIRE(fixture.log->leaf(leaf));
}

TEST_CASE("headers that are lost are told as leaves; the log goes on") {
  StoreRepairFixture fixture;
  const auto part = fixture.part();
  fixture.damage(fixture.part_path(), part->footer().header_blocks[0] + 30);
  const auto report = fixture.must_repair();
  CHECK(report.leaves_lost > 0);
  fixture.open();
  CHECK(fixture.all().damaged == report.leaves_lost);
  std::size_t missing = 0;
  for (std::uint64_t leaf = 0; leaf < fixture.log->size(); ++leaf) {
    missing += fixture.log->leaf(leaf) ? 0 : 1;
  }
  CHECK(missing == report.leaves_lost);
  const auto lines = event_lines(test_start + 90min, 1);
  CHECK(fixture.log->commit(only(batch_entry(fixture.agents[0].seal(lines), "tax", "web-00"))));
}

TEST_CASE("what a backup has is taken from it") {
  StoreRepairFixture fixture;
  fixture.copy_to("/copy");
  const auto part = fixture.part();
  fixture.damage(fixture.part_path(), part->footer().header_blocks[0] + 30);
  const auto report = fixture.must_repair("/copy");
  CHECK(report.from_copy == 1);
  CHECK(report.made_anew == 0);
  CHECK(report.leaves_lost == 0);
  fixture.open();
  CHECK(fixture.all().records == batches * lines_each);
  CHECK(fixture.all().damaged == 0);
}

TEST_CASE("a part that is gone is told as lost, or comes from a backup") {
  for (const bool copied : {false, true}) {
    StoreRepairFixture fixture;
    if (copied) fixture.copy_to("/copy");
    const auto named = fixture.manifest().parts[0];
    REQUIRE(fixture.log.files.remove(fixture.part_path()));
    CHECK_FALSE(fixture.log.open());
    const auto report = fixture.must_repair(copied ? "/copy" : "");
    CHECK(report.leaves_lost == (copied ? 0 : named.leaf_end - named.first_leaf));
    fixture.open();
    CHECK((fixture.all().records == batches * lines_each) == copied);
  }
}

TEST_CASE("manifest and streams come from a backup only") {
  for (const char* name : {"/data/parts/manifest", "/data/parts/streams."}) {
    StoreRepairFixture fixture;
    fixture.copy_to("/copy");
    const auto paths = fixture.log.files.paths();
    const auto path =
        std::ranges::find_if(paths, [&](const auto& each) { return each.starts_with(name); });
    fixture.damage(*path, 20);
    CHECK_FALSE(fixture.log.open());
    CHECK_FALSE(fixture.repair());
    CHECK(fixture.must_repair("/copy").from_copy == 1);
    fixture.open();
    CHECK(fixture.all().records == batches * lines_each);
  }
}

TEST_CASE("a tile that is not that of its leaves is written anew") {
  StoreRepairFixture fixture;
  const std::string good = *fixture.log.files.content("/data/tile/0/000");
  fixture.damage("/data/tile/0/000", 40);
  CHECK(fixture.must_repair().tiles == 1);
  CHECK(*fixture.log.files.content("/data/tile/0/000") == good);
  CHECK(fixture.log.files.content("/data/quarantine/tile-0-000").has_value());
  fixture.open();
}

TEST_CASE("a repair that is stopped at any step is finished by the next") {
  for (std::uint64_t nth = 1;; ++nth) {
    CAPTURE(nth);
    StoreRepairFixture fixture;
    const auto entry = (*fixture.part()->lane_group(0, 0))->front();
    fixture.damage(fixture.part_path(), entry.offset + 100);
    fixture.log.files.fail_nth(nth, ledger::testing::Fault::fail_after, true);
    const bool done = fixture.repair().has_value();
    fixture.log.files.crash();
    fixture.log.files.fail_nth(0, ledger::testing::Fault::none);
    fixture.must_repair();
    fixture.open();
    const auto answer = fixture.all();
    CHECK(answer.damaged > 0);
    CHECK(answer.records + answer.damaged * lines_each == batches * lines_each);
    if (done) break;
    REQUIRE(nth < 500);
  }
}

TEST_CASE("losses come back as they were written") {
  ledger::testing::MemoryFileSystem files;
  const std::vector<Loss> losses = {{"tax", "web-01", "s.1", 3, 9, test_start, test_start + 1h},
                                    {"", "", "", 7, 7, {}, {}}};
  CHECK(read_losses(files, "/data")->empty());
  files.overwrite("/data/quarantine/losses", format_losses(losses));
  CHECK(*read_losses(files, "/data") == losses);
  files.overwrite("/data/quarantine/losses", "yunjian/losses/v1\ntax web-01\n");
  CHECK_FALSE(read_losses(files, "/data"));
}

}  // namespace
}  // namespace yunjian::collector
