#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/record.h"
#include "ledger/usage_hour.h"

namespace yunjian::auditor {

struct HourCounts {
  std::uint64_t checked = 0;
  std::uint64_t not_checked = 0;  // their minutes are not all here
};

// Holds each usage_hour record of one stream against the usage records (minutes) before it. An hour
// is exactly what the minutes since the hour before add up to: number of samples equal; each figure
// over as many of them as the minutes that have it; CPU, memory and network maximum equal and sum
// equal within rounding; disk figures, which the minutes keep apart for reads and writes, within
// the bounds these give. Fed in the order of the stream.
class UsageCheck {
 public:
  // A record of kind usage or usage_hour. What is wrong, or "" when nothing is; `zh` the same.
  struct Problem {
    std::string zh;
    std::string en;
  };
  Problem take(std::string_view line, HourCounts& counts);
  // A body is absent: the hour it belongs to cannot be checked.
  void lost() { whole_ = false; }

  // One line for a state file, and back. False: not such a line.
  std::string save() const;
  bool load(std::string_view text);

 private:
  struct Sum {
    double least = 0, most = 0;          // of all samples, by the rounded means
    double max_least = 0, max_most = 0;  // bounds of the largest sample
    std::uint64_t samples = 0;           // of the minutes that have the figure
    bool lacking = false;                // in some minute
  };
  void minute(const ledger::ParsedRecord& record);
  Problem hour(const ledger::ParsedRecord& record, HourCounts& counts);
  Problem check_figure(ledger::HourFigure figure, const ledger::Histogram& histogram) const;
  std::string missing_minutes(ledger::Time from, ledger::Time to) const;

  std::array<Sum, 6> sums_{};
  std::uint64_t samples_ = 0;
  std::uint64_t minute_samples_max_ = 0;
  std::vector<ledger::Time> ends_;  // of the minutes
  bool whole_ = true;
};

}  // namespace yunjian::auditor
