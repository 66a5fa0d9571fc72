#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::ledger {

// Microseconds since 1970-01-01 UTC: the resolution of every time in the formats.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time wall() const = 0;  // may step in either direction
  virtual std::chrono::milliseconds boot()
      const = 0;  // CLOCK_BOOTTIME: counts suspend, never steps back
};

// "2026-11-22T08:16:05.123456Z": always UTC, always six digits. A time outside the
// years 1970 to 9999 is written as the nearest one inside.
std::string format_time(Time time);
void append_time(std::string& out, Time time);
// Reads exactly the form that format_time writes, years 1970 to 9999.
Result<Time> parse_time(std::string_view text);
// RFC 3339 as people and programs send it: any offset, 0 to 9 fraction digits, or a bare date
// (00:00 UTC).
Result<Time> parse_rfc3339(std::string_view text);

}  // namespace yunjian::ledger
