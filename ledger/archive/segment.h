#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ledger/base/file_system.h"

namespace yunjian::ledger {

// An append-only file of checksummed frames: the WAL of the collector, the spool of the agent.
//
//   segment := "YJSEG\x00\x01\n" u64be number u64be xxh3(first 16 bytes)            (24 bytes)
//   frame   := u32be length of payload | u8 type | 3 zero bytes | payload | zero padding to 8 |
//              u64be checksum
//   checksum = XXH3-64 of everything of the frame before it, seeded with (number << 40) ^ offset of
//   the frame, so that a frame copied to another place or file is not taken for genuine.
//
// The checksum finds damage, not forgery: whoever can write the file can compute it.
inline constexpr std::uint32_t segment_header_bytes = 24;
inline constexpr std::uint32_t segment_payload_bytes_max = 16U << 20;
inline constexpr std::uint64_t segment_bytes_max = std::uint64_t{1} << 40;

struct FrameView {
  std::uint64_t offset;      // of the frame in its segment
  std::uint64_t end_offset;  // of the next frame
  std::uint8_t type;
  std::string_view payload;  // valid during the call
};

// Appends frames to one segment. One thread. Nothing is durable before sync() has returned well;
// after any failure the writer refuses everything (fatal) and the segment must be reopened.
class SegmentWriter {
 public:
  // Creates the segment and syncs it and its directory. A crash on the way leaves no segment or a
  // whole empty one. Reject: it exists.
  static Result<SegmentWriter> create(FileSystem& files, const std::string& path,
                                      std::uint64_t number);
  // Continues one whose valid length is known from scan_segment: cuts what lies behind it and syncs
  // file and directory, so that all of it is durable on return. Corrupt: shorter, or another
  // number.
  static Result<SegmentWriter> reopen(FileSystem& files, const std::string& path,
                                      std::uint64_t number, std::uint64_t valid_bytes);

  // Buffers one frame (payload given in up to two pieces, joined); returns its offset. Reject: more
  // than segment_payload_bytes_max. Full: the segment would pass segment_bytes_max.
  Result<std::uint64_t> append(std::uint8_t type, std::string_view payload,
                               std::string_view more = {});
  Result<void> flush();  // hands buffered frames to the file, not durable yet
  Result<void> sync();   // flush + fsync: durable on return
  std::uint64_t bytes() const { return bytes_; }  // including buffered frames
  std::uint64_t number() const { return number_; }

 private:
  SegmentWriter(std::unique_ptr<File> file, std::uint64_t number, std::uint64_t bytes);

  std::unique_ptr<File> file_;
  std::uint64_t number_;
  std::uint64_t bytes_;
  std::string pending_;
  bool failed_ = false;
};

// How a scan ended. `torn` = the bytes behind valid_bytes are not a whole frame; whether that is a
// torn tail or damage is for the caller, who knows what must be there. A file cut exactly between
// two frames is not torn: only the caller's own counts can tell.
struct SegmentScan {
  std::uint64_t number = 0;
  std::uint64_t valid_bytes = 0;  // up to the end of the last good frame
  std::uint64_t file_bytes = 0;
  std::uint64_t frames = 0;
  bool torn = false;
  std::string problem;  // empty, or what is wrong at valid_bytes
  // A good frame was found behind valid_bytes. Then either bytes that were once synced are damaged,
  // or a power cut kept the later pages of one unsynced write but not the earlier ones.
  bool frames_behind_damage = false;
};

// Reads frames in order, calling `visit` for each; visit returns an error to stop. Bounded memory
// (one frame + 1 MiB). Errors: corrupt when the segment header is not whole or not `number` (pass
// no_number to accept any), and whatever visit returns.
inline constexpr std::uint64_t no_number = ~std::uint64_t{0};
Result<SegmentScan> scan_segment(FileSystem& files, const std::string& path, std::uint64_t number,
                                 const std::function<Result<void>(const FrameView&)>& visit);

// One frame at a known offset: type + payload copied out. Errors: corrupt.
struct StoredFrame {
  std::uint8_t type;
  std::string payload;
};
Result<StoredFrame> read_frame(const File& file, std::uint64_t number, std::uint64_t offset);

std::string segment_name(std::uint64_t number);  // "0000000000000000.seg": 16 hex digits
Result<std::uint64_t> segment_number(std::string_view name);  // reject: not a segment's name

}  // namespace yunjian::ledger
