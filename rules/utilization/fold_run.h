#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/usage_hour.h"

namespace yunjian::rules {

// Records of one stream that went into a fold: `records` usage_hour records, the first and the last
// of them by number.
struct FoldInput {
  std::string stream;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t records = 0;
};

// What usage_hour records of one host and size come to, before it is known which time they answer
// for. Runs merge exactly, in any grouping: a day can be folded when it is over and a month of its
// days.
struct FoldRun {
  struct HourSum {  // of a clock hour's CPU, in tenths of a percent
    std::uint64_t sum = 0, count = 0;
    std::chrono::seconds measured{0};
  };
  // One day's CPU; as text (a few hundred bytes) while another day is being filled, so that the
  // months of many hosts can be folded at once.
  struct DaySum {
    ledger::Histogram cpu{ledger::Scale::percent};
    std::string packed = {};
    ledger::Histogram::Summary summary = {};
    std::chrono::seconds measured{0};
    void pack();
    void unpack();
  };
  struct Span {
    ledger::Time from, to;
  };

  std::optional<ledger::UsageHour> usage;  // absent: no record
  std::chrono::seconds measured{0};        // as the samples say
  std::chrono::seconds cpu_measured{0};
  std::chrono::seconds memory_measured{0};
  std::vector<FoldInput> inputs;
  std::vector<Span> spans;                        // of each record
  std::map<ledger::Time, HourSum> hours;          // by where the clock hour begins
  std::map<std::chrono::sys_days, DaySum> days;   // in +08:00
  std::optional<std::chrono::sys_days> filled{};  // the day that is not packed

  void add(const ledger::UsageHour& hour, std::string_view stream, std::uint64_t number);
  void merge(FoldRun&& later);

 private:
  DaySum& day(std::chrono::sys_days date);
  void note_input(const FoldInput& input);
};

// MemTotal moves a little with the kernel; a change of size is more than a thirty-second part.
bool same_size(const ledger::UsageHour& a, const ledger::UsageHour& b);
// Same size and interval to the last byte: records of which runs can be made before it is known
// what came before them.
bool equal_size(const ledger::UsageHour& a, const ledger::UsageHour& b);

inline constexpr std::chrono::hours record_length_max{2};  // an hour, and what a stepped clock adds

// Whoever seals a record may lie in it; what cannot be true must not reach the figures: no samples,
// more of them than fit the time, longer than two hours, a sum its extremes do not allow.
bool is_possible(const ledger::UsageHour& hour);

}  // namespace yunjian::rules
