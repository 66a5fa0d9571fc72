#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ledger/archive/wal_entry.h"
#include "ledger/checkpoint.h"
#include "ledger/leaves.h"
#include "ledger/ratchet.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::auditor::testing {

// A log made with the ledger alone, as an honest (or, by its knobs, dishonest) collector would
// leave it in its data directory. One thread.
class SampleLog {
 public:
  explicit SampleLog(std::uint64_t seed = 1, const ledger::Suite& suite = ledger::default_suite());

  const ledger::Verifier& verifier() const { return *log_; }
  ledger::testing::MemoryFileSystem& files() { return files_; }

  // Opens a stream; its enrolment becomes the next leaf. Returns its place in `streams`.
  std::size_t enrol(const std::string& unit, const std::string& host);
  // Seals lines and appends them as a batch; hollow leaves the body away. Returns the leaf's index.
  std::size_t seal(std::size_t stream, const std::vector<std::string>& lines, bool hollow = false);
  std::string random_line(std::size_t bytes);
  std::string gap_line(const std::string& batches);

  struct Entry {
    ledger::WalType type;
    std::string leaf;  // header or leaf; empty for a fill
    std::string body;
    bool hollow = false;
    std::string stream;       // of a fill
    std::uint64_t batch = 0;  // of a fill
  };
  std::vector<Entry>& entries() { return entries_; }
  const Entry& last() const { return entries_.back(); }

  // Writes wal/, tile/ and checkpoint below /data from the entries as they are now.
  // `signed_leaves`: the checkpoint is over so many leaves (all by default); with `leaves` given
  // the tiles and the checkpoint are those of another history.
  void write(std::size_t frames_per_segment = 1000);
  // The same with the first `filed` entries in a part, as a collector leaves them.
  void write_with_part(std::size_t filed, std::size_t frames_per_segment = 1000);
  void write_checkpoint(const std::vector<ledger::Hash>& leaves);
  std::vector<ledger::Hash> leaf_hashes() const;
  std::string stream_id(std::size_t stream) const;
  ledger::SignatureLine log_line(const std::string& text) const;

 private:
  struct Stream {
    std::unique_ptr<ledger::Ratchet> ratchet;
    std::string unit;
    std::string host;
  };
  struct Range {
    std::size_t first_entry = 0;
    std::uint64_t first_segment = 0;
  };
  void write_segments(const Range& from, std::size_t frames_per_segment);
  void write_tree();
  void write_part(std::size_t filed);

  const ledger::Suite* suite_;
  ledger::testing::MemoryFileSystem files_;
  ledger::testing::MemoryFileSystem state_;
  ledger::testing::SeededRandom random_;
  std::unique_ptr<ledger::PrivateKey> key_;
  std::unique_ptr<ledger::Verifier> log_;
  std::vector<Stream> streams_;
  std::vector<Entry> entries_;
};

}  // namespace yunjian::auditor::testing
