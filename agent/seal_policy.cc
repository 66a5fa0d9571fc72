#include "agent/seal_policy.h"

#include <algorithm>

#include "ledger/suite.h"

namespace yunjian::agent {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Later than this by the boot clock, the minute is due whatever the wall clock says.
constexpr milliseconds minute_late = seconds(61);
// A seal may come this much early or late without a minute counting as skipped.
constexpr milliseconds skip_slack = seconds(5);

ledger::Time next_due(unsigned second, ledger::Time wall) {
  const auto minute = std::chrono::floor<minutes>(wall);
  const ledger::Time due = minute + seconds(second);
  return due > wall ? due : due + minutes(1);
}

}  // namespace

unsigned own_second(std::string_view agent_id) {
  const ledger::Hash hash = ledger::sha256(agent_id);
  return ledger::get_u32be(reinterpret_cast<const char*>(hash.data())) % 60;
}

SealPolicy::SealPolicy(unsigned second, Moment start, SealRules rules)
    : rules_(rules),
      second_(second),
      minute_due_(next_due(second, start.wall)),
      last_minute_(start.boot),
      tokens_(rules.tokens_max),
      tokens_at_(start.boot) {}

SealDecision SealPolicy::decide(const Waiting& waiting, Moment now) const {
  const milliseconds elapsed = now.boot - last_minute_;
  if (now.wall >= minute_due_ || elapsed >= minute_late) {
    const auto minutes_passed = (elapsed + skip_slack) / milliseconds(minutes(1));
    return {.reason = SealReason::minute,
            .skipped = static_cast<std::uint64_t>(std::max<std::int64_t>(minutes_passed - 1, 0))};
  }
  if (waiting.full) return {.reason = SealReason::full};
  milliseconds wait =
      std::min(std::chrono::ceil<milliseconds>(minute_due_ - now.wall), minute_late - elapsed);
  if (waiting.events > 0) {
    const bool is_free = waiting.events >= rules_.events_free;
    milliseconds due = waiting.first_event + rules_.event_delay;
    if (!is_free && tokens(now.boot) == 0) {
      due = std::max(due, tokens_at_ + rules_.token_returns);
    }
    if (is_free && in_burst_) due = std::min(due, waiting.last_event + rules_.burst_end);
    if (now.boot >= due) return {.reason = SealReason::events, .takes_token = !is_free};
    wait = std::min(wait, due - now.boot);
  }
  return {.wait = wait};
}

void SealPolicy::sealed(const SealDecision& decision, Moment now) {
  const std::uint64_t available = tokens(now.boot);
  if (available == rules_.tokens_max) {
    tokens_at_ = now.boot;
  } else {
    tokens_at_ += rules_.token_returns * static_cast<std::int64_t>(available - tokens_);
  }
  tokens_ = available - (decision.takes_token && available > 0 ? 1 : 0);
  in_burst_ = decision.reason == SealReason::full;
  if (decision.reason == SealReason::minute) {
    minute_due_ = next_due(second_, now.wall);
    last_minute_ = now.boot;
  }
}

std::uint64_t SealPolicy::tokens(milliseconds boot) const {
  const auto returned = static_cast<std::uint64_t>((boot - tokens_at_) / rules_.token_returns);
  return std::min(rules_.tokens_max, tokens_ + returned);
}

}  // namespace yunjian::agent
