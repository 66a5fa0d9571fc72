#include "agent/usage_feed.h"

namespace yunjian::agent {

UsageFeed::UsageFeed(UsageOptions options, const ledger::Clock& clock)
    : interval_(options.interval_s), sampler_(std::move(options), clock) {}

bool UsageFeed::step(ledger::Time now, std::deque<OwnLine>& out) {
  const std::int64_t grid = now.time_since_epoch() / interval_;
  if (grid == last_grid_) return false;
  last_grid_ = grid;
  sampler_.sample();
  return take(out);
}

void UsageFeed::close(std::deque<OwnLine>& out) {
  sampler_.sample();
  sampler_.finish();
  take(out);
}

// True when something of it must be sealed at once.
bool UsageFeed::take(std::deque<OwnLine>& out) {
  bool seal_now = false;
  while (auto record = sampler_.take()) {
    seal_now = seal_now || record->seal_now;
    out.push_back({.line = std::move(record->line),
                   .event = record->seal_now,
                   .open_hour = std::move(record->open_hour)});
  }
  return seal_now;
}

}  // namespace yunjian::agent
