#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/deriver.h"
#include "collector/store/entry.h"
#include "collector/store/evidence_index.h"
#include "collector/store/losses.h"
#include "collector/store/part_set.h"
#include "ledger/archive/tiles.h"
#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"
#include "ledger/batch.h"
#include "ledger/note.h"
#include "ledger/ratchet.h"

namespace yunjian::collector {

inline constexpr std::size_t commits_waiting_max = 4096;  // more: commit() answers retry
inline constexpr std::chrono::days retention_min{366};
inline constexpr std::chrono::hours hold_max{24};
inline constexpr std::size_t commit_bytes_waiting_max = 256U << 20;  // the same

// The collector's evidence: WAL, Merkle log, checkpoint, anchor. The WAL fsync is the commit; WAL
// order defines the leaves.
//
// Life of an entry:
//   1. commit() examines it in the caller's thread and queues it.
//   2. The writer thread takes all that waits (what arrived while the last group was written), lets
//      in what continues its stream, appends it to the WAL, one fsync.            [durable: COMMIT]
//   3. Leaves go into the tiles, the checkpoint is signed, the anchor fsynced.     [may be shown]
//   4. Index and newest checkpoint change together; commit() returns.              [visible]
//   5. A little later, and when the log is closed, tiles and checkpoint are written to their files.
// A crash after 2 keeps the entry though nobody was told; a crash before it may lose it.
// A failed write or fsync is fatal: on_fatal is called once, every commit is refused from then on,
// the process must end and recover from what is on disk. Reads go on.
// commit() and all reads: any thread.
class EvidenceLog {
 public:
  struct Options {
    std::string directory;    // of the data: wal/, tile/, checkpoint
    std::string anchor_path;  // outside it
    std::string origin;
    const ledger::Suite* suite = nullptr;
    std::uint64_t segment_bytes_max = 16U << 20;  // at most wal_segment_bytes_max
    // A segment of at least this size is closed, so that it can be filed, when nothing came for
    // `idle_delay`. One of any size is closed by the first commit of another UTC day.
    std::uint64_t idle_segment_bytes = 1U << 20;
    std::chrono::milliseconds idle_delay{2000};
    const Deriver* deriver = nullptr;                    // outlives the log
    std::chrono::milliseconds store_delay{250};          // how much older tiles and checkpoint file
                                                         // may be than what was published
    std::function<void(const ledger::Error&)> on_fatal;  // from the writer thread
  };
  // `key` signs checkpoints. Fatal: the anchor is missing, not by this key, or names a tree that
  // the WAL does not continue. Corrupt: WAL, tiles or checkpoint are damaged; the text says where.
  // A torn tail of the last segment behind everything signed is cut: see recovered().
  static ledger::Result<std::unique_ptr<EvidenceLog>> open(ledger::FileSystem& files,
                                                           ledger::Clock& clock, Options options,
                                                           std::unique_ptr<ledger::PrivateKey> key);
  struct NewLog {
    const ledger::PrivateKey& key;
    std::string_view leaf0;  // enrols the collector's own stream
  };
  // Makes an empty log: directories, first WAL segment, leaf 0, anchor, checkpoint. Reject: there
  // is one already (WAL, checkpoint or anchor).
  static ledger::Result<void> create(ledger::FileSystem& files, ledger::Clock& clock,
                                     const Options& options, const NewLog& log);
  ~EvidenceLog();  // stops the writer after what is queued
  EvidenceLog(const EvidenceLog&) = delete;
  EvidenceLog& operator=(const EvidenceLog&) = delete;

  // All or nothing, and all in one checkpoint; durable and visible on return. Reject: an entry is
  // malformed or does not continue its stream. Retry: too much waits. Fatal: see above.
  ledger::Result<Committed> commit(std::vector<Entry> entries);

  const ledger::Suite& suite() const;
  const ledger::Verifier& verifier() const;
  // The log key's signature on the text of a leaf; reject: the first line is not yunjian/<name>/v1,
  // so that nobody gets a checkpoint signed this way.
  ledger::Result<ledger::SignatureLine> sign(std::string_view leaf_text) const;
  std::string checkpoint() const;                                 // newest published note
  std::uint64_t size() const;                                     // leaves of its tree
  ledger::Result<std::string> receipt(std::uint64_t leaf) const;  // tlog-proof, newest checkpoint
  // The same for several leaves, all in one checkpoint.
  ledger::Result<std::vector<std::string>> receipts(std::span<const std::uint64_t> leaves) const;
  // The same under an earlier checkpoint of this log, given as its note. Reject: it does not cover
  // the leaf.
  ledger::Result<std::string> receipt_under(std::string_view note, std::uint64_t leaf) const;
  // Root of the first `size` leaves, and the proof that the tree of `from` leaves is the beginning
  // of that of `to`; both of the published tree. Reject: it is smaller.
  ledger::Result<ledger::Hash> root(std::uint64_t size) const;
  ledger::Result<std::vector<ledger::Hash>> consistency(std::uint64_t from, std::uint64_t to) const;
  // Leaf and bundle are read from the WAL and compared with the tree. Corrupt: they differ.
  ledger::Result<std::string> leaf(std::uint64_t index) const;
  ledger::Result<ledger::Hash> leaf_hash(std::uint64_t index) const;
  ledger::Result<std::string> tile(const ledger::TileId& id) const;  // hash tile or entry bundle

  std::optional<StreamState> stream(std::string_view id) const;
  std::vector<StreamInfo> streams() const;  // sorted by id
  std::string own_stream() const;           // of the collector
  // The dead log that this one goes on for, if any.
  std::optional<ledger::Verifier> predecessor() const;
  bool has_fork(std::string_view stream, const ledger::Hash& refused_header) const;

  struct StoredBatch {
    ledger::Frame frame;
    ledger::Time received{};
    std::uint64_t leaf = 0;
    std::string unit;
    std::string host;
    bool hollow = false;  // no body is here
  };
  // A body that is filed is made anew from its lines: the same lines, not always the same zstd
  // bytes.
  ledger::Result<StoredBatch> batch(std::string_view stream, std::uint64_t number) const;
  // Its lines, joined by LF. Reject: no such batch, or hollow.
  ledger::Result<std::string> lines(std::string_view stream, std::uint64_t number) const;
  ledger::Result<std::optional<BatchRow>> batch_row(std::string_view stream,
                                                    std::uint64_t number) const;
  ledger::Result<std::optional<BatchRow>> row_of_record(std::string_view stream,
                                                        std::uint64_t record) const;

  // Lines that the own stream must seal, in order, at most `limit`; the first one's record number
  // is the stream's next_record.
  std::vector<std::string> unsealed_own_records(std::size_t limit = ~std::size_t{0}) const;
  std::size_t unsealed_own_count() const;

  // All that is there at one moment: every batch either in a part or among the rows, those of the
  // WAL in commit order, also late bodies of filed batches. It stays readable as long as it is
  // held, whatever is filed meanwhile.
  struct View {
    std::shared_ptr<const PartSet> parts;
    std::vector<BatchRow> rows;  // that `wanted` let in
    WalPin pin;
  };
  ledger::Result<View> view(const std::function<bool(const BatchRow&)>& wanted) const;
  // zstd body of a row of the view; empty when it is hollow or has no records.
  ledger::Result<std::string> body(const View& view, const BatchRow& row) const;

  // Does one piece of the work behind the commits: files a closed segment of the WAL into parts,
  // or joins parts. False: there is none now. One thread. What it does is durable before what it
  // replaces goes; after an error the next call tries again. Corrupt: bytes of the WAL or of a part
  // are damaged; nothing was removed.
  ledger::Result<bool> file_step();

  // All that a copy of the evidence needs, as it was at one moment: the parts that `manifest`
  // names, the file of the streams, closed segments of the WAL and the first bytes of the last one.
  // These files stay where they are until release_files(), for hold_max at most; one hold at a
  // time, a new one takes the place of the old. Tiles are not in it: they are never replaced, and
  // what they lack is made anew from the rest.
  struct Capture {
    std::string manifest;                  // content of parts/manifest; empty: nothing is filed
    std::vector<std::string> files;        // paths in the directory, immutable
    std::string last_segment;              // path in the directory
    std::uint64_t last_segment_bytes = 0;  // of it
    std::uint64_t leaves = 0;
  };
  ledger::Result<Capture> hold_files();
  bool release_files();  // false: the time was over, files may be gone

  // Ends a file_step() or purge_step() that runs on another thread, and all later ones: retry. What
  // it had not finished is begun anew after the next open().
  void stop_filing();

  struct Purged {
    std::string day;  // yyyy-mm-dd
    std::uint64_t batches = 0;
    std::uint64_t leaf = no_leaf;  // when it names any batch
  };
  // Retention. Whole days of commit, the oldest first; headers, other leaves and tiles stay, so
  // that every proof of what remains stays good.
  struct Retention {
    std::chrono::days keep{0};  // after the day is over; 0: for ever; else at least retention_min
    // Whether a legal hold keeps the bodies of that host on that day (since 1970).
    std::function<bool(const std::string& unit, const std::string& host, std::uint64_t day)> held;
    // Not 0; another one when holds changed, so that days are looked at again.
    std::uint64_t mark = 1;
    // With witnesses: the newest checkpoint that enough of them cosigned, and when. A day goes only
    // when that is as long after the day as records are kept, and covers all its leaves.
    struct Witnessed {
      std::uint64_t size = 0;
      ledger::Time at{};
    };
    std::optional<Witnessed> witnessed;
    // The collector's record of a purge (`leaf` is not known yet), committed with the leaf: a stop
    // leaves both or none, or at worst the record, whose purge is then still due. Empty: none.
    std::function<std::string(const Purged&)> act;
  };
  // Lets the bodies of one day go, when one is due: act, purge leaf and list are durable first.
  // Nothing: none is due. On the thread of file_step(). Reject: `keep` is less than retention_min.
  ledger::Result<std::optional<Purged>> purge_step(const Retention& retention);

  struct Stats {
    std::uint64_t commits = 0;  // groups
    std::uint64_t entries = 0;
    double sync_seconds = 0;     // WAL fsyncs
    double publish_seconds = 0;  // tiles, signature, anchor
    ledger::Time last_commit{};
    std::uint64_t wal_bytes = 0;
    std::uint64_t rows = 0;  // of the WAL
    std::uint64_t leaves = 0;
    std::uint64_t parts = 0;
    std::uint64_t part_bytes = 0;
    std::uint64_t segments_to_file = 0;  // closed, not filed yet
    std::uint64_t stored_leaves = 0;     // tiles over them are durable
    bool failed = false;
  };
  Stats stats() const;

  // What open() had to do: to be logged by the top level.
  struct Recovered {
    std::uint64_t leaves_adopted = 0;  // durable before the crash, signed only now
    std::uint64_t cut_bytes = 0;       // torn tail of the last segment
    std::uint64_t cut_segment = 0;
    std::uint64_t cut_offset = 0;
    bool set_aside = false;  // whole frames lay in the tail: it was kept as <segment>.cut
  };
  const Recovered& recovered() const;
  const std::vector<Loss>& losses() const;  // that damage took, as they were when it was opened

 private:
  struct Impl;
  explicit EvidenceLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::collector
