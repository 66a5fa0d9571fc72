#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/spool/frame_walk.h"
#include "ledger/base/clock.h"

namespace yunjian::agent {

// One sealed batch as a frame of a segment.
struct SpoolEntry {
  std::uint64_t batch = 0;
  ledger::Time sealed{};
  std::uint32_t records = 0;
  std::string header = {};
  std::string body = {};
  // The second copy holds the body too, so that it stays until it has a receipt even when bodies
  // must go: for the small batches that name such losses. Known only when it is appended.
  bool keep_body = false;
};

// A directory of segments whose frames belong to batches in rising order: the spool keeps one with
// headers and bodies and one with headers only. Knows of each segment the batches it spans, nothing
// of each frame: its memory does not grow with the batches held.
//
// Life: open() fsyncs what it finds (the newest segment and its name; each older one was durable
// before the next began) and cuts a torn tail -> append() + sync() -> find() ->
// drop_front(). Durable: what was appended before a sync() that returned well; everything found by
// open(). One thread. After a failed append or sync it refuses to write (fatal): reopen.
class SegmentSet {
 public:
  struct Place {
    ledger::FileSystem* files;
    std::string directory;
    std::uint64_t segment_bytes_max;
  };
  // A frame that is not a batch: what receipt marks are.
  using OnMark = std::function<void(std::string_view payload)>;

  // With `on_mark` every frame of every segment is read, else only the first frame of each segment
  // and the whole last one.
  static ledger::Result<SegmentSet> open(Place place, const OnMark& on_mark);

  struct Span {
    std::uint64_t number = 0;  // of the segment
    std::uint64_t first = 0;  // batches [first, end); of a closed segment `end` = first of the next
    std::uint64_t end = 0;
    std::uint64_t bytes = 0;  // of the file, as far as it is synced
    ledger::Time sealed{};    // of the first batch
  };
  bool empty() const { return spans_.empty(); }
  const std::deque<Span>& spans() const { return spans_; }
  std::uint64_t bytes() const;
  std::uint64_t damaged_places() const { return damaged_places_; }  // met while opening

  // A new segment is begun when the open one is full; its name is durable before its first frame.
  // Full: no room on the disk; rewind() before anything else.
  ledger::Result<void> append(const SpoolEntry& entry, bool with_body = true);
  bool takes_marks() const { return writer_.has_value(); }  // a segment is open
  ledger::Result<void> append_mark(std::string_view payload);
  ledger::Result<void> sync();
  // After a failure of kind full: forgets the frames from `batch` on, none of which was synced, and
  // gives their room back.
  ledger::Result<void> rewind(std::uint64_t batch);
  // What is held of batches from `batch` on was never promised: it is passed over from here on, and
  // no file that holds some of it is written to again. Its sync may have failed in a run before
  // this one, which no later sync of the same file would tell.
  void supersede(std::uint64_t batch);

  // The frame of `batch`, or nothing when it is not held or damaged. Going on by one is cheap.
  ledger::Result<std::optional<SpoolEntry>> find(std::uint64_t batch);
  // Removes the oldest segment. A removal that a power cut undoes is harmless: it is found again.
  ledger::Result<void> drop_front();

 private:
  explicit SegmentSet(Place place) : place_(std::move(place)) {}
  std::string path(std::uint64_t number) const;
  ledger::Result<void> load(std::uint64_t number, bool last, const OnMark& on_mark);
  ledger::Result<void> begin_segment(const SpoolEntry& entry);
  ledger::Result<void> quarantine(std::uint64_t number);
  void end_at(std::uint64_t batch);
  ledger::Result<FrameWalk> walk(std::uint64_t number, std::uint64_t size) const;

  Place place_;
  std::deque<Span> spans_;
  std::optional<ledger::SegmentWriter> writer_;  // of spans_.back(), when that can be continued
  std::uint64_t next_number_ = 0;
  std::uint64_t damaged_places_ = 0;
  std::uint64_t tail_damage_ = 0;          // of them in the newest segment
  std::vector<std::uint64_t> superseded_;  // segments to be removed at the next sync

  FrameWalk reader_;                 // where the last find() stopped
  std::uint64_t reader_next_ = 0;    // batches below were passed by
  std::optional<SpoolEntry> ahead_;  // read, but of a later batch than was asked for
};

}  // namespace yunjian::agent
