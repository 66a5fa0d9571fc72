#include "auditor/stream_workers.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace yunjian::auditor {

struct StreamWorkers::Worker {
  explicit Worker(StreamTable& of) : table(of), thread([this] { run(); }) {}
  ~Worker() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    thread.join();
  }

  static std::size_t bytes_of(const StreamTask& task) {
    return sizeof task + task.bytes.size() + (task.body ? task.body->size() : 0);
  }
  void give(StreamTask task) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return waiting_bytes < worker_bytes_waiting_max; });
    waiting_bytes += bytes_of(task);
    const bool first = waiting.empty();
    waiting.push_back(std::move(task));
    lock.unlock();
    if (first) changed.notify_all();
  }
  void drain() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return waiting.empty() && !busy; });
  }
  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return stopping || !waiting.empty(); });
      if (waiting.empty()) return;
      std::deque<StreamTask> tasks;
      tasks.swap(waiting);
      std::size_t bytes = 0;
      for (const StreamTask& task : tasks) bytes += bytes_of(task);
      busy = true;
      lock.unlock();
      for (const StreamTask& task : tasks) table.take(task);
      tasks.clear();
      lock.lock();
      busy = false;
      waiting_bytes -= bytes;
      changed.notify_all();
    }
  }

  StreamTable& table;
  std::mutex mutex;  // protects all below
  std::condition_variable changed;
  std::deque<StreamTask> waiting;
  std::size_t waiting_bytes = 0;
  bool busy = false;
  bool stopping = false;
  std::thread thread;
};

StreamWorkers::StreamWorkers(const ledger::Verifier& log, unsigned threads) {
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) {
    tables_.push_back(std::make_unique<StreamTable>(log));
    if (threads > 0) workers_.push_back(std::make_unique<Worker>(*tables_.back()));
  }
}

StreamWorkers::~StreamWorkers() = default;

// Agent ids are random: their digits spread well.
std::size_t StreamWorkers::place_of(std::string_view agent) const {
  std::size_t sum = 0;
  for (const char c : agent) sum = sum * 31 + static_cast<unsigned char>(c);
  return sum % tables_.size();
}

StreamTable& StreamWorkers::table_of(std::string_view agent) { return *tables_[place_of(agent)]; }

void StreamWorkers::succeed(const ledger::Verifier& dead, const DeadLog* known) {
  drain();
  for (const auto& table : tables_) table->succeed(dead, known);
}

void StreamWorkers::give(std::string_view agent, StreamTask task) {
  const std::size_t place = place_of(agent);
  if (workers_.empty()) return tables_[place]->take(task);
  workers_[place]->give(std::move(task));
}

void StreamWorkers::drain() {
  for (const auto& worker : workers_) worker->drain();
}

}  // namespace yunjian::auditor
