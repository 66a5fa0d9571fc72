#include "agent/ship/backoff.h"

#include <algorithm>

namespace yunjian::agent {

std::chrono::milliseconds backoff(std::uint64_t attempt, std::uint64_t random,
                                  const BackoffRules& rules) {
  constexpr std::uint64_t doublings_max = 20;
  const auto factor = std::int64_t{1} << std::min(attempt, doublings_max);
  const auto ceiling = std::min(rules.cap, rules.base * factor);
  const auto span = static_cast<std::uint64_t>(ceiling.count()) + 1;
  return std::chrono::milliseconds(static_cast<std::int64_t>(random % span));
}

}  // namespace yunjian::agent
