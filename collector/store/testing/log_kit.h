#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/evidence_log.h"
#include "ledger/batch.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::collector::testing {

inline constexpr std::string_view test_origin = "log.test/yunjian";
inline constexpr ledger::Time test_start{std::chrono::microseconds(1'790'000'000'000'000)};

std::unique_ptr<ledger::PrivateKey> log_key();  // always the same

// An agent that seals batches with a ratchet in memory: what its host would ship.
class TestAgent {
 public:
  TestAgent(std::string id, std::uint64_t incarnation, std::uint64_t seed);

  const std::string& id() const { return id_; }
  std::string stream() const { return ledger::stream_id(id_, incarnation_); }
  std::uint64_t next_batch() const { return header_.batch; }

  // The enrolment leaf; its hash becomes the `previous` of batch 0.
  std::string enrol(std::string_view unit, std::string_view host);
  std::unique_ptr<ledger::PrivateKey> first_key() const { return key_number(0); }
  std::unique_ptr<ledger::PrivateKey> announced_key() const { return key_number(header_.batch); }
  // The next enrolment of the same agent, endorsed by the key this one announced.
  TestAgent next_incarnation(std::uint64_t seed) const;

  void set_sealed(ledger::Time time) { header_.sealed = time; }  // of what is sealed from now on
  // Seals lines into the next batch and moves on.
  ledger::Frame seal(const std::vector<std::string>& lines);
  // What it would seal now, without moving on.
  ledger::Frame seal_here(const std::vector<std::string>& lines) const;
  // The same with a changed header, signed by the right key.
  using Change = std::function<void(ledger::BatchHeader&)>;
  ledger::Frame seal_changed(const std::vector<std::string>& lines, const Change& change) const;

 private:
  ledger::Frame sign(const ledger::BatchHeader& header,
                     const std::vector<std::string>& lines) const;
  std::unique_ptr<ledger::PrivateKey> key_number(std::uint64_t batch) const;

  std::string id_;
  std::uint64_t incarnation_;
  std::uint64_t seed_;
  ledger::BatchHeader header_;          // of the next batch
  std::optional<ledger::Hash> before_;  // last header of the previous incarnation
  std::uint64_t endorser_seed_ = 0;     // whose key of that number endorses
  std::uint64_t endorser_batch_ = 0;
};

// Canonical record lines: `count` of them, a second apart from `from`.
std::vector<std::string> event_lines(ledger::Time from, std::size_t count,
                                     std::string_view word = "hello");

// A log in a MemoryFileSystem.
class TestLog {
 public:
  explicit TestLog(std::uint64_t segment_bytes_max = 1U << 20);

  ledger::Result<void> create();
  ledger::Result<void> open();
  void close() { log.reset(); }

  EvidenceLog& operator*() { return *log; }
  EvidenceLog* operator->() { return log.get(); }
  EvidenceLog::Options options();
  // Commits an enrolment leaf.
  ledger::Result<void> enrol(TestAgent& agent, std::string_view unit, std::string_view host);

  ledger::testing::MemoryFileSystem files;
  ledger::testing::ManualClock clock{test_start};
  TestAgent own{std::string(32, '0'), 1, 1000};  // the collector's own stream
  std::atomic<int> fatal{0};                     // calls of on_fatal
  std::unique_ptr<EvidenceLog> log;

 private:
  std::uint64_t segment_bytes_max_;
};

BatchEntry batch_entry(const ledger::Frame& frame, std::string unit, std::string host);
// One entry as a list; entries cannot be copied into an initializer_list without cost.
template <typename T>
std::vector<Entry> only(T entry) {
  std::vector<Entry> entries;
  entries.emplace_back(std::move(entry));
  return entries;
}

}  // namespace yunjian::collector::testing
