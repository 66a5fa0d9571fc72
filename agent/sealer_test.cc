#include "agent/sealer.h"

#include <doctest/doctest.h>

#include <map>

#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::agent {
namespace {

using ledger::testing::Fault;
using ledger::testing::ManualClock;
using ledger::testing::MemoryFileSystem;
using ledger::testing::SeededRandom;

constexpr const char* agent_id = "00112233445566778899aabbccddeeff";
constexpr const char* origin = "log.example";
constexpr std::uint64_t lines_total = 24;

std::string line(std::uint64_t number) { return "{\"line\":" + std::to_string(number) + "}"; }

// A host that may lose power: its disk, and what an outsider has seen of it.
struct Host {
  MemoryFileSystem files;
  ManualClock clock{ledger::Time(std::chrono::seconds(1'795'334'400))};
  SeededRandom random{7};
  std::string first_key;
  std::size_t run_batches = 1;                // that share the steps of a seal
  std::map<std::uint64_t, std::string> seen;  // headers that were durable in the spool at some time

  explicit Host(std::size_t batches = 1) : run_batches(batches) {
    REQUIRE(files.make_directory("/state", 0700));
    REQUIRE(files.sync_directory("/"));
    auto key = ledger::default_suite().generate(random);
    REQUIRE(key);
    first_key = (*key)->public_key();
    REQUIRE(ledger::Ratchet::create(files, "/state/stream.state",
                                    {.origin = origin, .agent = agent_id, .incarnation = 1},
                                    **key));
  }

  // Seals lines from the durable position on, three a batch, in runs of `run_batches`, until all
  // are sealed or something fails.
  ledger::Result<void> run();
  void note_durable();
};

ledger::Result<void> Host::run() {
  if (auto synced = files.sync_directory("/state"); !synced) return failure(synced);
  auto ratchet = ledger::Ratchet::open(files, "/state/stream.state");
  if (!ratchet) return failure(ratchet);
  auto spool = Spool::open(files, "/state/spool",
                           {.body_segment_bytes = 4000, .header_segment_bytes = 2000});
  if (!spool) return failure(spool);
  auto sealer =
      Sealer::open(std::move(*ratchet), {.spool = &*spool,
                                         .clock = &clock,
                                         .random = &random,
                                         .boot_id = "6f7b2f5e-0000-4000-8000-000000000001"});
  if (!sealer) return failure(sealer);
  const std::string& position = (*sealer)->ratchet().context().positions;
  std::uint64_t next = position.empty() ? 0 : std::stoull(position);
  while (next < lines_total) {
    for (std::size_t batch = 0; batch < run_batches && next < lines_total; ++batch) {
      for (int i = 0; i < 3; ++i) REQUIRE((*sealer)->add(line(next++), true));
      clock.advance(std::chrono::seconds(2));
      REQUIRE((*sealer)->close_batch({.positions = std::to_string(next), .open_hour = {}}, {}));
    }
    if (auto sealed = (*sealer)->seal(); !sealed) return sealed;
  }
  return {};
}

// What is in the spool after a power cut could be shipped: it must never be replaced by something
// else.
void Host::note_durable() {
  auto spool = Spool::open(files, "/state/spool",
                           {.body_segment_bytes = 4000, .header_segment_bytes = 2000});
  REQUIRE(spool);
  for (std::uint64_t batch = 0; batch < spool->next_batch(); ++batch) {
    const auto header = spool->header(batch);
    REQUIRE(header);
    REQUIRE(*header);
    const auto [place, fresh] = seen.emplace(batch, **header);
    REQUIRE(place->second == **header);
  }
}

// Every line once and in order, every header signed by the key the one before announced.
void check_stream(Host& host) {
  auto spool = Spool::open(host.files, "/state/spool",
                           {.body_segment_bytes = 4000, .header_segment_bytes = 2000});
  REQUIRE(spool);
  const ledger::Suite& suite = ledger::default_suite();
  const auto hasher = suite.hasher();
  ledger::BodyDecoder decoder;
  std::string key = host.first_key;
  ledger::Hash previous{};
  std::uint64_t number = 0;
  for (std::uint64_t batch = 0; batch < spool->next_batch(); ++batch) {
    const auto read = spool->read(batch);
    REQUIRE(read);
    REQUIRE(*read);
    const SpoolEntry& entry = (*read)->entry;
    const auto sealed = ledger::read_header(entry.header, suite);
    REQUIRE(sealed);
    REQUIRE(header_signed_by(*sealed, suite, origin, key));
    REQUIRE(sealed->header.batch == batch);
    REQUIRE(sealed->header.previous == previous);
    REQUIRE(sealed->header.first_record == number);
    std::string joined;
    REQUIRE(decoder.decode(entry.body, joined));
    const auto lines = ledger::split_lines(joined, sealed->header.records);
    REQUIRE(lines);
    REQUIRE(ledger::lines_root(*hasher, *lines) == sealed->header.root);
    for (const std::string_view got : *lines) REQUIRE(got == line(number++));
    key = sealed->header.next_key;
    previous = hasher->leaf(entry.header);
  }
  REQUIRE(number == lines_total);
}

TEST_CASE("A stream sealed without trouble holds every line once, chained and ratcheted") {
  Host host;
  REQUIRE(host.run());
  check_stream(host);
}

void cut_everywhere(std::size_t batches) {
  for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
    for (std::uint64_t nth = 1;; ++nth) {
      CAPTURE(nth);
      CAPTURE(static_cast<int>(fault));
      Host host(batches);
      host.files.fail_nth(nth, fault, true);
      const bool all_well = host.run().has_value();
      host.files.fail_nth(1, Fault::none);
      host.files.crash();
      host.note_durable();
      REQUIRE(host.run());
      host.note_durable();
      check_stream(host);
      if (all_well) break;
    }
  }
}

TEST_CASE(
    "Whatever call a power cut hits, lines are sealed exactly once and no batch is sealed twice") {
  for (const std::size_t batches : {1U, 3U, 8U}) cut_everywhere(batches);
}

void kill_everywhere(std::size_t batches) {
  for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
    for (std::uint64_t nth = 1;; ++nth) {
      CAPTURE(nth);
      Host host(batches);
      host.files.fail_nth(nth, fault, true);
      const bool all_well = host.run().has_value();
      host.files.fail_nth(1, Fault::none);
      host.note_durable();
      REQUIRE(host.run());
      host.note_durable();
      host.files.crash();
      host.note_durable();
      check_stream(host);
      if (all_well) break;
    }
  }
}

TEST_CASE("A process killed without a power cut goes on from what the files show") {
  for (const std::size_t batches : {1U, 3U, 8U}) kill_everywhere(batches);
}

TEST_CASE("Two crashes in a row, the second during recovery, lose nothing") {
  for (std::uint64_t nth = 1; nth < 60; ++nth) {
    for (std::uint64_t second = 1; second < 25; ++second) {
      CAPTURE(nth);
      CAPTURE(second);
      Host host(nth % 2 == 0 ? 1 : 4);
      host.files.fail_nth(nth, Fault::fail_after, true);
      [[maybe_unused]] const auto first_run = host.run();
      host.files.fail_nth(1, Fault::none);
      host.files.crash();
      host.note_durable();
      host.files.fail_nth(second, Fault::fail_after, true);
      [[maybe_unused]] const auto second_run = host.run();
      host.files.fail_nth(1, Fault::none);
      host.files.crash();
      host.note_durable();
      REQUIRE(host.run());
      host.note_durable();
      check_stream(host);
    }
  }
}

TEST_CASE("A torn write at any length is cut and its lines are sealed again") {
  for (std::uint64_t keep = 0; keep < 900; keep += 37) {
    for (std::uint64_t nth = 1; nth < 60; nth += 2) {
      CAPTURE(keep);
      CAPTURE(nth);
      Host host(keep % 2 == 0 ? 1 : 4);
      host.files.fail_nth(nth, Fault::fail_after, true);
      [[maybe_unused]] const auto first_run = host.run();
      host.files.fail_nth(1, Fault::none);
      host.files.crash_keeping(
          [&](const std::string&, std::uint64_t unsynced) { return std::min(unsynced, keep); });
      host.note_durable();
      REQUIRE(host.run());
      host.note_durable();
      check_stream(host);
    }
  }
}

// A power cut may keep the later pages of an unsynced write and lose the earlier ones.
TEST_CASE("A hole in a run that was not synced is sealed again, with all that lies behind it") {
  for (std::size_t hole = 24; hole < 3000; hole += 64) {
    CAPTURE(hole);
    Host host(8);
    host.files.set_decide([](std::string_view operation, const std::string& path) {
      const bool is_body = path.find("/body/") != std::string::npos && path.ends_with(".seg");
      return operation == "sync" && is_body ? Fault::fail_after : Fault::none;
    });
    CHECK(!host.run());
    host.files.set_decide({});
    const std::string path = "/state/spool/body/0000000000000000.seg";
    std::string bytes = *host.files.content(path);
    if (hole >= bytes.size()) break;
    bytes.replace(hole, 64, std::min<std::size_t>(64, bytes.size() - hole), '\0');
    host.files.overwrite(path, bytes);
    REQUIRE(host.run());
    check_stream(host);
  }
}

// The first sync of a run's bodies fails although all is in memory; the disk has none of it.
TEST_CASE("What a failed sync left in memory is written to another file before it is trusted") {
  Host host(4);
  host.files.set_decide([](std::string_view operation, const std::string& path) {
    const bool is_body = path.find("/body/") != std::string::npos && path.ends_with(".seg");
    return operation == "sync" && is_body ? Fault::fail : Fault::none;
  });
  const auto failed = host.run();
  REQUIRE(!failed);
  CHECK(failed.error().kind == ledger::ErrorKind::fatal);
  // As after fsync errors of Linux: the pages count as clean, so that syncs of this file do
  // nothing.
  const std::string doubtful = "/state/spool/body/0000000000000000.seg";
  host.files.set_decide([=](std::string_view operation, const std::string& path) {
    return operation == "append" && path == doubtful ? Fault::fail : Fault::none;
  });
  REQUIRE(host.run());
  host.files.set_decide({});
  check_stream(host);
}

TEST_CASE("A sealing state older than the spool is refused with what to do") {
  Host host;
  const std::string old = *host.files.content("/state/stream.state");
  REQUIRE(host.run());
  host.files.overwrite("/state/stream.state", old);
  const auto again = host.run();
  REQUIRE(!again);
  CHECK(again.error().message.find("enrol this host again") != std::string::npos);
}

TEST_CASE("A batch takes 4096 records, then it must be sealed") {
  Host host;
  auto ratchet = ledger::Ratchet::open(host.files, "/state/stream.state");
  auto spool = Spool::open(host.files, "/state/spool", {});
  auto sealer =
      Sealer::open(std::move(*ratchet), {.spool = &*spool,
                                         .clock = &host.clock,
                                         .random = &host.random,
                                         .boot_id = "6f7b2f5e-0000-4000-8000-000000000001"});
  REQUIRE(sealer);
  for (std::uint32_t i = 0; i < ledger::batch_records_max; ++i)
    REQUIRE((*sealer)->add("{}", false));
  CHECK(!(*sealer)->add("{}", false));
  CHECK((*sealer)->waiting().full);
  REQUIRE((*sealer)->seal({}, {"clean-start"}));
  CHECK((*sealer)->add("{}", false));
  CHECK((*sealer)->ratchet().next_record() == ledger::batch_records_max);
}

}  // namespace
}  // namespace yunjian::agent
