#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ledger/archive/part_index.h"
#include "ledger/archive/wal_entry.h"
#include "ledger/checkpoint.h"
#include "ledger/leaves.h"
#include "ledger/list_leaves.h"
#include "ledger/ratchet.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::auditor::testing {

// The suite that tests run on: the default one, or what YUNJIAN_SUITE names.
const ledger::Suite& sample_suite();

// A log made with the ledger alone, as an honest (or, by its knobs, dishonest) collector would
// leave it in its data directory. One thread.
class SampleLog {
 public:
  explicit SampleLog(std::uint64_t seed = 1, const ledger::Suite& suite = sample_suite());

  const ledger::Verifier& verifier() const { return *log_; }
  ledger::testing::MemoryFileSystem& files() { return files_; }

  // Opens a stream; its enrolment becomes the next leaf. Returns its place in `streams`.
  std::size_t enrol(const std::string& unit, const std::string& host);
  // Seals lines and appends them as a batch; hollow leaves the body away. Returns the leaf's index.
  std::size_t seal(std::size_t stream, const std::vector<std::string>& lines, bool hollow = false);
  std::vector<std::string> flags;  // of the next batch only
  std::string random_line(std::size_t bytes);
  std::string gap_line(const std::string& batches);
  std::string checkpoint_line(const std::string& note);  // an agent tells what it was given

  // Opens the agent's next incarnation, endorsed by the key that the last one announced or not.
  std::size_t enrol_again(std::size_t stream, bool endorsed);
  // What root finds in the agent's state: the key of the next batch, and no other.
  std::unique_ptr<ledger::PrivateKey> stolen_key(std::size_t stream) const;
  // The text, signed by the log's key, becomes a leaf. Returns its index.
  std::size_t add_leaf(const std::string& text);
  std::size_t add_note(std::string note);  // signed by whoever signed it
  // One line for each agent, as an honest roster would have it now.
  std::vector<ledger::RosterLine> agents() const;
  std::size_t add_roster(const std::vector<ledger::RosterLine>& lines, bool all = true);
  std::size_t retire(std::size_t stream);    // at its end; returns the leaf's index
  void keep_list(const std::string& lines);  // as a file of lists/
  const std::map<std::string, std::string>& lists() const { return lists_; }
  void advance(std::chrono::microseconds by) { now_ += by; }
  ledger::Time now() const { return now_; }
  std::string checkpoint_note() const;  // over all entries as they are now

  struct Entry {
    ledger::WalType type;
    std::string leaf;  // header or leaf; empty for a fill
    std::string body;
    bool hollow = false;
    std::string stream;       // of a fill
    std::uint64_t batch = 0;  // of a fill
  };
  std::vector<Entry>& entries() { return entries_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const Entry& last() const { return entries_.back(); }

  // Writes wal/, tile/ and checkpoint below /data from the entries as they are now.
  // `signed_leaves`: the checkpoint is over so many leaves (all by default); with `leaves` given
  // the tiles and the checkpoint are those of another history.
  void write(std::size_t frames_per_segment = 1000);
  // The same with the first `filed` entries in a part, as a collector leaves them.
  void write_with_part(std::size_t filed, std::size_t frames_per_segment = 1000);
  ledger::IndexRules rules;  // what the part's fields are derived by; as it is: none
  void write_checkpoint(const std::vector<ledger::Hash>& leaves);
  std::vector<ledger::Hash> leaf_hashes() const;
  std::string stream_id(std::size_t stream) const;
  ledger::SignatureLine log_line(const std::string& text) const;

 private:
  struct Stream {
    std::unique_ptr<ledger::Ratchet> ratchet;
    std::string unit;
    std::string host;
    ledger::Time last{};  // batch or enrolment
  };
  ledger::PartLine part_line(std::string_view line) const;
  std::size_t open_stream(ledger::Enrolment enrolment, const ledger::PrivateKey* endorser);
  std::string checkpoint_over(const std::vector<ledger::Hash>& leaves) const;
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
  std::map<std::string, std::string> lists_;  // name of the file -> lines
  ledger::Time now_;
};

}  // namespace yunjian::auditor::testing
