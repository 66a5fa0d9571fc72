#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ledger/base/clock.h"

namespace yunjian::agent {

// Both clocks of one moment.
struct Moment {
  ledger::Time wall{};
  std::chrono::milliseconds boot{};
};

// When a batch is sealed, as numbers.
struct SealRules {
  std::chrono::milliseconds event_delay{2000};  // events wait this long for company
  std::uint64_t events_free = 64;               // so many waiting events need no token
  // So many waiting events behind a full batch are its rest, once nothing came for `burst_end`.
  std::chrono::milliseconds burst_end{200};
  std::uint64_t tokens_max = 30;
  std::chrono::milliseconds token_returns{120'000};
};

// What waits to be sealed.
struct Waiting {
  std::uint64_t events = 0;                 // records that should not wait for the minute
  std::chrono::milliseconds first_event{};  // boot time when the first of them came
  std::chrono::milliseconds last_event{};   // boot time when sources last had some
  bool full = false;                        // the batch takes no more
};

enum class SealReason { none, minute, events, full };

struct SealDecision {
  SealReason reason = SealReason::none;
  bool takes_token = false;
  std::uint64_t skipped = 0;  // minutes that passed without a seal (suspended), with reason minute
  std::chrono::milliseconds wait{};  // with reason none: ask again at the latest after this
};

// The second of the minute at which this host seals: spreads a fleet over the minute.
unsigned own_second(std::string_view agent_id);

// Decides when to seal: with the host's own second of each minute, after a short delay for events
// as long as tokens last, at once when full, and so the rest of what filled a batch. Pure: decide()
// reads only its arguments and what sealed() noted.
//
// The minute follows the wall clock; one that stands still or steps back is noticed by the boot
// clock.
class SealPolicy {
 public:
  SealPolicy(unsigned second, Moment start, SealRules rules = {});

  SealDecision decide(const Waiting& waiting, Moment now) const;
  // A seal was made for `decision`.
  void sealed(const SealDecision& decision, Moment now);

 private:
  std::uint64_t tokens(std::chrono::milliseconds boot) const;

  SealRules rules_;
  unsigned second_;
  bool in_burst_ = false;  // the last batch was full
  ledger::Time minute_due_;
  std::chrono::milliseconds last_minute_;  // boot time of the last seal for the minute
  std::uint64_t tokens_;
  std::chrono::milliseconds tokens_at_;  // boot time at which tokens_ was counted
};

}  // namespace yunjian::agent
