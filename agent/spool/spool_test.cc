#include "agent/spool/spool.h"

#include <doctest/doctest.h>
#include <xxhash.h>

#include "ledger/base/bytes.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::Time;
using ledger::testing::Fault;
using ledger::testing::MemoryFileSystem;

const SpoolLimits small{.bytes_max = 40'000,
                        .body_segment_bytes = 4'000,
                        .header_segment_bytes = 1'000,
                        .keep_receipted = std::chrono::hours(24)};

Time sealed_at(std::uint64_t batch) { return Time(std::chrono::minutes(batch)); }

SpoolEntry entry(std::uint64_t batch) {
  return {.batch = batch,
          .sealed = sealed_at(batch),
          .records = 10,
          .header = "header " + std::to_string(batch),
          .body = std::string(700, static_cast<char>('a' + batch % 26)) + std::to_string(batch)};
}

Spool open(MemoryFileSystem& files, SpoolLimits limits = small) {
  auto spool = Spool::open(files, "/state/spool", limits);
  REQUIRE_MESSAGE(spool.has_value(), (spool ? "" : spool.error().message));
  return std::move(*spool);
}

void fill(Spool& spool, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t batch = from; batch < to; ++batch) REQUIRE(spool.append(entry(batch)));
}

bool is_whole(Spool& spool, std::uint64_t batch) {
  const auto read = spool.read(batch);
  REQUIRE(read);
  REQUIRE(*read);
  const SpoolEntry wanted = entry(batch);
  CHECK((*read)->entry.header == wanted.header);
  return (*read)->entry.body == wanted.body;
}

std::string first_segment(const MemoryFileSystem& files, const std::string& folder) {
  for (const std::string& path : files.paths()) {
    if (path.starts_with("/state/spool/" + folder + "/") && path.ends_with(".seg")) return path;
  }
  FAIL("no segment");
  return {};
}

void empty_folder(MemoryFileSystem& files, const std::string& folder) {
  const std::string directory = "/state/spool/" + folder;
  const auto names = files.list(directory);
  REQUIRE(names);
  for (const std::string& name : *names) files.overwrite(directory + "/" + name, "");
}

MemoryFileSystem& with_state(MemoryFileSystem& files) {
  REQUIRE(files.make_directory("/state", 0700));
  REQUIRE(files.sync_directory("/"));
  return files;
}

TEST_CASE("What was appended is there after a power cut") {
  MemoryFileSystem files;
  with_state(files);
  {
    Spool spool = open(files);
    fill(spool, 0, 30);
  }
  files.crash();
  Spool spool = open(files);
  CHECK(spool.next_batch() == 30);
  CHECK(spool.damaged_places() == 0);
  for (std::uint64_t batch = 0; batch < 30; ++batch) CHECK(is_whole(spool, batch));
  CHECK(!spool.read(30)->has_value());
}

TEST_CASE("Each append that was acknowledged survives whichever call the power cut hits") {
  for (std::uint64_t nth = 1; nth < 120; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
      CAPTURE(nth);
      MemoryFileSystem files;
      with_state(files);
      files.fail_nth(nth, fault, true);
      std::uint64_t acknowledged = 0;
      if (auto spool = Spool::open(files, "/state/spool", small)) {
        while (acknowledged < 15 && spool->append(entry(acknowledged))) ++acknowledged;
      }
      files.fail_nth(1, Fault::none);
      files.crash();
      Spool spool = open(files);
      REQUIRE(spool.next_batch() >= acknowledged);
      REQUIRE(spool.next_batch() <= acknowledged + 1);
      for (std::uint64_t batch = 0; batch < spool.next_batch(); ++batch)
        REQUIRE(is_whole(spool, batch));
      fill(spool, spool.next_batch(), 16);
      REQUIRE(is_whole(spool, 15));
    }
  }
}

TEST_CASE("A spool of which any call fails while it is opened is not opened") {
  const auto sealed = [](MemoryFileSystem& files) {
    Spool spool = open(with_state(files));
    fill(spool, 0, 7);
  };
  MemoryFileSystem well;
  sealed(well);
  const std::uint64_t before = well.changing_calls();
  { open(well); }
  const std::uint64_t calls = well.changing_calls() - before;
  REQUIRE(calls > 5);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    CAPTURE(nth);
    MemoryFileSystem files;
    sealed(files);
    files.fail_nth(nth, Fault::fail);
    CHECK_FALSE(Spool::open(files, "/state/spool", small));
  }
}

TEST_CASE("A spool that a newer version wrote is refused, and nothing in it is taken for damage") {
  for (const std::string folder : {"body", "head"}) {
    MemoryFileSystem files;
    with_state(files);
    {
      Spool spool = open(files);
      fill(spool, 0, 3);
    }
    const std::string path = first_segment(files, folder);
    std::string newer = files.content(path).value();
    newer[6] = 2;
    std::string checksum;
    ledger::put_u64be(checksum, XXH3_64bits(newer.data(), 16));
    newer.replace(16, 8, checksum);
    files.overwrite(path, newer);
    const auto opened = Spool::open(files, "/state/spool", small);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::reject);
    CHECK(opened.error().message.find("another version wrote it") != std::string::npos);
    CHECK(files.content(path).value() == newer);
  }
}

TEST_CASE("A torn last frame is cut off and its number can be appended again") {
  MemoryFileSystem files;
  with_state(files);
  {
    Spool spool = open(files);
    fill(spool, 0, 3);
  }
  const std::string path = first_segment(files, "body");
  const std::string whole = *files.content(path);
  for (std::size_t cut = 1; cut < 700; cut += 13) {
    files.overwrite(path, whole.substr(0, whole.size() - cut));
    empty_folder(files, "head");  // the second copies are lost with it
    Spool spool = open(files);
    CHECK(spool.next_batch() == 2);
    fill(spool, 2, 4);
    CHECK(is_whole(spool, 2));
    files.overwrite(path, whole);
  }
}

TEST_CASE("A header whose second copy a crash prevented is copied again") {
  MemoryFileSystem files;
  with_state(files);
  {
    Spool spool = open(files);
    fill(spool, 0, 2);
  }
  empty_folder(files, "head");
  { open(files); }
  empty_folder(files, "body");
  Spool spool = open(files);
  CHECK(*spool.header(0) == "header 0");
  CHECK(*spool.header(1) == "header 1");
}

TEST_CASE("Any flipped bit costs at most one body and no header") {
  MemoryFileSystem files;
  with_state(files);
  {
    Spool spool = open(files);
    fill(spool, 0, 4);
  }
  const std::string path = first_segment(files, "body");
  const std::string good = *files.content(path);
  for (std::size_t at = 0; at < good.size(); at += 3) {
    CAPTURE(at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    files.overwrite(path, bad);
    Spool spool = open(files);
    REQUIRE(spool.next_batch() == 4);
    int lost = 0;
    for (std::uint64_t batch = 0; batch < 4; ++batch) {
      const auto read = spool.read(batch);
      REQUIRE(read);
      REQUIRE(*read);
      REQUIRE((*read)->entry.header == entry(batch).header);
      if ((*read)->entry.body == entry(batch).body) continue;
      REQUIRE((*read)->entry.body.empty());
      ++lost;
    }
    REQUIRE(lost <= 1);
  }
}

TEST_CASE("A damaged body is reported once, to be named by a gap record") {
  MemoryFileSystem files;
  with_state(files);
  Spool spool = open(files);
  fill(spool, 0, 4);
  const std::string path = first_segment(files, "body");
  std::string bytes = *files.content(path);
  bytes[bytes.find("header 1") + 100] ^= 1;
  files.overwrite(path, bytes);
  const auto lost = spool.read(1);
  REQUIRE(lost);
  REQUIRE(*lost);
  CHECK((*lost)->body_lost);
  CHECK((*lost)->entry.records == 10);
  spool.declare_lost(1);
  CHECK(!(*spool.read(1))->body_lost);
  CHECK(is_whole(spool, 2));
  CHECK(is_whole(spool, 3));
}

TEST_CASE("A batch of which both copies are lost is an error, not a skip") {
  MemoryFileSystem files;
  with_state(files);
  Spool spool = open(files);
  fill(spool, 0, 2);
  for (const char* folder : {"body", "head"}) {
    const std::string path = first_segment(files, folder);
    std::string bytes = *files.content(path);
    bytes[bytes.find("header 0")] ^= 1;
    files.overwrite(path, bytes);
  }
  const auto read = spool.read(0);
  REQUIRE(!read);
  CHECK(read.error().kind == ErrorKind::corrupt);
  CHECK(is_whole(spool, 1));
}

TEST_CASE("Receipted bodies stay for a day and go earlier when space is needed") {
  MemoryFileSystem files;
  with_state(files);
  Spool spool = open(files);
  fill(spool, 0, 20);
  spool.mark_receipted(12);
  REQUIRE(spool.free_receipted(sealed_at(20)));
  CHECK(is_whole(spool, 0));
  REQUIRE(spool.free_receipted(sealed_at(20) + std::chrono::hours(25)));
  CHECK(!is_whole(spool, 0));
  CHECK(is_whole(spool, 12));
  fill(spool, 20, 60);
  REQUIRE(spool.over_limit());
  spool.mark_receipted(60);
  REQUIRE(spool.free_receipted(sealed_at(60)));
  CHECK(!spool.over_limit());
  CHECK(is_whole(spool, 59));
}

TEST_CASE("Without receipts the oldest bodies are named, then go, and their headers stay") {
  MemoryFileSystem files;
  with_state(files);
  Spool spool = open(files);
  fill(spool, 0, 60);
  REQUIRE(spool.free_receipted(sealed_at(60)));
  REQUIRE(spool.over_limit());
  const auto loss = spool.oldest_bodies();
  REQUIRE(loss);
  REQUIRE(*loss);
  CHECK((*loss)->first == 0);
  CHECK((*loss)->records == 10 * ((*loss)->last + 1));
  CHECK((*loss)->from == sealed_at(0));
  CHECK((*loss)->to == sealed_at((*loss)->last));
  REQUIRE(spool.drop_oldest_bodies());
  const auto hollow = spool.read(0);
  REQUIRE(hollow);
  CHECK((*hollow)->entry.header == "header 0");
  CHECK((*hollow)->entry.body.empty());
  CHECK(!(*hollow)->body_lost);
  CHECK(is_whole(spool, (*loss)->last + 1));
}

TEST_CASE("Where witnesses are wanted a receipt alone frees nothing") {
  MemoryFileSystem files;
  with_state(files);
  SpoolLimits limits = small;
  limits.witnessed_only = true;
  Spool spool = open(files, limits);
  fill(spool, 0, 20);
  spool.mark_receipted(18);
  const Time later = sealed_at(20) + std::chrono::hours(25);
  REQUIRE(spool.free_receipted(later, true));
  CHECK(is_whole(spool, 0));
  spool.mark_witnessed(12);
  REQUIRE(spool.free_receipted(later));
  CHECK(!is_whole(spool, 0));
  CHECK(is_whole(spool, 12));
  spool.mark_witnessed(30);  // no further than what is receipted
  CHECK(spool.witnessed() == 18);

  SUBCASE("and a full spool tells what it gives up from what is lost") {
    constexpr std::uint64_t receipted = 40;
    fill(spool, 20, 60);
    spool.mark_receipted(receipted);
    REQUIRE(spool.free_receipted(sealed_at(60)));
    std::uint64_t next = spool.witnessed();
    while (next <= receipted) {
      const auto loss = spool.oldest_bodies();
      REQUIRE(loss);
      REQUIRE(*loss);
      const BodyLoss& gone = **loss;
      const std::uint64_t end = gone.last + 1;
      CHECK(gone.unwitnessed_from == next);
      CHECK(gone.unwitnessed_to == std::max(next, std::min(end, receipted)));
      CHECK(gone.first == std::clamp(receipted, next, end));
      CHECK(gone.records == 10 * (end - gone.first));
      next = end;
      REQUIRE(spool.drop_oldest_bodies());
    }
  }
}

TEST_CASE("The receipt mark is found again after a restart") {
  MemoryFileSystem files;
  with_state(files);
  {
    Spool spool = open(files);
    fill(spool, 0, 5);
    spool.mark_receipted(3);
    fill(spool, 5, 6);
  }
  files.crash();
  CHECK(open(files).receipted() == 3);
}

TEST_CASE("Bodies that went behind their receipts are no loss to the next process") {
  for (const bool full : {false, true}) {
    CAPTURE(full);
    MemoryFileSystem files;
    with_state(files);
    {
      Spool spool = open(files);
      fill(spool, 0, 20);
      REQUIRE(spool.keep_reserve());
      spool.mark_receipted(15);
      // A full disk: only what the reserve gives back can be written.
      files.set_fault_kind(ErrorKind::full);
      bool room = !full;
      files.set_decide([&room](std::string_view call, std::string_view path) {
        room = room || (call == "remove" && path.ends_with("reserve"));
        return call == "append" && !room ? Fault::fail_half : Fault::none;
      });
      REQUIRE(spool.free_receipted(sealed_at(20), true));
      files.set_decide({});
    }
    Spool spool = open(files);
    CHECK(spool.receipted() == 15);
    for (std::uint64_t batch = spool.first_batch(); batch < 20; ++batch)
      CHECK_FALSE((*spool.read(batch))->body_lost);
    CHECK((*spool.read(14))->entry.body.empty());
    CHECK(is_whole(spool, 15));
    CHECK(spool.append(entry(20)));
  }
}

TEST_CASE("A small spool gives up at most a sixteenth of itself at a time") {
  const auto limits = SpoolLimits::within(16U << 20);
  CHECK(limits.body_segment_bytes == 1U << 20);
  CHECK(limits.header_segment_bytes == 1U << 18);
  CHECK(SpoolLimits::within(1ULL << 30).body_segment_bytes == SpoolLimits().body_segment_bytes);
}

TEST_CASE("A spool that was emptied goes on with the number that the stream has reached") {
  MemoryFileSystem files;
  with_state(files);
  Spool spool = open(files);
  fill(spool, 100, 102);
  CHECK(spool.first_batch() == 100);
  CHECK(is_whole(spool, 101));
}

}  // namespace
}  // namespace yunjian::agent
