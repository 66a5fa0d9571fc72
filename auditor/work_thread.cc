#include "auditor/work_thread.h"

#include <utility>

namespace yunjian::auditor {

WorkThread::WorkThread() : thread_([this] { run(); }) {}

WorkThread::~WorkThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void WorkThread::give(Task task, std::size_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_bytes_ < worker_bytes_waiting_max; });
  waiting_bytes_ += bytes;
  fresh_bytes_ += bytes;
  const bool first = waiting_.empty();
  waiting_.push_back(std::move(task));
  lock.unlock();
  if (first) changed_.notify_all();
}

void WorkThread::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !busy_; });
}

void WorkThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::deque<Task> tasks;
    tasks.swap(waiting_);
    const std::size_t bytes = std::exchange(fresh_bytes_, 0);
    busy_ = true;
    lock.unlock();
    for (Task& task : tasks) {
      task();
      task = nullptr;  // its bytes are not needed any more
    }
    tasks.clear();
    lock.lock();
    busy_ = false;
    waiting_bytes_ -= bytes;
    changed_.notify_all();
  }
}

}  // namespace yunjian::auditor
