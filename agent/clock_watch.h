#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/seal_policy.h"

namespace yunjian::agent {

// Notices that this host's clock is wrong, in two ways: it stepped (or stands still) against the
// time since boot, or it is off by the collector's clock. Each change gives one `clock` record; the
// order of records never depends on the clock. A pure state, fed with moments. One thread.
class ClockWatch {
 public:
  explicit ClockWatch(Moment start) : wall_(start.wall), boot_(start.boot) {}

  // A line when the clock moved by more than 5 s since the last call, beyond what slewing explains.
  // While it goes on moving (a clock that stands still), the next line comes when twice as much has
  // gathered; after an hour of rest it is 5 s again.
  std::optional<std::string> stepped(Moment now);

  // A line when the clock is more than 5 s off, again when that doubled or turned to the other
  // side, and once when it is within 3 s again. `offset`: this host's clock − the collector's.
  std::optional<std::string> compared(ledger::Time now, std::chrono::milliseconds offset);

  // The newest comparison; none before the first.
  std::optional<std::chrono::milliseconds> offset() const { return offset_; }
  bool off() const { return told_.has_value(); }

 private:
  ledger::Time wall_;  // what the clock should have said at boot_
  std::chrono::milliseconds boot_;
  std::chrono::milliseconds step_beyond_{5000};
  std::chrono::milliseconds stepped_at_{};  // boot time of the last line
  std::optional<std::chrono::milliseconds> offset_;
  std::optional<std::chrono::milliseconds> told_;  // offset of the last line while it is off
};

// "12.3 s behind the collector", "right".
std::string describe_offset(std::chrono::milliseconds offset);

}  // namespace yunjian::agent
