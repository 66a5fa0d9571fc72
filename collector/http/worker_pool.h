#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace yunjian::collector {

// A fixed number of threads that run what may block, behind a queue with a limit. Tasks must not
// throw. The destructor runs what is queued and waits for it. Any thread may submit.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t queued_max);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when the queue is full: tell the client to come back.
  bool try_submit(std::function<void()> task);

 private:
  void run();

  const std::size_t queued_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace yunjian::collector
