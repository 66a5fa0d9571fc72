#pragma once

#include <deque>
#include <optional>
#include <string>

#include "agent/seal_policy.h"
#include "agent/sources/usage_sampler.h"

namespace yunjian::agent {

// A line of the agent itself that waits for room in a batch.
struct OwnLine {
  std::string line;
  bool event = true;                     // must not wait for the minute
  std::optional<std::string> open_hour;  // durable with the seal that holds the line
};

// Samples the host on the grid of the wall clock and queues the records this gives. One thread.
class UsageFeed {
 public:
  UsageFeed(UsageOptions options, const ledger::Clock& clock);

  void restore(std::string_view open_hour) { sampler_.restore(open_hour); }
  // Samples when a grid point was passed. True: the host changed its size, seal at once.
  bool step(ledger::Time now, std::deque<OwnLine>& out);
  // The agent stops: minute and hour are closed as they are.
  void close(std::deque<OwnLine>& out);

 private:
  bool take(std::deque<OwnLine>& out);

  std::chrono::seconds interval_;
  std::int64_t last_grid_ = 0;
  UsageSampler sampler_;
};

}  // namespace yunjian::agent
