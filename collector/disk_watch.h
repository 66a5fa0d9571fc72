#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "ledger/base/clock.h"

namespace yunjian::collector {

// Watermarks of the disk that holds the evidence: 80, 90 and 95 % raise an alarm once each, until
// the use falls 2 points below; at 95 % ingest is refused and agents spool, until it falls
// below 93. Pure: told times and sizes. One thread.
class DiskWatch {
 public:
  struct Alarm {
    unsigned percent = 0;                       // the mark that was passed
    std::optional<std::uint64_t> days_to_full;  // at the pace of the last day; absent: not growing
  };
  // Every few seconds; `used` and `total` in bytes, as an ordinary user may use them.
  std::optional<Alarm> look(ledger::Time now, std::uint64_t used, std::uint64_t total);
  bool is_full() const { return full_; }

 private:
  struct Sample {
    ledger::Time time;
    std::uint64_t used;
  };
  std::optional<std::uint64_t> days_to_full(std::uint64_t used, std::uint64_t total) const;

  std::deque<Sample> samples_;  // one an hour, of the last day
  unsigned raised_ = 0;         // highest mark that holds
  bool full_ = false;
};

}  // namespace yunjian::collector
