#pragma once

#include <chrono>
#include <span>

#include "ledger/base/result.h"

namespace yunjian::agent {

// Wakes the loop thread: by SIGTERM, SIGINT or SIGHUP, by another thread, or by one of the given
// descriptors.
class Wake {
 public:
  // Blocks the signals in this thread and those it starts: create it before any other thread.
  static ledger::Result<Wake> open();
  Wake(Wake&& other) noexcept;
  Wake& operator=(Wake&&) = delete;
  ~Wake();

  struct Reason {
    bool stop = false;    // SIGTERM or SIGINT came
    bool reload = false;  // SIGHUP came
    bool news = false;    // notify() was called
    bool source = false;  // one of the descriptors is readable
  };
  // Until something happens, at most `limit`.
  Reason wait(std::span<const int> descriptors, std::chrono::milliseconds limit);
  void notify() const;  // any thread

 private:
  Wake(int signals, int news) : signals_(signals), news_(news) {}
  int signals_;
  int news_;
};

}  // namespace yunjian::agent
