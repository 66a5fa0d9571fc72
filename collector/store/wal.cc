#include "collector/store/wal.h"

#include <fmt/format.h>

#include <vector>

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::FileSystem;
using ledger::Result;
using ledger::SegmentScan;
using ledger::SegmentWriter;

namespace {

constexpr unsigned directory_mode = 0750;
constexpr unsigned file_mode = 0640;
constexpr std::size_t frame_head_bytes = 8;  // u32be length, type, three zeros: segment.h

Result<std::vector<std::uint64_t>> segments_in(FileSystem& files, const std::string& directory,
                                               std::uint64_t first) {
  auto names = files.list(directory);
  if (!names) return failure(names, "reading the WAL directory " + directory);
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    const auto number = ledger::segment_number(name);
    if (!number || *number < first) continue;
    if (*number != first + numbers.size()) {
      return fail(ErrorKind::corrupt,
                  fmt::format("WAL segment {} is missing in {}: restore it from backup",
                              ledger::segment_name(first + numbers.size()), directory));
    }
    numbers.push_back(*number);
  }
  return numbers;
}

Result<SegmentScan> scan_one(FileSystem& files, const std::string& path, std::uint64_t number,
                             const Wal::Visit& visit) {
  const auto on_frame = [&](const ledger::FrameView& frame) -> Result<void> {
    const WalPlace place{static_cast<std::uint32_t>(number),
                         static_cast<std::uint32_t>(frame.offset)};
    auto visited = visit(place, frame.type, frame.payload);
    if (!visited) {
      return failure(visited, fmt::format("WAL segment {} offset {}", path, frame.offset));
    }
    return {};
  };
  auto scan = ledger::scan_segment(files, path, number, on_frame);
  if (!scan) return failure(scan, "WAL segment " + path);
  return scan;
}

// The torn bytes may be all that is left of frames that were once acknowledged: kept for people.
Result<void> set_tail_aside(FileSystem& files, const std::string& path, const Wal::Tail& tail) {
  auto file = files.open_read(path);
  if (!file) return failure(file);
  auto bytes = (*file)->read_at(tail.valid_bytes, tail.torn_bytes);
  if (!bytes) return failure(bytes);
  return ledger::replace_file(files, path + ".cut", *bytes, file_mode);
}

}  // namespace

Result<void> Wal::create(FileSystem& files, const std::string& directory) {
  if (auto made = files.make_directory(directory, directory_mode); !made) return made;
  if (auto synced = files.sync_directory(ledger::parent_directory(directory)); !synced) {
    return synced;
  }
  auto writer =
      SegmentWriter::create(files, ledger::join_path(directory, ledger::segment_name(0)), 0);
  if (!writer) return failure(writer, "creating the first WAL segment");
  return {};
}

Result<Wal::Tail> Wal::scan(FileSystem& files, const From& from, const Visit& visit) {
  const std::string& directory = from.directory;
  auto segments = segments_in(files, directory, from.first);
  if (!segments) return failure(segments);
  if (segments->empty()) {
    return fail(ErrorKind::corrupt, "no WAL segment in " + directory +
                                        ": this is no data directory, or its evidence is gone");
  }
  Tail tail;
  for (const std::uint64_t number : *segments) {
    const std::string path = ledger::join_path(directory, ledger::segment_name(number));
    auto scan = scan_one(files, path, number, visit);
    if (!scan) return failure(scan);
    if (scan->torn && number != segments->back()) {
      return fail(ErrorKind::corrupt,
                  fmt::format("WAL segment {} is damaged at offset {}: {}. Restore it from backup",
                              path, scan->valid_bytes, scan->problem));
    }
    tail.segment = number;
    tail.valid_bytes = scan->valid_bytes;
    tail.torn_bytes = scan->file_bytes - scan->valid_bytes;
    tail.problem = scan->problem;
    tail.frames_behind_damage = scan->frames_behind_damage;
  }
  return tail;
}

Result<void> Wal::scan_segment(FileSystem& files, const From& from, const Visit& visit) {
  const std::string path = ledger::join_path(from.directory, ledger::segment_name(from.first));
  auto scan = scan_one(files, path, from.first, visit);
  if (!scan) return failure(scan);
  if (!scan->torn) return {};
  return fail(ErrorKind::corrupt, fmt::format("WAL segment {} is damaged at offset {}: {}", path,
                                              scan->valid_bytes, scan->problem));
}

Result<void> Wal::remove_before(FileSystem& files, const From& from) {
  auto names = files.list(from.directory);
  if (!names) return failure(names);
  bool removed_any = false;
  for (const std::string& name : *names) {
    const auto number = ledger::segment_number(name);
    if (!number || *number >= from.first) continue;
    auto removed = files.remove(ledger::join_path(from.directory, name));
    if (!removed) return removed;
    removed_any = true;
  }
  return removed_any ? files.sync_directory(from.directory) : Result<void>();
}

Result<std::unique_ptr<Wal>> Wal::resume(FileSystem& files, std::string directory,
                                         const Tail& tail) {
  const std::string path = ledger::join_path(directory, ledger::segment_name(tail.segment));
  if (tail.frames_behind_damage) {
    if (auto kept = set_tail_aside(files, path, tail); !kept) return failure(kept);
  }
  auto writer = SegmentWriter::reopen(files, path, tail.segment, tail.valid_bytes);
  if (!writer) return failure(writer, "reopening the WAL");
  return std::unique_ptr<Wal>(new Wal(files, std::move(directory), std::move(*writer)));
}

Wal::Wal(FileSystem& files, std::string directory, SegmentWriter writer)
    : files_(files), directory_(std::move(directory)), writer_(std::move(writer)) {}

std::string Wal::path_of(std::uint64_t segment) const {
  return ledger::join_path(directory_, ledger::segment_name(segment));
}

Result<void> Wal::begin_group(std::uint64_t segment_bytes_max) {
  return writer_.bytes() < segment_bytes_max ? Result<void>() : rotate();
}

Result<void> Wal::rotate() {
  const std::uint64_t next = writer_.number() + 1;
  auto writer = SegmentWriter::create(files_, path_of(next), next);
  if (!writer) return failure(writer, "creating a WAL segment");
  earlier_bytes_ += writer_.bytes();
  writer_ = std::move(*writer);
  return {};
}

Result<WalPlace> Wal::append(const ledger::WalEntry& entry) {
  ledger::encode_wal_head(entry, head_);
  auto offset = writer_.append(static_cast<std::uint8_t>(ledger::wal_type(entry)), head_,
                               ledger::wal_tail(entry));
  if (!offset) return failure(offset, "writing the WAL");
  return WalPlace{static_cast<std::uint32_t>(writer_.number()),
                  static_cast<std::uint32_t>(*offset)};
}

Result<void> Wal::sync() {
  auto synced = writer_.sync();
  if (!synced) return failure(synced, "making the WAL durable");
  return {};
}

Result<ledger::StoredFrame> Wal::read(WalPlace place) const {
  auto file = reader(place.segment);
  if (!file) return failure(file);
  auto frame = ledger::read_frame(**file, place.segment, place.offset);
  if (!frame) {
    return failure(frame, fmt::format("WAL segment {}", path_of(place.segment)));
  }
  return frame;
}

Result<ledger::StoredFrame> Wal::read(const WalPin& pin, WalPlace place) const {
  const std::uint64_t at = place.segment - pin.first;
  if (place.segment < pin.first || at >= pin.files.size()) return read(place);
  auto frame = ledger::read_frame(*pin.files[at], place.segment, place.offset);
  if (!frame) return failure(frame, fmt::format("WAL segment {}", path_of(place.segment)));
  return frame;
}

Result<ledger::StoredFrame> Wal::read_front(WalPlace place, std::size_t bytes_max) const {
  auto file = reader(place.segment);
  if (!file) return failure(file);
  auto bytes = (*file)->read_at(place.offset, frame_head_bytes + bytes_max);
  if (!bytes) return failure(bytes, "reading the WAL");
  if (bytes->size() < frame_head_bytes) {
    return fail(ErrorKind::corrupt, fmt::format("WAL segment {} ends before offset {}",
                                                path_of(place.segment), place.offset));
  }
  const std::size_t length = ledger::get_u32be(bytes->data());
  const auto type = static_cast<std::uint8_t>((*bytes)[4]);
  bytes->erase(0, frame_head_bytes);
  if (bytes->size() > length) bytes->resize(length);
  return ledger::StoredFrame{type, std::move(*bytes)};
}

Result<std::shared_ptr<const ledger::File>> Wal::reader(std::uint64_t segment) const {
  const std::lock_guard lock(readers_mutex_);
  const auto it = readers_.find(segment);
  if (it != readers_.end()) return it->second;
  auto opened = files_.open_read(path_of(segment));
  if (!opened) return failure(opened, "reading the WAL");
  return readers_.emplace(segment, std::move(*opened)).first->second;
}

Result<WalPin> Wal::pin(std::uint64_t first, std::uint64_t last) const {
  WalPin pin{first, {}};
  for (; first <= last; ++first) {
    auto file = reader(first);
    if (!file) return failure(file);
    pin.files.push_back(std::move(*file));
  }
  return pin;
}

std::string Wal::forget(std::uint64_t segment) {
  const std::lock_guard lock(readers_mutex_);
  readers_.erase(segment);
  return path_of(segment);
}

}  // namespace yunjian::collector
