#pragma once

#include <chrono>
#include <cstdint>

namespace yunjian::agent {

struct BackoffRules {
  std::chrono::milliseconds base{1000};
  std::chrono::milliseconds cap{std::chrono::minutes(5)};
};

// Full jitter: uniform between nothing and base · 2^attempt, at most cap, so that a fleet that lost
// its collector does not come back at once. `attempt` counts from 0; `random` is any 64 random
// bits.
std::chrono::milliseconds backoff(std::uint64_t attempt, std::uint64_t random,
                                  const BackoffRules& rules);

// Between half the cap and the cap: for an agent that is refused until people do something.
std::chrono::milliseconds refused_pause(std::uint64_t random, const BackoffRules& rules);

}  // namespace yunjian::agent
