#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "ledger/base/file_system.h"

namespace yunjian::agent {

// What the operator lets the agent take ([limits] of agent.toml); 0 = no limit.
struct BudgetLimits {
  std::uint64_t cpu_percent = 0;       // of one core, all threads of the agent
  std::uint64_t memory_bytes = 0;      // resident
  std::uint64_t disk_bytes_per_s = 0;  // written
};

// What the process has taken since it began, and holds now.
struct BudgetUse {
  std::chrono::microseconds cpu{};
  std::uint64_t memory_bytes = 0;
  std::uint64_t disk_bytes = 0;  // written
};
BudgetUse read_budget_use(ledger::FileSystem& files);

// Says how long the sources must not be read so that the agent stays within its limits. Nothing is
// dropped: files and journals wait, sockets fill and hold their writers back; seals, receipts and
// the heartbeat go on.
//
// CPU and written bytes are buckets that fill with the share, hold at most two seconds of it, and
// may go into debt by one step's work. Memory beyond the limit pauses reading for a second, again
// and again; after a minute of that one read is let through, so that a limit that is too small
// makes an agent slow and not silent. A pure state, fed with moments of the time since boot. One
// thread.
class Budget {
 public:
  Budget(BudgetLimits limits, std::function<BudgetUse()> use);

  std::chrono::milliseconds hold(std::chrono::milliseconds boot);  // 0 = read

 private:
  struct Bucket {
    std::int64_t per_s = 0;  // 0 = no limit
    bool begun = false;
    std::int64_t tokens = 0;
    std::int64_t seen = 0;  // of what was used since the process began
    std::chrono::milliseconds at{};
    std::chrono::milliseconds hold(std::int64_t used, std::chrono::milliseconds boot);
  };
  std::chrono::milliseconds memory_hold(const BudgetUse& use, std::chrono::milliseconds boot);

  BudgetLimits limits_;
  std::function<BudgetUse()> use_;
  Bucket cpu_;                                  // microseconds
  Bucket disk_;                                 // bytes
  std::chrono::milliseconds memory_since_{-1};  // begin of the pauses for memory; -1 = none
};

}  // namespace yunjian::agent
