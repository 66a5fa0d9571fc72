#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace yunjian::auditor {

inline constexpr std::size_t worker_bytes_waiting_max = 16U << 20;

// A thread that carries out tasks in the order in which they were given. give() waits while
// worker_bytes_waiting_max bytes wait; one thread gives. The destructor waits for what waits.
class WorkThread {
 public:
  using Task = std::function<void()>;

  WorkThread();
  ~WorkThread();
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  void give(Task task, std::size_t bytes);
  // Returns when nothing waits and nothing is being done.
  void drain();

 private:
  void run();

  std::mutex mutex_;  // protects all below
  std::condition_variable changed_;
  std::deque<Task> waiting_;
  std::size_t waiting_bytes_ = 0;  // with what is being done
  std::size_t fresh_bytes_ = 0;    // of those, of what waits
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace yunjian::auditor
