#include "ledger/archive/segment.h"

#include <doctest/doctest.h>
#include <xxhash.h>

#include <vector>

#include "ledger/base/bytes.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::ledger {
namespace {

using testing::Fault;
using testing::MemoryFileSystem;

const std::string path = "/wal/0000000000000007.seg";
constexpr std::uint64_t number = 7;

struct Stored {
  std::uint64_t offset;
  std::uint64_t end_offset;
  std::uint8_t type;
  std::string payload;
  bool operator==(const Stored&) const = default;
};
using Frames = std::vector<Stored>;

struct Disk : MemoryFileSystem {
  Disk() {
    REQUIRE(make_directory("/wal", 0700));
    REQUIRE(sync_directory("/"));
  }
};

struct Scanned {
  SegmentScan scan;
  Frames frames;
};

Result<Scanned> scan_all(FileSystem& files) {
  Scanned all;
  const auto keep = [&](const FrameView& frame) -> Result<void> {
    all.frames.push_back({frame.offset, frame.end_offset, frame.type, std::string(frame.payload)});
    return {};
  };
  auto scan = scan_segment(files, path, number, keep);
  if (!scan) return failure(scan);
  all.scan = *scan;
  CHECK(all.scan.frames == all.frames.size());
  return all;
}

const std::vector<std::string> small_payloads = {
    "", "a", "1234567", "12345678", "123456789", std::string(60, '\0'), "云鉴"};

// A durable segment with one frame a payload, types counted from 1.
Frames write_segment(FileSystem& files, const std::vector<std::string>& payloads) {
  auto writer = SegmentWriter::create(files, path, number);
  REQUIRE(writer);
  Frames frames;
  for (const std::string& payload : payloads) {
    const auto type = static_cast<std::uint8_t>(frames.size() + 1);
    const auto offset = writer->append(type, payload);
    REQUIRE(offset);
    frames.push_back({*offset, writer->bytes(), type, payload});
  }
  REQUIRE(writer->sync());
  return frames;
}

Frames first(const Frames& frames, std::size_t count) {
  return {frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(count)};
}

// The frame that holds the byte at `offset`.
std::size_t frame_holding(const Frames& frames, std::uint64_t offset) {
  std::size_t i = 0;
  while (frames[i].end_offset <= offset) ++i;
  return i;
}

}  // namespace

TEST_CASE("frames come back in order as they were written") {
  Disk files;
  const Frames written = write_segment(files, small_payloads);
  files.crash();
  const auto read = scan_all(files);
  REQUIRE(read);
  CHECK(read->frames == written);
  CHECK(read->scan.number == number);
  CHECK_FALSE(read->scan.torn);
  CHECK(read->scan.problem.empty());
  CHECK(read->scan.valid_bytes == read->scan.file_bytes);
  CHECK(read->scan.valid_bytes == written.back().end_offset);
}

TEST_CASE("the example of the README is what is written") {
  Disk files;
  auto writer = SegmentWriter::create(files, path, number);
  REQUIRE(writer);
  REQUIRE(writer->append(1, "hel", "lo"));
  REQUIRE(writer->append(2, ""));
  REQUIRE(writer->sync());
  CHECK(to_hex(files.content(path).value()) ==
        "594a53454700010a000000000000000708a7dd335f732af3"
        "000000050100000068656c6c6f00000006216b09886d3c25"
        "0000000002000000737b084cea68cd84");
}

TEST_CASE("every flipped bit of a segment is noticed in the frame it is in") {
  Disk files;
  const Frames written = write_segment(files, small_payloads);
  const std::string good = files.content(path).value();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    files.overwrite(path, bad);
    const auto read = scan_all(files);
    if (bit / 8 < segment_header_bytes) {
      REQUIRE_FALSE(read);
      REQUIRE(read.error().kind == ErrorKind::corrupt);
      continue;
    }
    const std::size_t hit = frame_holding(written, bit / 8);
    REQUIRE(read);
    REQUIRE(read->scan.torn);
    REQUIRE_FALSE(read->scan.problem.empty());
    REQUIRE(read->scan.valid_bytes == written[hit].offset);
    REQUIRE(read->frames == first(written, hit));
    REQUIRE(read->scan.frames_behind_damage == (hit + 1 < written.size()));
    auto file = files.open_read(path);
    REQUIRE(file);
    REQUIRE(read_frame(**file, number, written[hit].offset).error().kind == ErrorKind::corrupt);
  }
}

TEST_CASE("a segment of a newer format is refused as such and not taken for damage") {
  Disk disk;
  write_segment(disk, small_payloads);
  std::string content = disk.content(path).value();
  content[6] = 2;
  std::string checksum;
  put_u64be(checksum, XXH3_64bits(content.data(), 16));
  content.replace(16, 8, checksum);
  disk.overwrite(path, content);
  const auto scanned = scan_all(disk);
  REQUIRE_FALSE(scanned);
  CHECK(scanned.error().kind == ErrorKind::reject);
  CHECK(scanned.error().message.find("it has format 2, this program reads format 1") !=
        std::string::npos);
  const auto reopened = SegmentWriter::reopen(disk, path, number, segment_header_bytes);
  REQUIRE_FALSE(reopened);
  CHECK(reopened.error().kind == ErrorKind::reject);
  CHECK(disk.content(path).value() == content);
}

TEST_CASE("a segment cut at any offset gives the whole frames before the cut") {
  Disk files;
  const Frames written = write_segment(files, small_payloads);
  const std::string good = files.content(path).value();
  for (std::size_t length = 0; length < good.size(); ++length) {
    CAPTURE(length);
    files.overwrite(path, good.substr(0, length));
    const auto read = scan_all(files);
    if (length < segment_header_bytes) {
      REQUIRE_FALSE(read);
      REQUIRE(read.error().kind == ErrorKind::corrupt);
      continue;
    }
    const std::size_t whole = frame_holding(written, length);
    REQUIRE(read);
    REQUIRE(read->frames == first(written, whole));
    REQUIRE(read->scan.valid_bytes == written[whole].offset);
    REQUIRE(read->scan.torn == (length != written[whole].offset));
    REQUIRE_FALSE(read->scan.frames_behind_damage);
  }
}

TEST_CASE("a frame that was moved, doubled or taken out is not taken for genuine") {
  Disk files;
  const Frames written = write_segment(files, {"first frame", "other frame", "third frame"});
  const std::string good = files.content(path).value();
  const auto bytes_of = [&](std::size_t i) {
    return good.substr(written[i].offset, written[i].end_offset - written[i].offset);
  };
  const std::string header = good.substr(0, segment_header_bytes);
  for (const std::string& bad :
       {header + bytes_of(1) + bytes_of(0) + bytes_of(2), header + bytes_of(1) + bytes_of(2),
        header + bytes_of(0) + bytes_of(0) + bytes_of(2), header + bytes_of(0) + bytes_of(2)}) {
    files.overwrite(path, bad);
    const auto read = scan_all(files);
    REQUIRE(read);
    CHECK(read->scan.torn);
    CHECK(read->frames.size() <= 1);
  }
}

TEST_CASE("a frame of another segment is not taken for genuine") {
  Disk files;
  const Frames written = write_segment(files, {"frame"});
  const std::string frame = files.content(path).value().substr(segment_header_bytes);
  auto other = SegmentWriter::create(files, "/wal/other", number + 1);
  REQUIRE(other);
  files.overwrite("/wal/other", files.content("/wal/other").value() + frame);
  const auto scan = scan_segment(files, "/wal/other", no_number,
                                 [](const FrameView&) -> Result<void> { return {}; });
  REQUIRE(scan);
  CHECK(scan->number == number + 1);
  CHECK(scan->torn);
  CHECK(scan->frames == 0);
  CHECK(
      scan_segment(files, "/wal/other", number, [](const FrameView&) -> Result<void> { return {}; })
          .error()
          .kind == ErrorKind::corrupt);
}

TEST_CASE("zeros that a power cut left behind the last frame are a torn tail") {
  Disk files;
  const Frames written = write_segment(files, small_payloads);
  files.overwrite(path, files.content(path).value() + std::string(8192, '\0'));
  const auto read = scan_all(files);
  REQUIRE(read);
  CHECK(read->frames == written);
  CHECK(read->scan.torn);
  CHECK_FALSE(read->scan.frames_behind_damage);
}

TEST_CASE("frames larger than a read and frames across reads come back whole") {
  Disk files;
  std::vector<std::string> payloads = {std::string(segment_payload_bytes_max, 'm')};
  for (std::size_t i = 0; i < 200; ++i) {
    payloads.emplace_back(i * 997 % 70'000, static_cast<char>('a' + i % 26));
  }
  payloads.emplace_back((std::size_t{3} << 20) + 5, 'z');
  const Frames written = write_segment(files, payloads);
  const auto read = scan_all(files);
  REQUIRE(read);
  CHECK(read->frames == written);
  CHECK_FALSE(read->scan.torn);
  auto file = files.open_read(path);
  REQUIRE(file);
  for (const Stored& frame : written) {
    const auto stored = read_frame(**file, number, frame.offset);
    REQUIRE(stored);
    CHECK(stored->type == frame.type);
    CHECK(stored->payload == frame.payload);
  }
}

TEST_CASE("a frame above the limit is refused and the writer goes on") {
  Disk files;
  auto writer = SegmentWriter::create(files, path, number);
  REQUIRE(writer);
  const std::string largest(segment_payload_bytes_max, 'x');
  CHECK(writer->append(1, largest, "y").error().kind == ErrorKind::reject);
  CHECK(writer->append(1, "fits"));
  CHECK(writer->sync());
  CHECK(scan_all(files)->frames.size() == 1);
}

TEST_CASE("an error of the visitor ends the scan") {
  Disk files;
  write_segment(files, small_payloads);
  int seen = 0;
  const auto scan = scan_segment(files, path, number, [&](const FrameView&) -> Result<void> {
    if (++seen == 2) return fail(ErrorKind::full, "enough");
    return {};
  });
  REQUIRE_FALSE(scan);
  CHECK(scan.error().kind == ErrorKind::full);
  CHECK(seen == 2);
}

TEST_CASE("reading at an offset where no frame is gives an error, not a frame") {
  Disk files;
  const Frames written = write_segment(files, small_payloads);
  auto file = files.open_read(path);
  REQUIRE(file);
  for (std::uint64_t offset = 0; offset < written.back().end_offset + 20; ++offset) {
    const bool is_frame =
        written[std::min(frame_holding(written, std::min(offset, written.back().end_offset - 1)),
                         written.size() - 1)]
            .offset == offset;
    CHECK(read_frame(**file, number, offset).has_value() == is_frame);
  }
  CHECK_FALSE(read_frame(**file, number + 1, written[0].offset));
  CHECK_FALSE(read_frame(**file, number, ~std::uint64_t{0} - 7));
}

TEST_CASE("frames are in the file after flush and durable after sync, not before") {
  Disk files;
  auto writer = SegmentWriter::create(files, path, number);
  REQUIRE(writer);
  REQUIRE(writer->append(1, "durable"));
  CHECK(files.content(path).value().size() == segment_header_bytes);
  REQUIRE(writer->sync());
  REQUIRE(writer->append(1, "flushed"));
  REQUIRE(writer->flush());
  CHECK(scan_all(files)->frames.size() == 2);
  files.crash();
  const auto read = scan_all(files);
  REQUIRE(read);
  REQUIRE(read->frames.size() == 1);
  CHECK(read->frames[0].payload == "durable");
}

TEST_CASE("a group of frames goes to the file in one write") {
  Disk files;
  auto writer = SegmentWriter::create(files, path, number);
  REQUIRE(writer);
  for (int i = 0; i < 1000; ++i) REQUIRE(writer->append(1, "frame"));
  const std::uint64_t before = files.changing_calls();
  REQUIRE(writer->sync());
  CHECK(files.changing_calls() == before + 2);
}

TEST_CASE("after a power cut in a write the durable frames are there and writing goes on") {
  const std::string tail_payload = "an unsynced frame";
  for (std::uint64_t survive = 0; survive <= 2 * 48; ++survive) {
    CAPTURE(survive);
    Disk files;
    const Frames durable = write_segment(files, {"one", "two"});
    auto writer = SegmentWriter::reopen(files, path, number, durable.back().end_offset);
    REQUIRE(writer);
    REQUIRE(writer->append(3, tail_payload));
    REQUIRE(writer->append(4, tail_payload));
    REQUIRE(writer->flush());
    files.crash_keeping([&](const std::string&, std::uint64_t) { return survive; });

    const auto found = scan_all(files);
    REQUIRE(found);
    REQUIRE(found->frames.size() >= 2);
    REQUIRE(first(found->frames, 2) == durable);
    REQUIRE(found->frames.size() == 2 + survive / 40);
    REQUIRE_FALSE(found->scan.frames_behind_damage);

    auto again = SegmentWriter::reopen(files, path, number, found->scan.valid_bytes);
    REQUIRE(again);
    REQUIRE(again->append(5, "after"));
    REQUIRE(again->sync());
    files.crash();
    const auto read = scan_all(files);
    REQUIRE(read);
    REQUIRE_FALSE(read->scan.torn);
    REQUIRE(read->frames.size() == found->frames.size() + 1);
    REQUIRE(read->frames.back().payload == "after");
  }
}

TEST_CASE("reopening makes durable what an ended process had written but not synced") {
  Disk files;
  const Frames durable = write_segment(files, {"one"});
  auto writer = SegmentWriter::reopen(files, path, number, durable.back().end_offset);
  REQUIRE(writer);
  REQUIRE(writer->append(2, "adopted"));
  REQUIRE(writer->flush());
  const auto found = scan_all(files);
  REQUIRE(SegmentWriter::reopen(files, path, number, found->scan.valid_bytes));
  files.crash();
  CHECK(scan_all(files)->frames == found->frames);
}

TEST_CASE("reopening makes the name durable that a killed process had not synced") {
  Disk whole;
  const Frames frames = write_segment(whole, {"one"});
  const std::string bytes = *whole.content(path);
  Disk files;
  auto file = files.open_append(path, 0600);
  REQUIRE((*file)->append(bytes));
  REQUIRE((*file)->sync());  // the bytes are on the disk, the directory does not name them yet
  REQUIRE(SegmentWriter::reopen(files, path, number, frames.back().end_offset));
  files.crash();
  CHECK(scan_all(files)->frames == frames);
}

TEST_CASE("reopening refuses a segment that is missing, shorter or another") {
  Disk files;
  CHECK(SegmentWriter::reopen(files, path, number, 24).error().kind == ErrorKind::reject);
  CHECK_FALSE(files.exists(path).value());
  const Frames durable = write_segment(files, {"one"});
  const std::uint64_t end = durable.back().end_offset;
  CHECK(SegmentWriter::reopen(files, path, number, end + 8).error().kind == ErrorKind::corrupt);
  CHECK(SegmentWriter::reopen(files, path, number, end - 1).error().kind == ErrorKind::corrupt);
  CHECK(SegmentWriter::reopen(files, path, number, 0).error().kind == ErrorKind::corrupt);
  CHECK(SegmentWriter::reopen(files, path, number + 1, end).error().kind == ErrorKind::corrupt);
  CHECK(scan_all(files)->frames == durable);
}

TEST_CASE("after a failed write or sync the writer refuses everything") {
  for (const bool in_sync : {false, true}) {
    Disk files;
    auto writer = SegmentWriter::create(files, path, number);
    REQUIRE(writer);
    REQUIRE(writer->append(1, "frame"));
    files.set_fault_kind(ErrorKind::full);
    files.fail_nth(in_sync ? 2 : 1, Fault::fail_half);
    CHECK(writer->sync().error().kind == (in_sync ? ErrorKind::fatal : ErrorKind::full));
    CHECK(writer->append(1, "more").error().kind == ErrorKind::fatal);
    CHECK(writer->flush().error().kind == ErrorKind::fatal);
    CHECK(writer->sync().error().kind == ErrorKind::fatal);
  }
}

TEST_CASE("a segment is created once, and whatever fails there is none or a whole empty one") {
  Disk clean;
  REQUIRE(SegmentWriter::create(clean, path, number));
  CHECK(SegmentWriter::create(clean, path, number).error().kind == ErrorKind::reject);
  clean.crash();
  CHECK(scan_all(clean)->scan.valid_bytes == segment_header_bytes);

  constexpr std::uint64_t calls = 6;
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
      CAPTURE(nth);
      Disk files;
      files.fail_nth(nth, fault);
      REQUIRE_FALSE(SegmentWriter::create(files, path, number));
      const auto is_none_or_whole = [&] {
        return !files.exists(path).value() || scan_all(files).has_value();
      };
      CHECK(is_none_or_whole());
      files.crash_keeping([](const std::string&, std::uint64_t unsynced) { return unsynced / 2; });
      CHECK(is_none_or_whole());
      if (!files.exists(path).value()) CHECK(SegmentWriter::create(files, path, number));
    }
  }
}

TEST_CASE("a segment's name is its number in sixteen hex digits") {
  CHECK(segment_name(0) == "0000000000000000.seg");
  CHECK(segment_name(0xfedcba9876543210) == "fedcba9876543210.seg");
  CHECK(segment_number("fedcba9876543210.seg").value() == 0xfedcba9876543210);
  for (const char* name :
       {"", ".seg", "0.seg", "000000000000000A.seg", "0000000000000000.seg.new",
        "0000000000000000.SEG", "00000000000000000.seg", "000000000000000g.seg"}) {
    CAPTURE(name);
    CHECK(segment_number(name).error().kind == ErrorKind::reject);
  }
}

}  // namespace yunjian::ledger
