#include "agent/ship/backoff.h"

#include <algorithm>

namespace yunjian::agent {
namespace {

constexpr std::uint64_t doublings_max = 20;

}  // namespace

std::chrono::milliseconds backoff(std::uint64_t attempt, std::uint64_t random,
                                  const BackoffRules& rules) {
  const auto factor = std::int64_t{1} << std::min(attempt, doublings_max);
  const auto ceiling = std::min(rules.cap, rules.base * factor);
  const auto span = static_cast<std::uint64_t>(ceiling.count()) + 1;
  return std::chrono::milliseconds(static_cast<std::int64_t>(random % span));
}

std::chrono::milliseconds refused_pause(std::uint64_t random, const BackoffRules& rules) {
  return rules.cap / 2 + backoff(doublings_max, random, rules) / 2;
}

}  // namespace yunjian::agent
