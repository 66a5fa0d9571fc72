#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/usage_hour.h"
#include "rules/calendar/calendar.h"
#include "rules/utilization/fold_run.h"

namespace yunjian::rules {

// Percentages are whole hundredths of a point (12.3 % is 1230), so that every machine folds and
// compares alike.
using Hundredths = std::uint64_t;

struct BusiestHour {
  Hundredths cpu_mean = 0;
  ledger::Time from{};  // the clock hour
};

struct BusiestDay {
  Hundredths cpu_p95 = 0;
  Date day{};
};

// CPU samples of one hour of the week.
struct WeekHour {
  std::uint64_t sum = 0;  // in tenths of a percent
  std::uint64_t count = 0;
};
inline constexpr std::size_t week_hours = 168;  // Monday 00:00 in +08:00 first

// One host of one size over a month or the part of it in which it had that size.
struct FoldedPart {
  ledger::Time from{};  // the time this part answers for, half-open
  ledger::Time to{};
  std::optional<ledger::UsageHour> usage;  // absent: nothing measured, which is not 0 %

  std::chrono::seconds expected{0};  // to - from
  std::chrono::seconds measured{0};  // time with samples; never more than the records cover
  std::chrono::seconds cpu_measured{0};
  std::chrono::seconds memory_measured{0};
  std::chrono::seconds longest_gap{0};
  unsigned days = 0;                        // days measured long enough to count
  std::optional<unsigned> working_days;     // of those; absent when the calendar does not know
  std::optional<BusiestHour> busiest_hour;  // among clock hours measured for half an hour or more
  std::optional<BusiestDay> busiest_day;    // among the days counted in `days`

  std::vector<WeekHour> week;  // `week_hours` of them, or none
  std::vector<FoldInput> inputs;
  std::uint64_t overlapping = 0;  // records that cover time another record covers too
  std::uint64_t unusable = 0;     // records that cannot be true; not folded
};

// Which time of a month is expected to be measured.
struct FoldWindow {
  Month month{};
  ledger::Time enrolled{};
  std::optional<ledger::Time> retired;
  // The cut-off. The clock hour it falls in is expected only as far as a record already covers it,
  // for its record is sealed when it ends.
  ledger::Time as_of{};
  std::chrono::hours day_min{12};  // measured time that makes a day count
};

// Folds the usage_hour records of one host and month. A record belongs whole to the month, day and
// clock hour its `from` lies in, so that each is counted in exactly one month. Records may come
// from several streams, one stream after the other and by rising number in each. Keeps one
// histogram set a size and one CPU histogram a day, never the records. One thread.
class MonthFold {
 public:
  MonthFold(const FoldWindow& window, const Calendar& calendar);

  // Reject: not after the stream's last number, or a stream that came before. Records of another
  // month are passed over; those that cannot be true (no samples, more of them than fit the time,
  // longer than two hours, a sum its extremes do not allow) are counted as unusable.
  ledger::Result<void> add(const ledger::UsageHour& hour, std::string_view stream,
                           std::uint64_t number);
  // What another fold made of usable records of this month that come next: the same as to add()
  // each of them. `run` is of one equal_size(), of one stream.
  ledger::Result<void> add(FoldRun run);

  // At least one part, in time order; a host that changed size has several.
  std::vector<FoldedPart> finish();
  // The same over a window of the same month that was not known before.
  std::vector<FoldedPart> finish(const FoldWindow& window);

 private:
  struct Numbers {
    std::uint64_t first, last;
  };
  ledger::Result<void> follow(std::string_view stream, Numbers numbers);
  FoldedPart close(FoldRun& run, ledger::Time from, ledger::Time to) const;
  void close_spans(FoldRun& run, FoldedPart& part) const;
  void close_days(FoldRun& run, FoldedPart& part) const;
  ledger::Time window_end() const;

  FoldWindow window_;
  const Calendar* calendar_;
  std::vector<FoldRun> open_;
  std::vector<std::string> streams_;  // seen, the last one current
  std::optional<std::uint64_t> last_number_;
  std::uint64_t unusable_ = 0;
};

// Share of the expected time that was measured, rounded down; absent when nothing was expected.
std::optional<Hundredths> coverage(std::chrono::seconds measured, std::chrono::seconds expected);

// Of a percent histogram; absent when it is empty. The mean is rounded half up, a quantile is the
// upper edge of its 0.1-point bin.
std::optional<Hundredths> mean_percent(const ledger::Histogram& histogram);
std::optional<Hundredths> quantile_percent(const ledger::Histogram& histogram, double q);

}  // namespace yunjian::rules
