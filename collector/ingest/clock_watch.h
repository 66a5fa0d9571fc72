#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/base/clock.h"

namespace yunjian::collector {

// Request header in which an agent says how far its clock is ahead of the collector's, in ms, may
// be negative; learned from "Yunjian-Time" of the answer before.
inline constexpr std::string_view clock_offset_header = "yunjian-clock-offset";
std::optional<std::chrono::milliseconds> parse_clock_offset(std::string_view text);

struct ClockAlarm {
  bool off = false;  // false: it is right again
  std::chrono::milliseconds offset{};
};

struct ClockAlarmOf {
  std::string agent;
  std::string host;
};
// What the alarm says in the collector's own stream.
std::string clock_alarm_record(ledger::Time now, const ClockAlarm& alarm, const ClockAlarmOf& of);

// Which agents' clocks are off. An alarm is raised once when a clock is more than 5 s off, again
// when the offset has doubled or turned to the other side, and taken back below 3 s. Any thread.
class ClockWatch {
 public:
  std::optional<ClockAlarm> observe(std::string_view agent, std::chrono::milliseconds offset);

  std::size_t off() const;
  std::chrono::milliseconds largest() const;  // absolute; 0 when no clock is off

 private:
  mutable std::mutex mutex_;
  struct Off {
    std::chrono::milliseconds alarmed;
    std::chrono::milliseconds now;
  };
  std::map<std::string, Off, std::less<>> off_;
};

}  // namespace yunjian::collector
