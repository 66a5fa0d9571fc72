#include "ledger/archive/segment.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <optional>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view magic("YJSEG\x00\x01\n", 8);
constexpr std::size_t form_offset = 6;  // of the format's number in it
constexpr std::uint64_t head_bytes = 8;
constexpr std::uint64_t checksum_bytes = 8;
constexpr std::uint64_t alignment = 8;
constexpr std::uint64_t piece_bytes = 1U << 20;
constexpr std::string_view name_suffix = ".seg";
// A writer keeps the memory of at most this much for its next frames.
constexpr std::size_t kept_capacity_max = 8U << 20;
// Looking for frames behind damage stops after hashing this much: bytes made to look like the heads
// of many large frames must not keep a start busy for hours.
constexpr std::uint64_t search_bytes_max = std::uint64_t{8} << 30;

constexpr std::uint64_t padding_of(std::uint64_t length) { return (alignment - length % 8) % 8; }

constexpr std::uint64_t frame_bytes(std::uint64_t length) {
  return head_bytes + length + padding_of(length) + checksum_bytes;
}

std::uint64_t frame_checksum(std::string_view checked, std::uint64_t number, std::uint64_t offset) {
  return XXH3_64bits_withSeed(checked.data(), checked.size(), (number << 40) ^ offset);
}

std::string make_header(std::uint64_t number) {
  std::string header(magic);
  put_u64be(header, number);
  put_u64be(header, XXH3_64bits(header.data(), header.size()));
  return header;
}

// The format of a header that is whole. Formats to come keep magic, number and checksum where they
// are, so that an older program can tell a newer file from a damaged one.
std::optional<unsigned> form_of(std::string_view header) {
  std::string_view stated = header.substr(0, magic.size());
  const bool ours = stated.substr(0, form_offset) == magic.substr(0, form_offset) &&
                    stated.substr(form_offset + 1) == magic.substr(form_offset + 1);
  const std::size_t checked = header.size() - checksum_bytes;
  if (!ours || get_u64be(header.data() + checked) != XXH3_64bits(header.data(), checked)) return {};
  return static_cast<unsigned char>(stated[form_offset]);
}

Failure corrupt(std::string_view what) { return fail(ErrorKind::corrupt, std::string(what)); }

// The number that a segment's first bytes state.
Result<std::uint64_t> read_header(const File& file, const std::string& path,
                                  std::uint64_t expected) {
  auto header = file.read_at(0, segment_header_bytes);
  if (!header) return failure(header);
  if (header->size() < segment_header_bytes) {
    return corrupt(
        fmt::format("segment {}: its header is cut after {} bytes", path, header->size()));
  }
  constexpr unsigned our_form = 1;
  if (const auto form = form_of(*header); form && *form != our_form) {
    return fail(ErrorKind::reject,
                fmt::format("segment {}: it has format {}, this program reads format {}: another "
                            "version wrote it; install that one again, nothing was changed",
                            path, *form, our_form));
  }
  const std::uint64_t number = get_u64be(header->data() + magic.size());
  if (*header != make_header(number)) {
    return corrupt(fmt::format("segment {}: its header is damaged", path));
  }
  if (expected != no_number && number != expected) {
    return corrupt(
        fmt::format("segment {}: it has number {} where {} belongs", path, number, expected));
  }
  return number;
}

// The payload's length that a frame's head states. `left` counts from the head to the file's end.
Result<std::uint64_t> read_head(std::string_view head, std::uint64_t left) {
  if (head.size() < head_bytes) return corrupt("the head of a frame is cut");
  const std::uint64_t length = get_u32be(head.data());
  const bool is_sound =
      length <= segment_payload_bytes_max && head[5] == 0 && head[6] == 0 && head[7] == 0;
  if (!is_sound) return corrupt("the head of a frame is damaged");
  if (frame_bytes(length) > left) return corrupt("a frame runs past the end of the file");
  return length;
}

// `bytes` are exactly the frame whose head states `length`.
Result<FrameView> check_frame(std::string_view bytes, std::uint64_t length, std::uint64_t number,
                              std::uint64_t offset) {
  if (bytes.size() != frame_bytes(length)) return corrupt("a frame runs past the end of the file");
  const std::string_view checked = bytes.substr(0, bytes.size() - checksum_bytes);
  if (get_u64be(bytes.data() + checked.size()) != frame_checksum(checked, number, offset)) {
    return corrupt("the checksum of a frame does not match");
  }
  const std::string_view padding = checked.substr(head_bytes + length);
  if (padding.find_first_not_of('\0') != std::string_view::npos) {
    return corrupt("the padding of a frame is not zero");
  }
  return FrameView{.offset = offset,
                   .end_offset = offset + bytes.size(),
                   .type = static_cast<std::uint8_t>(bytes[4]),
                   .payload = checked.substr(head_bytes, length)};
}

// Reads a segment front to back and keeps one piece of it in memory. Bytes that come in while it
// reads are not looked at.
class FrameReader {
 public:
  FrameReader(const File& file, std::uint64_t number, std::uint64_t file_bytes)
      : file_(file), number_(number), file_bytes_(file_bytes) {}

  // Corrupt: there is no whole frame at `offset`. The frame is valid until the next call.
  Result<FrameView> frame_at(std::uint64_t offset) {
    const std::uint64_t left = file_bytes_ - offset;
    auto head = bytes_at(offset, std::min(head_bytes, left));
    if (!head) return failure(head);
    auto length = read_head(*head, left);
    if (!length) return failure(length);
    auto bytes = bytes_at(offset, frame_bytes(*length));
    if (!bytes) return failure(bytes);
    hashed_bytes_ += bytes->size();
    return check_frame(*bytes, *length, number_, offset);
  }

  // Whether a whole frame begins anywhere behind `offset`, at which there is none.
  Result<bool> any_behind(std::uint64_t offset) {
    hashed_bytes_ = 0;
    while (offset + alignment < file_bytes_) {
      offset += alignment;
      auto frame = frame_at(offset);
      if (frame) return true;
      if (frame.error().kind != ErrorKind::corrupt) return failure(frame);
      if (hashed_bytes_ > search_bytes_max) return true;
    }
    return false;
  }

 private:
  Result<std::string_view> bytes_at(std::uint64_t offset, std::uint64_t length) {
    const bool is_inside = offset >= piece_at_ && offset + length <= piece_at_ + piece_.size();
    if (!is_inside) {
      auto piece =
          file_.read_at(offset, std::min(std::max(length, piece_bytes), file_bytes_ - offset));
      if (!piece) return failure(piece);
      piece_ = std::move(*piece);
      piece_at_ = offset;
    }
    return std::string_view(piece_).substr(offset - piece_at_, length);
  }

  const File& file_;
  std::uint64_t number_;
  std::uint64_t file_bytes_;
  std::uint64_t hashed_bytes_ = 0;
  std::string piece_;
  std::uint64_t piece_at_ = 0;
};

Result<SegmentScan> torn_scan(SegmentScan scan, FrameReader& reader) {
  auto behind = reader.any_behind(scan.valid_bytes);
  if (!behind) return failure(behind);
  scan.torn = true;
  scan.frames_behind_damage = *behind;
  return scan;
}

}  // namespace

SegmentWriter::SegmentWriter(std::unique_ptr<File> file, std::uint64_t number, std::uint64_t bytes)
    : file_(std::move(file)), number_(number), bytes_(bytes) {}

Result<SegmentWriter> SegmentWriter::create(FileSystem& files, const std::string& path,
                                            std::uint64_t number) {
  require(number != no_number, "a segment has a number");
  auto there = files.exists(path);
  if (!there) return failure(there);
  if (*there) return fail(ErrorKind::reject, fmt::format("segment {}: it exists", path));
  auto written = replace_file(files, path, make_header(number), 0600);
  if (!written) return failure(written);
  auto file = files.open_append(path, 0600);
  if (!file) return failure(file);
  return SegmentWriter(std::move(*file), number, segment_header_bytes);
}

Result<SegmentWriter> SegmentWriter::reopen(FileSystem& files, const std::string& path,
                                            std::uint64_t number, std::uint64_t valid_bytes) {
  auto there = files.exists(path);
  if (!there) return failure(there);
  if (!*there) return fail(ErrorKind::reject, fmt::format("segment {}: it is not there", path));
  auto opened = files.open_append(path, 0600);
  if (!opened) return failure(opened);
  File& file = **opened;
  auto stated = read_header(file, path, number);
  if (!stated) return failure(stated);
  auto size = file.size();
  if (!size) return failure(size);
  if (*size < valid_bytes || valid_bytes < segment_header_bytes || valid_bytes % alignment != 0) {
    return corrupt(fmt::format("segment {}: {} bytes where {} must be", path, *size, valid_bytes));
  }
  if (*size > valid_bytes) {
    auto cut = file.truncate(valid_bytes);
    if (!cut) return failure(cut);
  }
  auto synced = file.sync();
  if (!synced) return failure(synced);
  // The process that created it may have ended before the name was durable.
  synced = files.sync_directory(parent_directory(path));
  if (!synced) return failure(synced);
  return SegmentWriter(std::move(*opened), *stated, valid_bytes);
}

Result<std::uint64_t> SegmentWriter::append(std::uint8_t type, std::string_view payload,
                                            std::string_view more) {
  if (failed_) return fail(ErrorKind::fatal, "an earlier write to this segment failed");
  const std::uint64_t length = payload.size() + more.size();
  if (length > segment_payload_bytes_max) {
    return fail(ErrorKind::reject, fmt::format("a frame of {} bytes is above the limit of {}",
                                               length, segment_payload_bytes_max));
  }
  const std::uint64_t total = frame_bytes(length);
  if (bytes_ + total > segment_bytes_max) {
    return fail(ErrorKind::full, "the segment has reached its largest size");
  }
  const std::uint64_t offset = bytes_;
  const std::size_t start = pending_.size();
  pending_.reserve(start + total);
  put_u32be(pending_, static_cast<std::uint32_t>(length));
  pending_.push_back(static_cast<char>(type));
  pending_.append(3, '\0');
  pending_.append(payload);
  pending_.append(more);
  pending_.append(padding_of(length), '\0');
  put_u64be(pending_, frame_checksum(std::string_view(pending_).substr(start), number_, offset));
  bytes_ += total;
  return offset;
}

Result<void> SegmentWriter::flush() {
  if (failed_) return fail(ErrorKind::fatal, "an earlier write to this segment failed");
  if (pending_.empty()) return {};
  auto written = file_->append(pending_);
  if (!written) {
    failed_ = true;
    return written;
  }
  pending_.clear();
  if (pending_.capacity() > kept_capacity_max) pending_.shrink_to_fit();
  return {};
}

Result<void> SegmentWriter::sync() {
  auto flushed = flush();
  if (!flushed) return flushed;
  auto synced = file_->sync();
  if (!synced) failed_ = true;
  return synced;
}

Result<SegmentScan> scan_segment(FileSystem& files, const std::string& path, std::uint64_t number,
                                 const std::function<Result<void>(const FrameView&)>& visit) {
  auto file = files.open_read(path);
  if (!file) return failure(file);
  auto stated = read_header(**file, path, number);
  if (!stated) return failure(stated);
  auto size = (*file)->size();
  if (!size) return failure(size);

  SegmentScan scan;
  scan.number = *stated;
  scan.file_bytes = *size;
  scan.valid_bytes = segment_header_bytes;
  FrameReader reader(**file, *stated, *size);
  while (scan.valid_bytes < *size) {
    auto frame = reader.frame_at(scan.valid_bytes);
    if (!frame && frame.error().kind != ErrorKind::corrupt) return failure(frame);
    if (!frame) {
      scan.problem =
          fmt::format("segment {} at {}: {}", path, scan.valid_bytes, frame.error().message);
      return torn_scan(std::move(scan), reader);
    }
    const std::uint64_t end = frame->end_offset;
    auto visited = visit(*frame);
    if (!visited) return failure(visited);
    scan.valid_bytes = end;
    ++scan.frames;
  }
  return scan;
}

Result<StoredFrame> read_frame(const File& file, std::uint64_t number, std::uint64_t offset) {
  auto head = file.read_at(offset, head_bytes);
  if (!head) return failure(head);
  auto length = read_head(*head, frame_bytes(segment_payload_bytes_max));
  if (!length) return failure(length, fmt::format("frame at {}", offset));
  auto bytes = file.read_at(offset, frame_bytes(*length));
  if (!bytes) return failure(bytes);
  auto frame = check_frame(*bytes, *length, number, offset);
  if (!frame) return failure(frame, fmt::format("frame at {}", offset));
  const std::uint8_t type = frame->type;
  bytes->resize(head_bytes + *length);
  bytes->erase(0, head_bytes);
  return StoredFrame{type, std::move(*bytes)};
}

std::string segment_name(std::uint64_t number) {
  return fmt::format("{:016x}{}", number, name_suffix);
}

Result<std::uint64_t> segment_number(std::string_view name) {
  constexpr std::size_t digits = 16;
  const bool has_form = name.size() == digits + name_suffix.size() && name.ends_with(name_suffix);
  auto raw = from_hex(has_form ? name.substr(0, digits) : "?");
  if (!raw) return fail(ErrorKind::reject, fmt::format("not the name of a segment: {}", name));
  return get_u64be(raw->data());
}

}  // namespace yunjian::ledger
