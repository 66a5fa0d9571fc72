#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool/segment_set.h"

namespace yunjian::agent {

struct SpoolLimits {
  // Segments of a small spool are small: what goes at once is at most a sixteenth of it.
  static SpoolLimits within(std::uint64_t bytes_max);

  std::uint64_t bytes_max = 1ULL << 30;         // of all segments and the reserve
  std::uint64_t reserve_bytes = 256U << 10;     // kept free for the gap records of lost bodies
  std::uint64_t body_segment_bytes = 8U << 20;  // what one drop of bodies costs at most
  std::uint64_t header_segment_bytes = 1U << 20;
  std::chrono::hours keep_receipted{24};  // so that a collector that lost its disk can ask again
  std::chrono::hours keep_unreceipted{};  // bodies without a receipt go after this; 0 = never
  bool witnessed_only = false;            // a receipt frees a body only when it is witnessed
};

// Why the oldest bodies must go.
enum class BodyLimit { none, size, age };

// A run of bodies that is lost or must go, as the gap record states it.
struct BodyLoss {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // encoded
  ledger::Time from{};      // sealed times of first and last
  ledger::Time to{};
  // Bodies that go with them: receipted, but no witness stands behind them. Half-open; the run
  // above is empty (first > last) when there are only these.
  std::uint64_t unwitnessed_from = 0;
  std::uint64_t unwitnessed_to = 0;
};

// Sealed batches of one stream until the collector has them, and a while longer.
//
// Life of a batch: append() (durable: body frame, then a second copy of the header in another file)
// -> read() by the shipper as often as needed -> mark_receipted() -> its segment goes when space is
// needed or after a day. A body that must go earlier is named by a gap record first; the header
// stays and is read hollow.
//
// Directory: reserve; body/*.seg and head/*.seg, both segments of ledger/archive; grammar in
// README.md. One thread (the loop). Memory does not depend on how much is held.
class Spool {
 public:
  static ledger::Result<Spool> open(ledger::FileSystem& files, const std::string& directory,
                                    SpoolLimits limits);

  bool empty() const { return heads_.empty(); }
  std::uint64_t next_batch() const { return next_batch_; }  // one behind the last held
  std::uint64_t first_batch() const;                        // oldest header held
  std::uint64_t receipted() const { return receipted_; }    // all below this have a receipt
  std::uint64_t witnessed() const { return witnessed_; }    // all below stand behind witnesses
  std::uint64_t bytes() const { return bodies_.bytes() + heads_.bytes() + reserved_; }
  std::uint64_t damaged_places() const;  // met while opening

  // The header note of `batch` from either copy.
  ledger::Result<std::optional<std::string>> header(std::uint64_t batch);

  // A run of batches, durable on return: all bodies, one sync, then all second copies, one sync.
  // Batches come in order; a spool that was emptied begins with any number. Full: no room on the
  // disk; nothing of the run is held, the same run may be tried again.
  ledger::Result<void> append(std::span<const SpoolEntry> run);
  ledger::Result<void> append(const SpoolEntry& entry) { return append({&entry, 1}); }

  // For a start between the steps of a seal: header notes of what is whole of the run
  // [`from`, `from` + `batches`), as far as it is whole from its beginning. Durable on return, in
  // files that are new: what an earlier process wrote, perhaps with a sync that failed, is not
  // trusted. Whatever else is held from `from` on is passed over.
  ledger::Result<std::vector<std::string>> settle(std::uint64_t from, std::size_t batches);

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
  // Witnesses stand behind all below `below`. Asked for anew in every run.
  void mark_witnessed(std::uint64_t below) {
    witnessed_ = std::max(witnessed_, std::min(below, receipted_));
  }
  // Writes the mark now: spares a resend when the agent stops in good order.
  ledger::Result<void> save_mark();

  // Removes what is receipted (witnessed, where that is wanted) and either older than the limit or
  // in the way of it; with `in_need` all that is.
  ledger::Result<void> free_receipted(ledger::Time now, bool in_need = false);
  bool over_limit() const { return bytes() > limits_.bytes_max; }
  BodyLimit limit_passed(ledger::Time now) const;
  // The oldest bodies that must go when free_receipted() could not help. Nothing: only the open
  // segment is left.
  ledger::Result<std::optional<BodyLoss>> oldest_bodies();
  // Only after the gap record that names them is durable.
  ledger::Result<void> drop_oldest_bodies();

  // A file that takes room which only release_reserve() gives back: a gap record can be sealed on a
  // full disk. Well when there is no room for the reserve itself; it is tried again.
  ledger::Result<void> keep_reserve();
  ledger::Result<void> release_reserve();

 private:
  struct Reserve {
    ledger::FileSystem* files;
    std::string path;
  };
  Spool(SegmentSet bodies, SegmentSet heads, SpoolLimits limits, Reserve reserve)
      : bodies_(std::move(bodies)),
        heads_(std::move(heads)),
        limits_(limits),
        reserve_(std::move(reserve)) {}
  ledger::Result<void> repair_heads();
  ledger::Result<void> append_copies(std::span<const SpoolEntry> run);
  ledger::Result<void> take_back(std::uint64_t batch);
  std::size_t segments_that_may_go(ledger::Time now, bool in_need) const;
  ledger::Result<void> keep_mark();
  std::uint64_t free_below() const;
  std::string mark() const;
  ledger::Result<void> append_mark();
  ledger::Result<void> free_heads();

  SegmentSet bodies_;
  SegmentSet heads_;
  SpoolLimits limits_;
  std::uint64_t next_batch_ = 0;
  std::uint64_t receipted_ = 0;
  std::uint64_t witnessed_ = 0;
  std::uint64_t settled_below_ = 0;  // bodies below this that are not held went in good order
  std::string marked_;               // last mark written
  Reserve reserve_;
  std::uint64_t reserved_ = 0;  // bytes of the reserve that is there
};

}  // namespace yunjian::agent
