#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool/segment_set.h"

namespace yunjian::agent {

struct SpoolLimits {
  std::uint64_t bytes_max = 1ULL << 30;         // of all segments
  std::uint64_t body_segment_bytes = 8U << 20;  // what one drop of bodies costs at most
  std::uint64_t header_segment_bytes = 1U << 20;
  std::chrono::hours keep_receipted{24};  // so that a collector that lost its disk can ask again
};

// A run of bodies that is lost or must go, as the gap record states it.
struct BodyLoss {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // encoded
  ledger::Time from{};      // sealed times of first and last
  ledger::Time to{};
};

// Sealed batches of one stream until the collector has them, and a while longer.
//
// Life of a batch: append() (durable: body frame, then a second copy of the header in another file)
// -> read() by the shipper as often as needed -> mark_receipted() -> its segment goes when space is
// needed or after a day. A body that must go earlier is named by a gap record first; the header
// stays and is read hollow.
//
// Directory: body/*.seg and head/*.seg, both segments of ledger/archive; grammar in README.md.
// One thread (the loop). Memory does not depend on how much is held.
class Spool {
 public:
  static ledger::Result<Spool> open(ledger::FileSystem& files, const std::string& directory,
                                    SpoolLimits limits);

  bool empty() const { return heads_.empty(); }
  std::uint64_t next_batch() const { return next_batch_; }  // one behind the last held
  std::uint64_t first_batch() const;                        // oldest header held
  std::uint64_t receipted() const { return receipted_; }    // all below this have a receipt
  std::uint64_t bytes() const { return bodies_.bytes() + heads_.bytes(); }
  std::uint64_t damaged_places() const;  // met while opening

  // The header note of `batch` from either copy.
  ledger::Result<std::optional<std::string>> header(std::uint64_t batch);

  // Durable on return. Batches come in order; a spool that was emptied begins with any number.
  // `keep_body`: the second copy holds the body too, so that it stays until it has a receipt even
  // when bodies must go: for the small batches that name such losses.
  ledger::Result<void> append(SpoolEntry entry, bool keep_body = false);

  struct Batch {
    SpoolEntry entry;
    bool body_lost =
        false;  // damaged: a gap record must name it before the header is shipped hollow
  };
  // One batch in order. Nothing: `batch` is beyond the end. Corrupt: neither copy of its header can
  // be read.
  ledger::Result<std::optional<Batch>> read(std::uint64_t batch);
  // The damaged body of `batch` is named by a durable gap record now: it is read hollow from here
  // on.
  void declare_lost(std::uint64_t batch) { settled_below_ = std::max(settled_below_, batch + 1); }

  // All below `below` have a receipt. Durable with the next append: a mark that a crash takes away
  // only means a resend, answered as a duplicate.
  void mark_receipted(std::uint64_t below);
  // Writes the mark now: spares a resend when the agent stops in good order.
  ledger::Result<void> save_mark();

  // Removes what is receipted and either older than the limit or in the way of it.
  ledger::Result<void> free_receipted(ledger::Time now);
  bool over_limit() const { return bytes() > limits_.bytes_max; }
  // The oldest bodies that must go when free_receipted() could not help. Nothing: only the open
  // segment is left.
  ledger::Result<std::optional<BodyLoss>> oldest_bodies();
  // Only after the gap record that names them is durable.
  ledger::Result<void> drop_oldest_bodies();

 private:
  Spool(SegmentSet bodies, SegmentSet heads, SpoolLimits limits)
      : bodies_(std::move(bodies)), heads_(std::move(heads)), limits_(limits) {}
  ledger::Result<void> repair_heads();
  std::string mark() const;
  ledger::Result<void> append_mark();
  ledger::Result<void> free_heads();

  SegmentSet bodies_;
  SegmentSet heads_;
  SpoolLimits limits_;
  std::uint64_t next_batch_ = 0;
  std::uint64_t receipted_ = 0;
  std::uint64_t settled_below_ = 0;  // bodies below this that are not held went in good order
  std::string marked_;               // last mark written
};

}  // namespace yunjian::agent
