#include "collector/store/filing_thread.h"

#include <algorithm>

namespace yunjian::collector {
namespace {

using ledger::Result;
using Seconds = std::chrono::duration<double>;

constexpr Seconds idle_wait{0.5};
constexpr Seconds error_wait{60};
constexpr Seconds rest_max{5};

}  // namespace

FilingThread::FilingThread(EvidenceLog& log, Options options)
    : log_(log),
      options_(std::move(options)),
      pace_(log.stats().wal_bytes),
      thread_([this] { run(); }) {}

FilingThread::~FilingThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  log_.stop_filing();
  stopped_.notify_all();
  thread_.join();
}

FilingThread::Status FilingThread::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

bool FilingThread::wait(Seconds time) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, time, [this] { return stopping_; });
}

// Filing comes first: a purge never holds up what is to become searchable fast.
Result<bool> FilingThread::step() {
  const std::uint64_t bytes = log_.stats().wal_bytes;
  auto filed = log_.file_step();
  if (!filed || *filed) return filed;
  pace_.caught_up(bytes);
  if (!options_.retention) return false;
  auto purged = log_.purge_step(options_.retention());
  if (!purged) return failure(purged);
  return purged->has_value();
}

void FilingThread::run() {
  Seconds rest = idle_wait;
  while (wait(rest)) {
    if (pace_.must_wait(log_.stats().wal_bytes)) {
      rest = idle_wait;
      continue;
    }
    const auto begun = std::chrono::steady_clock::now();
    auto done = step();
    const Seconds took = std::chrono::steady_clock::now() - begun;
    const std::lock_guard lock(mutex_);
    status_.error.reset();
    if (!done) {
      status_.error = std::move(done).error();
      rest = error_wait;
    } else if (!*done) {
      rest = idle_wait;
    } else {
      ++status_.steps;
      status_.seconds += took.count();
      rest = std::min(took, rest_max);
    }
  }
}

}  // namespace yunjian::collector
