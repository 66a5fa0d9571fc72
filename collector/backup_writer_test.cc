#include "collector/backup_writer.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "ledger/checkpoint.h"
#include "ledger/suite.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::collector {
namespace {

using ledger::ErrorKind;
using ledger::Result;
using ledger::testing::Fault;
using ledger::testing::MemoryFileSystem;
using namespace std::chrono_literals;

constexpr std::uint64_t leaves = 300;  // one full tile, one that grows, one above

std::string checkpoint_note() {
  return ledger::format_checkpoint({.origin = "log.test", .tree = {leaves, {}}, .extensions = {}}) +
         "\n\xe2\x80\x94 log.test AAAAAAA=\n";
}

// A data directory, and where copies of it go.
struct BackupWriterFixture {
  MemoryFileSystem files;
  ledger::testing::ManualClock clock{
      ledger::Time(std::chrono::microseconds(1'790'000'000'000'000))};
  std::vector<std::pair<std::string, std::string>> linked;
  bool has_links = true;
  bool kept = true;
  std::string tail = "tail, and more";

  BackupWriterFixture() {
    files.overwrite("/data/log.json", "{\"origin\":\"log.test\"}\n");
    files.overwrite("/data/keys/log.key", "secret");
    files.overwrite("/data/checkpoint", checkpoint_note());
    files.overwrite("/data/tile/0/000", std::string(8192, 'a'));
    files.overwrite("/data/tile/0/001", std::string(44 * 32, 'b'));
    files.overwrite("/data/tile/1/000", std::string(32, 'c'));
    files.overwrite("/data/parts/0000000000000003.part", std::string(9000, 'p'));
    files.overwrite("/data/parts/manifest", "newer than the plan");
    files.overwrite("/data/wal/0000000000000004.seg", tail);
    files.overwrite("/data/lists/ab12", "lines");
    files.overwrite("/data/catalog.sqlite", "being written");
    files.overwrite("/data/scratch/backup.sqlite", "catalog");
    files.overwrite("/data/lock", "");
    files.overwrite("/backups/lost+found/x", "not ours");
  }

  BackupWriter::Options options() {
    BackupWriter::Options options;
    options.data = "/data";
    options.directory = "/backups";
    options.keep = 2;
    options.begin = []() -> Result<BackupPlan> {
      BackupPlan plan;
      plan.contents = {{"parts/manifest", "names part 3"}, {"stream.state", "state"}};
      plan.files = {"parts/0000000000000003.part"};
      plan.last_segment = "wal/0000000000000004.seg";
      plan.last_segment_bytes = 4;
      plan.catalog = "scratch/backup.sqlite";
      plan.leaves = leaves;
      return plan;
    };
    options.end = [this]() -> Result<void> {
      return kept ? Result<void>() : ledger::fail(ErrorKind::retry, "too long");
    };
    return options;
  }
  Result<BackupWriter::Summary> run(BackupWriter::Options with) {
    const auto link = [this](const std::string& from, const std::string& to) -> Result<void> {
      if (!has_links) return ledger::fail(ErrorKind::reject, "no links here");
      linked.emplace_back(from, to);
      auto bytes = files.read_file(from);
      if (!bytes) return ledger::failure(bytes);
      return ledger::replace_file(files, to, *bytes, 0600);
    };
    return BackupWriter({.files = files, .clock = clock, .link = link}, std::move(with)).run();
  }
  BackupWriter::Summary must() {
    auto done = run(options());
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    clock.advance(1s);
    return *done;
  }
  std::string at(const BackupWriter::Summary& copy, const std::string& path) {
    return files.content(copy.path + "/" + path).value_or("(none)");
  }
  std::vector<std::string> copies() {
    auto names = *files.list("/backups");
    std::erase_if(names, [](const auto& name) { return name == "lock" || name == "lost+found"; });
    return names;
  }
};

TEST_CASE("a backup is the data directory as the plan names it") {
  BackupWriterFixture backup;
  const auto copy = backup.must();
  CHECK(backup.at(copy, "keys/log.key") == "secret");
  CHECK(backup.at(copy, "parts/manifest") == "names part 3");
  CHECK(backup.at(copy, "stream.state") == "state");
  CHECK(backup.at(copy, "wal/0000000000000004.seg") == "tail");
  CHECK(backup.at(copy, "catalog.sqlite") == "catalog");
  CHECK(backup.at(copy, "tile/0/001").size() == 44 * 32);
  CHECK(backup.at(copy, "tile/1/000") == std::string(32, 'c'));
  CHECK(backup.at(copy, "lists/ab12") == "lines");
  CHECK(backup.at(copy, "checkpoint") == checkpoint_note());
  for (const char* absent : {"lock", "scratch/backup.sqlite"}) {
    CHECK(backup.at(copy, absent) == "(none)");
  }
  const std::string sums = backup.at(copy, "SHA256SUMS");
  CHECK(sums.find(ledger::to_hex(ledger::as_view(ledger::sha256("tail"))) +
                  "  wal/0000000000000004.seg\n") != std::string::npos);
  CHECK(static_cast<std::uint64_t>(std::ranges::count(sums, '\n')) == copy.files);
  CHECK(*backup.files.mode(copy.path + "/keys/log.key") == 0600);
  CHECK(*backup.files.mode(copy.path) == 0700);
}

TEST_CASE("what a backup has already is not copied again, what changed is") {
  BackupWriterFixture backup;
  const auto first = backup.must();
  CHECK(first.copied_files == first.files);
  backup.files.overwrite("/data/wal/0000000000000004.seg", "tall, and more");
  const auto second = backup.must();
  CHECK(second.files == first.files);
  // The segment, the catalog, and what is written from the plan and the log.
  CHECK(second.copied_files == 5);
  CHECK(backup.at(second, "wal/0000000000000004.seg") == "tall");
  CHECK(backup.at(first, "wal/0000000000000004.seg") == "tail");
  const std::pair<std::string, std::string> tile{first.path + "/tile/0/000",
                                                 second.path + ".new/tile/0/000"};
  CHECK(std::ranges::find(backup.linked, tile) != backup.linked.end());
  CHECK(backup.at(second, "SHA256SUMS").find("tile/0/000") != std::string::npos);
}

TEST_CASE("a disk without second names gets whole copies") {
  BackupWriterFixture backup;
  backup.has_links = false;
  backup.must();
  const auto second = backup.must();
  CHECK(second.copied_files == second.files);
  CHECK(backup.at(second, "tile/0/000") == std::string(8192, 'a'));
}

TEST_CASE("only so many copies stay, and nothing that is not a copy goes") {
  BackupWriterFixture backup;
  const auto first = backup.must();
  const auto second = backup.must();
  const auto third = backup.must();
  CHECK(backup.copies() == std::vector<std::string>{second.path.substr(9), third.path.substr(9)});
  CHECK(backup.at(first, "SHA256SUMS") == "(none)");
  CHECK(backup.files.content("/backups/lost+found/x").has_value());
}

TEST_CASE("copies of another log, or within the data, are refused") {
  BackupWriterFixture backup;
  backup.must();
  backup.files.overwrite("/data/log.json", "{\"origin\":\"other\"}\n");
  auto done = backup.run(backup.options());
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("another log") != std::string::npos);
  auto within = backup.options();
  within.directory = "/data/backups";
  CHECK_FALSE(backup.run(within));
}

TEST_CASE("files that were not kept to the end make no copy") {
  BackupWriterFixture backup;
  backup.kept = false;
  CHECK_FALSE(backup.run(backup.options()));
  for (const auto& name : backup.copies()) CHECK(name.ends_with(".new"));
  backup.kept = true;
  backup.clock.advance(1s);
  backup.must();
  CHECK(backup.copies().size() == 1);
}

TEST_CASE("a stop at any step leaves the copies before, and the next run makes its own") {
  const auto run_until = [](std::uint64_t nth, Fault fault) {
    BackupWriterFixture backup;
    const auto first = backup.must();
    const std::string sums = backup.at(first, "SHA256SUMS");
    backup.files.fail_nth(nth, fault, true);
    const bool done = backup.run(backup.options()).has_value();
    backup.files.fail_nth(1, Fault::none);
    backup.files.crash();
    // Whatever bears the name of a copy is a whole one.
    for (const auto& name : backup.copies()) {
      if (name.ends_with(".new")) continue;
      const std::string path = "/backups/" + name + "/";
      CHECK(backup.files.content(path + "SHA256SUMS").has_value());
      CHECK(backup.files.content(path + "wal/0000000000000004.seg") == "tail");
      CHECK(backup.files.content(path + "tile/0/000") == std::string(8192, 'a'));
    }
    CHECK(backup.at(first, "SHA256SUMS") == sums);
    backup.clock.advance(1s);
    const auto next = backup.must();
    CHECK(backup.at(next, "keys/log.key") == "secret");
    return done;
  };
  std::uint64_t nth = 1;
  while (!run_until(nth, nth % 2 == 0 ? Fault::fail : Fault::fail_after)) ++nth;
  CHECK(nth > 40);
}

TEST_CASE("a plan comes through the admin socket as it was") {
  BackupPlan plan;
  plan.contents = {{"stream.state", std::string("a\0b", 3)}};
  plan.files = {"parts/0000000000000003.part", "wal/0000000000000004.seg"};
  plan.last_segment = "wal/0000000000000005.seg";
  plan.last_segment_bytes = 24;
  plan.catalog = "scratch/backup.sqlite";
  plan.leaves = 7;
  const auto read = read_backup_plan(*parse_answer(format_answer(to_answer(plan))));
  REQUIRE(read);
  CHECK(read->contents == plan.contents);
  CHECK(read->files == plan.files);
  CHECK(read->last_segment == plan.last_segment);
  CHECK(read->last_segment_bytes == 24);
  CHECK(read->catalog == plan.catalog);
  CHECK(read->leaves == 7);
  CHECK_FALSE(read_backup_plan(AdminAnswer{.out = "last x\n"}));
}

TEST_CASE("where a backup goes is said by the command or the configuration") {
  CollectorConfig config;
  config.data = "/data";
  CHECK_FALSE(backup_options(config, {}));
  config.backup_directory = "/backups";
  CHECK(backup_options(config, {})->directory == "/backups");
  CHECK(backup_options(config, {})->keep == 7);
  const AdminRequest request{.fields = {{"to", "/elsewhere/"}, {"keep", "3"}}};
  CHECK(backup_options(config, request)->directory == "/elsewhere");
  CHECK(backup_options(config, request)->keep == 3);
  CHECK_FALSE(backup_options(config, {.fields = {{"keep", "0"}}}));
}

}  // namespace
}  // namespace yunjian::collector
