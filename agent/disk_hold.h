#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/seal_policy.h"

namespace yunjian::agent {

// What a full disk does to the agent: nothing is sealed, sources keep their place, shipping goes
// on, and sealing is tried again after 1, 2, 4, 8, then every 10 s. Passive; times are passed in.
class DiskHold {
 public:
  bool active() const { return since_.has_value(); }
  const std::string& reason() const { return reason_; }  // empty when not active
  ledger::Time since() const { return *since_; }         // only while active()
  bool may_try(std::chrono::milliseconds boot) const { return !active() || boot >= retry_at_; }

  // An attempt failed for want of room. True: the hold begins with it.
  bool failed(const std::string& why, Moment now);
  void end();

  // Lines of the agent's own that the hold had no place for.
  struct Lost {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  void lose(const std::string& line);
  const Lost& lost() const { return lost_; }

 private:
  std::optional<ledger::Time> since_;
  std::chrono::milliseconds retry_at_{};
  std::chrono::milliseconds wait_{};
  std::string reason_;
  Lost lost_;
};

}  // namespace yunjian::agent
