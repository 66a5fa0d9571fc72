#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "collector/store/evidence_log.h"
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

ledger::WalEntry to_wal(const Entry& entry, ledger::Time received);
TreePublisher::Paths paths_of(const EvidenceLog::Options& options);

struct EvidenceLog::Impl {
  Impl(ledger::FileSystem& files, ledger::Clock& clock, Options options,
       std::unique_ptr<ledger::PrivateKey> key);

  TreePublisher::Signer signer() const;
  AnnouncedKey announced_key() const;

  // open(), in this order.
  ledger::Result<void> recover();
  ledger::Result<Wal::Tail> replay(std::vector<ledger::Hash>& leaves);
  void start();
  void stop();

  // commit(): in the caller's thread.
  ledger::Result<std::unique_ptr<PendingCommit>> prepare(std::vector<Entry> entries);
  ledger::Result<void> give_span(Entry& entry);

  // The writer thread.
  using Group = std::vector<std::unique_ptr<PendingCommit>>;
  void run();
  bool store_is_due() const;
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

  ledger::FileSystem& files;
  ledger::Clock& clock;
  const Options options;
  mutable std::mutex key_mutex;  // protects key
  const std::unique_ptr<ledger::PrivateKey> key;
  const ledger::Verifier verifier;
  mutable Pool<ledger::Hasher> hashers;
  mutable Pool<ledger::BodyDecoder> decoders;
  Recovered recovered;

  // The writer's own.
  std::unique_ptr<Wal> wal;                  // read() by any thread
  std::unique_ptr<TreePublisher> publisher;  // tiles() by any thread
  std::uint64_t leaves_written = 0;
  ledger::Time last_received{};
  std::optional<std::chrono::steady_clock::time_point> unstored_since;

  // Protected by state_mutex; the writer changes them, all read them.
  mutable std::shared_mutex state_mutex;
  EvidenceIndex index;
  Published published;
  Stats stats;

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
