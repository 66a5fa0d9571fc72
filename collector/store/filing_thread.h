#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "collector/store/evidence_log.h"
#include "collector/store/filing_pace.h"

namespace yunjian::collector {

// Runs EvidenceLog::file_step() for as long as it lives, at most half of the time, so that ingest
// and searches keep the disk and a core. While the WAL grows fast (agents drain what they held) it
// waits (FilingPace). After an error it waits a minute
// and tries again; the error is kept for whoever asks. Made and destroyed by one thread.
class FilingThread {
 public:
  struct Options {
    std::function<EvidenceLog::Retention()> retention;  // asked before each purge; empty: none
  };
  FilingThread(EvidenceLog& log, Options options);  // the log outlives the thread
  ~FilingThread();  // ends the step that runs in its middle, and all filing of this log
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
  bool wait(std::chrono::duration<double> time);  // false: stop

  EvidenceLog& log_;
  const Options options_;
  mutable std::mutex mutex_;  // protects what follows
  std::condition_variable stopped_;
  bool stopping_ = false;
  Status status_;
  FilingPace pace_;  // the thread's own
  std::thread thread_;
};

}  // namespace yunjian::collector
