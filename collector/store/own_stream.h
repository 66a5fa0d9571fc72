#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collector/store/evidence_log.h"
#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"
#include "ledger/base/random.h"
#include "ledger/ratchet.h"

namespace yunjian::collector {

inline constexpr std::size_t own_records_waiting_max = 64;  // more are sealed at once
inline constexpr std::chrono::seconds own_seal_interval{60};

// The collector's own stream: what it did, as records that it cannot take back.
//
// Life of an act: record() puts its line into the WAL [durable: the act may be done] -> step()
// seals the lines that wait into a batch, signed by the stream's ratchet, and commits it like any
// other. Between the ratchet's prepare() and commit() the WAL plays the spool: after a crash open()
// asks the log whether the batch is there, adopts it or lets the next seal be made with the same
// keys. record(): any thread. step() and stop(): any thread, one seal at a time.
class OwnStream {
 public:
  struct Tools {  // must outlive the stream
    ledger::FileSystem& files;
    ledger::Clock& clock;
    ledger::Random& random;
  };
  struct Options {
    std::string state_path;  // of the ratchet
    std::string boot_id;
  };
  // Fatal: the ratchet's state and the log do not fit (one of them is an older copy).
  static ledger::Result<std::unique_ptr<OwnStream>> open(EvidenceLog& log, const Tools& tools,
                                                         const Options& options);

  // Durable on return; reject: not one line of at most 64 KiB.
  ledger::Result<void> record(std::string line);
  // The same for several, all or none.
  ledger::Result<void> record_all(std::vector<std::string> lines);
  // Seals when own_records_waiting_max lines wait, or the oldest waits for own_seal_interval; call
  // it about once a second. Fatal errors end the process.
  ledger::Result<void> step(ledger::Time now);
  // Seals everything that waits.
  ledger::Result<void> stop();
  // Runs `work` while the ratchet stands where the log stands, nothing half sealed; what waited is
  // sealed before.
  ledger::Result<void> pause(const std::function<ledger::Result<void>()>& work);

 private:
  OwnStream(EvidenceLog& log, const Tools& tools, const Options& options, ledger::Ratchet ratchet);

  ledger::Result<void> recover();
  ledger::Result<void> seal_all();
  ledger::Result<BatchEntry> prepare_batch();
  ledger::Result<void> commit_prepared();

  EvidenceLog& log_;
  const Tools tools_;
  const std::string boot_id_;
  const std::unique_ptr<ledger::Hasher> hasher_;

  std::mutex mutex_;  // protects all below
  ledger::Ratchet ratchet_;
  ledger::BatchBody body_;
  ledger::BodyEncoder encoder_;
  std::string start_flag_;              // goes into the first header after a start
  std::optional<BatchEntry> prepared_;  // signed, its commit was put off
  std::optional<ledger::Time> waiting_since_;
};

}  // namespace yunjian::collector
