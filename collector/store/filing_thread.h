#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "collector/store/evidence_log.h"

namespace yunjian::collector {

// Runs EvidenceLog::file_step() for as long as it lives, at most half of the time, so that ingest
// and searches keep the disk and a core. While the WAL grows fast (agents drain what they held) it
// waits, until `backlog_bytes_max` have come since all was filed. After an error it waits a minute
// and tries again; the error is kept for whoever asks. Made and destroyed by one thread.
class FilingThread {
 public:
  struct Options {
    EvidenceLog::Retention retention;
    // After a purge, from the thread: to be recorded as an act.
    std::function<void(const EvidenceLog::Purged&)> purged;
  };
  FilingThread(EvidenceLog& log, Options options);  // the log outlives the thread
  ~FilingThread();                                  // waits for the step that runs
  FilingThread(const FilingThread&) = delete;
  FilingThread& operator=(const FilingThread&) = delete;

  struct Status {
    std::uint64_t steps = 0;
    double seconds = 0;                  // spent in them
    std::optional<ledger::Error> error;  // of the last step
  };
  Status status() const;  // any thread

 private:
  void run();
  ledger::Result<bool> step();
  bool is_busy();  // the WAL grew fast since the last look, and not too much waits
  bool wait(std::chrono::duration<double> time);  // false: stop

  EvidenceLog& log_;
  const Options options_;
  mutable std::mutex mutex_;  // protects what follows
  std::condition_variable stopped_;
  bool stopping_ = false;
  Status status_;
  std::uint64_t seen_bytes_ = 0;   // of the WAL at the last look; the thread's own
  std::uint64_t filed_bytes_ = 0;  // of the WAL when nothing was left to file; the thread's own
  std::thread thread_;
};

}  // namespace yunjian::collector
