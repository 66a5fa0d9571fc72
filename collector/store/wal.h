#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/archive/segment.h"
#include "ledger/archive/wal_entry.h"
#include "ledger/base/file_system.h"

namespace yunjian::collector {

// Where a frame of the WAL begins.
struct WalPlace {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
};

inline constexpr std::uint64_t wal_segment_bytes_max = 1U << 30;  // so that an offset fits WalPlace
inline constexpr std::uint64_t wal_group_bytes_max = 64U << 20;   // of frames between two syncs

// Keeps segments readable while it is held, their names may go.
struct WalPin {
  std::uint64_t first = 0;
  std::vector<std::shared_ptr<const ledger::File>> files;
};

// The segments of `wal/`, numbered without holes. What lies in the first ones may be filed in
// parts; then they go.
//
// Life: create() once, or scan() and resume() after every start; then per group begin_group(),
// append() …, sync(). Only the last segment is ever written; a segment is left only when all of it
// is durable, hence a torn tail can lie in the last one alone.
// Writing: one thread. read(): any thread, of places that were synced.
class Wal {
 public:
  // Makes the directory and segment 0, durable on return.
  static ledger::Result<void> create(ledger::FileSystem& files, const std::string& directory);

  // What a scan found. The tail is only described here; whether it may be cut is for the caller,
  // who knows what had been signed.
  struct Tail {
    std::uint64_t segment = 0;
    std::uint64_t valid_bytes = 0;
    std::uint64_t torn_bytes = 0;       // behind valid_bytes
    std::string problem;                // what is wrong there
    bool frames_behind_damage = false;  // whole frames lie behind the torn place
  };
  using Visit = std::function<ledger::Result<void>(WalPlace place, std::uint8_t type,
                                                   std::string_view payload)>;
  // Visits all whole frames from segment `first` on, in order. Corrupt: a segment is missing, or
  // damage anywhere but behind the last whole frame of the last segment; the text names segment and
  // offset.
  struct From {
    std::string directory;
    std::uint64_t first = 0;
  };
  static ledger::Result<Tail> scan(ledger::FileSystem& files, const From& from, const Visit& visit);
  // One whole segment that is not written any more.
  static ledger::Result<void> scan_segment(ledger::FileSystem& files, const From& from,
                                           const Visit& visit);
  // Removes the segments before `first`, which a stop left.
  static ledger::Result<void> remove_before(ledger::FileSystem& files, const From& from);
  // Cuts the tail (setting it aside as `<segment>.cut` when whole frames lie in it), syncs and goes
  // on behind it.
  static ledger::Result<std::unique_ptr<Wal>> resume(ledger::FileSystem& files,
                                                     std::string directory, const Tail& tail);

  ledger::Result<void> begin_group(std::uint64_t segment_bytes_max);  // rotates when it is time
  ledger::Result<void> rotate();
  std::uint64_t segment() const { return writer_.number(); }  // that is written now
  std::uint64_t segment_bytes() const { return writer_.bytes(); }
  bool segment_is_empty() const { return writer_.bytes() <= ledger::segment_header_bytes; }
  ledger::Result<WalPlace> append(const ledger::WalEntry& entry);
  ledger::Result<void> sync();
  std::uint64_t bytes() const { return earlier_bytes_ + writer_.bytes(); }
  // All segments in [first, last]; any thread.
  ledger::Result<WalPin> pin(std::uint64_t first, std::uint64_t last) const;
  // No place in the segment is asked for any more: gives back the path of the file, which may go.
  // Any thread.
  std::string forget(std::uint64_t segment);

  ledger::Result<ledger::StoredFrame> read(WalPlace place) const;
  ledger::Result<ledger::StoredFrame> read(const WalPin& pin, WalPlace place) const;
  // At most `bytes_max` of the payload, not checked against the frame's checksum.
  ledger::Result<ledger::StoredFrame> read_front(WalPlace place, std::size_t bytes_max) const;

 private:
  Wal(ledger::FileSystem& files, std::string directory, ledger::SegmentWriter writer);

  std::string path_of(std::uint64_t segment) const;
  ledger::Result<std::shared_ptr<const ledger::File>> reader(std::uint64_t segment) const;

  ledger::FileSystem& files_;
  const std::string directory_;
  ledger::SegmentWriter writer_;
  std::uint64_t earlier_bytes_ = 0;  // of the segments before the writer's, since resume()
  std::string head_;                 // scratch of append()

  mutable std::mutex readers_mutex_;
  mutable std::map<std::uint64_t, std::shared_ptr<const ledger::File>> readers_;
};

}  // namespace yunjian::collector
