#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>

#include "collector/store/evidence_log.h"
#include "collector/store/part_filing.h"
#include "collector/store/pool.h"
#include "collector/store/tree_publisher.h"
#include "collector/store/wal.h"

namespace yunjian::collector {

// One commit() on its way through the writer.
struct PendingCommit {
  std::vector<Entry> entries;
  std::vector<EntryFacts> facts;  // of the entries, in order
  std::size_t bytes = 0;
  Committed committed;
  std::vector<WalPlace> places;
  std::promise<ledger::Result<Committed>> done;
};

// The file of the streams beside the manifest: how everything stood behind the last filed segment.
struct FiledStreams {
  std::string state;  // EvidenceIndex::encode_state
  std::vector<ledger::Hash> peaks;
  ledger::Time last_received{};
};
std::string streams_path(const std::string& data, std::uint64_t number);
ledger::Result<FiledStreams> read_streams(ledger::FileSystem& files, const std::string& data,
                                          const ledger::PartManifest& manifest);

ledger::WalEntry to_wal(const Entry& entry, ledger::Time received);
TreePublisher::Paths paths_of(const EvidenceLog::Options& options);

struct EvidenceLog::Impl {
  Impl(ledger::FileSystem& files, ledger::Clock& clock, Options options,
       std::unique_ptr<ledger::PrivateKey> key);

  TreePublisher::Signer signer() const;
  KnownStreams known_streams() const;  // by any thread

  // open(), in this order.
  ledger::Result<void> recover();
  ledger::Result<void> load_filed(TreePublisher::Leaves& leaves);
  ledger::Result<ledger::Hash> hash_of_lost(std::uint64_t leaf) const;
  ledger::Result<Wal::Tail> replay(TreePublisher::Leaves& leaves);
  ledger::Result<void> remove_leftovers();
  void start();
  void stop();

  // commit(): in the caller's thread.
  ledger::Result<std::unique_ptr<PendingCommit>> prepare(std::vector<Entry> entries);
  ledger::Result<void> give_span(Entry& entry);

  // The writer thread.
  using Group = std::vector<std::unique_ptr<PendingCommit>>;
  void run();
  bool store_is_due() const;
  std::optional<std::chrono::steady_clock::time_point> wake_time() const;
  bool rotation_is_due() const;
  void rotate_when_due();
  void note_closed_segment();
  bool is_stopping();
  void store();
  Group gather();
  void process(Group& group);
  std::optional<ledger::Error> failure_so_far();
  void refuse_misfits(Group& group);
  ledger::Result<void> write(Group& group);
  ledger::Result<std::optional<Published>> sign(Group& group);
  void make_visible(Group& group, const std::optional<Published>& next);
  void give_up(Group& group, const ledger::Error& error);

  // Filing: evidence_filing.cc.
  FilingTools filing_tools() const;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> segment_to_file() const;
  ledger::Result<void> file(std::uint64_t segment, std::uint64_t leaf_end);
  ledger::Result<void> follow(std::uint64_t segment);  // filed_index and filed_tree, through it
  std::vector<PartPtr> parts_to_merge() const;
  ledger::Result<void> merge(const std::vector<PartPtr>& parts);
  ledger::Result<void> replace(const std::vector<PartPtr>& old, PartsToMerge how);
  std::vector<PartPtr> parts_to_purge(const Retention& retention) const;
  ledger::Result<void> switch_to(const ledger::PartManifest& next,
                                 std::shared_ptr<const PartSet> set);
  ledger::Result<void> write_streams(std::uint64_t number) const;
  // Removes files that nothing names any more: now, or when the copy that is being made is done.
  ledger::Result<void> let_go(std::vector<std::string> paths);
  ledger::Result<void> remove_released();
  std::shared_ptr<const PartSet> part_set() const;
  BatchRow row_of(const PartSet::Batch& batch) const;
  std::string_view intern(const std::string& text) const;
  bool describe(const PartSet& set, BatchRow& row) const;
  struct Place {
    BatchRow row;
    std::string body;                     // zstd, when the WAL holds it
    std::optional<PartSet::Batch> filed;  // else
  };
  ledger::Result<Place> find(std::string_view stream, std::uint64_t number) const;
  ledger::Result<std::string> leaf_bytes(std::uint64_t number) const;
  ledger::Result<std::string> prove(std::uint64_t leaf, const Published& under) const;

  ledger::FileSystem& files;
  ledger::Clock& clock;
  const Options options;
  mutable std::mutex key_mutex;  // protects key
  const std::unique_ptr<ledger::PrivateKey> key;
  const ledger::Verifier verifier;
  mutable Pool<ledger::Hasher> hashers;
  mutable Pool<ledger::BodyDecoder> decoders;
  Recovered recovered;
  std::vector<Loss> losses;

  // The writer's own.
  std::unique_ptr<Wal> wal;                  // read() by any thread
  std::unique_ptr<TreePublisher> publisher;  // tiles() by any thread
  std::uint64_t leaves_written = 0;
  ledger::Time last_received{};
  std::optional<std::chrono::steady_clock::time_point> unstored_since;
  std::chrono::steady_clock::time_point last_group{};

  // Protected by state_mutex; the writer changes them, all read them.
  mutable std::shared_mutex state_mutex;
  EvidenceIndex index;
  Published published;
  Stats stats;
  const std::shared_ptr<ledger::PartCache> part_cache = std::make_shared<ledger::PartCache>();
  std::shared_ptr<const PartSet> parts = std::make_shared<PartSet>();
  // Closed segments that are not filed, and the leaves through them.
  std::deque<std::pair<std::uint64_t, std::uint64_t>> closed_segments;
  std::uint64_t stored_leaves = 0;  // tiles over them are durable
  std::uint64_t open_segment = 0;
  std::uint64_t first_segment = 0;  // that is not filed

  WalPlace wal_end;  // behind what is committed; also protected by state_mutex

  // Held shared by whoever reads places of the WAL, exclusively while they move into parts. Taken
  // before state_mutex.
  mutable std::shared_mutex filing_mutex;
  ledger::PartManifest manifest;  // changed by the filing thread, under filing_mutex

  struct Hold {
    std::optional<std::chrono::milliseconds> until;  // by the clock of the boot
    std::vector<std::string> waiting;                // files to remove
  };
  std::mutex hold_mutex;
  Hold hold;  // protected by hold_mutex
  std::atomic<bool> filing_stopped = false;

  // The filing thread's own: everything as it was behind the last filed segment.
  std::uint64_t next_part = 0;  // numbers are never used twice, also after an error
  std::unique_ptr<EvidenceIndex> filed_index = std::make_unique<EvidenceIndex>();
  std::vector<ledger::Hash> filed_peaks;
  ledger::Time filed_received{};
  std::optional<std::uint64_t> followed_segment;
  mutable std::mutex names_mutex;  // protects names
  mutable std::set<std::string, std::less<>> names;

  // Protected by queue_mutex.
  std::mutex queue_mutex;
  std::condition_variable queue_filled;
  std::deque<std::unique_ptr<PendingCommit>> queue;
  std::size_t queue_bytes = 0;
  bool stopping = false;
  std::optional<ledger::Error> failed;  // after that every commit is refused

  std::thread writer;
};

}  // namespace yunjian::collector
