#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/usage_hour.h"
#include "rules/utilization/judge.h"
#include "rules/utilization/sizing.h"
#include "rules/utilization/standing.h"

namespace yunjian::rules {

// What the table must know about a host besides its records.
struct HostFacts {
  std::string id;
  std::string name;
  std::string unit;  // id of the using unit
  std::string unit_name;
  std::string county;
  std::string system;
  std::optional<std::uint64_t>
      vcpus;  // as the inventory states it; the records' own size comes first
  std::optional<std::uint64_t> memory_bytes;
  ledger::Time enrolled{};  // of its first incarnation
  std::optional<ledger::Time> retired = std::nullopt;
  MonthFacts month = {};  // besides its hours
  // With the limits of the agreement in force; null: the request's rules. Outlives the build.
  const RuleSet* rules = nullptr;
  HostTerms terms = {};
  bool is_public = false;                                 // serves the public
  std::string payer = {};                                 // city or county
  std::optional<std::uint64_t> month_fen = std::nullopt;  // what the present size costs a month
};

using HourSink = std::function<ledger::Result<void>(const ledger::UsageHour& hour,
                                                    std::string_view stream, std::uint64_t number)>;

// Gives the sink every usage_hour record of one host whose `from` may lie in [from, to): stream by
// stream, by rising number in each; records outside do no harm. Stops at the sink's first error
// and hands it on. Gives back how many of the host's usage_hour records could not be read.
using HourSource = std::function<ledger::Result<std::uint64_t>(
    const HostFacts& host, ledger::Time from, ledger::Time to, const HourSink& sink)>;

// Figures of one row. Absent is "not measured", never 0. Rates are per second.
struct LoadFigures {
  std::optional<Hundredths> mean, p95, p99, peak;
  std::optional<ledger::Time> peak_at;
};

// One host, or the part of the month in which it had one size.
struct UtilizationRow {
  HostFacts host;
  unsigned part = 1;  // of `parts`, in time order
  unsigned parts = 1;
  ledger::Time from{};  // the time the row answers for
  ledger::Time to{};
  std::optional<std::uint64_t> vcpus;  // as its records state it
  std::optional<std::uint64_t> memory_bytes;
  std::chrono::seconds expected{0};
  std::chrono::seconds measured{0};
  std::chrono::seconds longest_gap{0};
  unsigned days = 0;
  std::optional<unsigned> working_days;
  LoadFigures cpu;
  LoadFigures memory;
  std::optional<BusiestHour> busiest_hour;
  std::optional<BusiestDay> busiest_day;
  std::optional<std::uint64_t> disk_bytes_p95, disk_iops_p95, net_in_p95, net_out_p95;
  Judgement judgement;
  std::vector<FoldInput> inputs;  // the records every figure can be computed from again
  std::uint64_t overlapping = 0;
  std::uint64_t unusable = 0;  // in the host's first row: unreadable, or cannot be true
  std::vector<WeekHour> week;  // its CPU samples by hour of the week, or none
  // In the host's last row: where it stands after this month and those before.
  std::vector<MonthOutcome> history;  // of its size, rising
  std::optional<MonthOutcome> outcome;
  std::optional<Standing> standing;
  std::optional<Recommendation> advice;    // when it is flagged and a size fits
  std::optional<std::int64_t> saving_fen;  // of the advice, to the end of the year
};

// "4x8": vCPUs and GiB, rounded up. A host whose size differs begins a new history.
std::string size_key(std::uint64_t vcpus, std::uint64_t memory_bytes);

// The months of a host of that size before the table's, rising.
using HistorySource =
    std::function<std::vector<MonthOutcome>(const std::string& host, const std::string& size)>;

// 云资源利用情况表. The same request, hosts and records give the same table.
struct UtilizationTable {
  Month month{};
  ledger::Time as_of{};
  bool provisional = false;  // as_of lies inside the month
  RuleSet rules;             // it was judged by
  std::string calendar_version;
  std::vector<UtilizationRow> rows;  // by county, unit, system, name, id, part
  std::uint64_t hosts = 0;
  std::vector<WeekHour> week;  // of all hosts together; empty when nothing was measured
};

struct TableRequest {
  Month month{};
  // The cut-off: what is expected of a running month ends here. It also dates the files.
  ledger::Time as_of{};
  const RuleSet* rules = nullptr;
  const Calendar* calendar = nullptr;
  HistorySource history = {};            // may be empty: no month before is known
  std::span<const Spec> catalogue = {};  // sizes in force at the month's end
};

// A host's folded month, and how many of its usage_hour records could not be read.
struct FoldedHost {
  std::vector<FoldedPart> parts;
  std::uint64_t unreadable = 0;
};
using FoldSource =
    std::function<ledger::Result<FoldedHost>(const HostFacts& host, const FoldWindow& window)>;

// The table of hosts whose months were folded elsewhere. Errors as build_utilization_table().
ledger::Result<UtilizationTable> table_of_folds(const TableRequest& request,
                                                std::span<const HostFacts> hosts,
                                                const FoldSource& source);

// The same table of fewer hosts, as it would have been built of them alone.
UtilizationTable narrowed(const UtilizationTable& table,
                          const std::function<bool(const HostFacts&)>& wanted);

// Folds and judges every host that was enrolled at some time of the month, one after the other;
// holds the histograms of one host only. Reject: the month has not begun, a host stands twice, or
// its records are out of order; errors of the source are handed on.
ledger::Result<UtilizationTable> build_utilization_table(const TableRequest& request,
                                                         std::span<const HostFacts> hosts,
                                                         const HourSource& source);

}  // namespace yunjian::rules
