#include "collector/api/month_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <tuple>

#include "collector/report/month_facts.h"
#include "collector/report/month_types.h"
#include "collector/report/table_xlsx.h"
#include "ledger/leaves.h"
#include "ledger/note.h"
#include "rules/calendar/calendar.h"
#include "rules/month/register_fold.h"

namespace yunjian::collector {

using ledger::Result;
using ledger::Time;

namespace {

// A part of an hour is sealed when it ends, and its record bears that time; one that begins before
// the month's end may bear a time this much behind it.
constexpr std::chrono::hours record_time_lag{2};
// So many hosts are read in one go: about 100 MB of hour records a month.
constexpr std::size_t hosts_at_once = 64;

// When each host was first enrolled, by its streams' enrolment leaves.
Result<std::map<std::string, Time, std::less<>>> first_enrolments(const EvidenceLog& log,
                                                                  const Scope& scope) {
  std::map<std::string, Time, std::less<>> first;
  for (const auto& stream : log.streams()) {
    if (!scope.allows(stream.state.unit) || stream.id == log.own_stream()) continue;
    auto leaf = log.leaf(stream.state.enrolment_leaf);
    if (!leaf) return ledger::failure(leaf);
    auto note = ledger::parse_note(*leaf);
    if (!note) return ledger::failure(note);
    auto enrolment = ledger::parse_enrolment(note->text);
    if (!enrolment) return ledger::failure(enrolment);
    const auto [at, fresh] = first.emplace(stream.state.host, enrolment->enrolled);
    if (!fresh) at->second = std::min(at->second, enrolment->enrolled);
  }
  return first;
}

struct HourLine {
  std::string stream;
  std::uint64_t number;
  std::string line;
};

// The hour records of a few hosts at a time: the store gives them as it finds them, the table wants
// them host by host and stream by stream. While one group is folded the next one is read.
class HourReader {
 public:
  HourReader(const MonthSources& sources, const Scope& scope, const std::vector<HostFacts>& hosts)
      : records_(*sources.records),
        scope_(scope),
        cancelled_(sources.cancelled),
        at_once_(sources.folds == nullptr ? hosts_at_once : 1) {
    std::vector<const HostFacts*> order;
    for (const HostFacts& host : hosts) order.push_back(&host);
    const auto place = [](const HostFacts& host) {
      return std::tie(host.county, host.unit_name, host.unit, host.system, host.name, host.id);
    };
    std::sort(order.begin(), order.end(),
              [&](const HostFacts* a, const HostFacts* b) { return place(*a) < place(*b); });
    for (const HostFacts* host : order) ids_.push_back(host->id);
  }
  HourReader(const HourReader&) = delete;
  HourReader& operator=(const HourReader&) = delete;

  Result<rules::FoldedHost> fold(const HostFacts& host, const rules::FoldWindow& window,
                                 const rules::Calendar& calendar) {
    rules::MonthFold fold(window, calendar);
    auto unreadable = give(host, {rules::month_begin(window.month), rules::month_end(window.month)},
                           [&](const ledger::UsageHour& hour, std::string_view stream,
                               std::uint64_t number) { return fold.add(hour, stream, number); });
    if (!unreadable) return ledger::failure(unreadable);
    return rules::FoldedHost{.parts = fold.finish(), .unreadable = *unreadable};
  }

 private:
  using Lines = std::map<std::string, std::vector<HourLine>, std::less<>>;
  struct Span {
    Time from, to;
    bool operator==(const Span&) const = default;
  };

  Result<std::uint64_t> give(const HostFacts& host, Span span, const HourSink& sink) {
    if (!lines_.contains(host.id)) {
      if (auto read = next_group(host.id, span); !read) return ledger::failure(read);
    }
    std::vector<HourLine> lines = std::move(lines_[host.id]);
    lines_.erase(host.id);
    std::sort(lines.begin(), lines.end(), [](const HourLine& a, const HourLine& b) {
      return std::tie(a.stream, a.number) < std::tie(b.stream, b.number);
    });
    std::uint64_t unreadable = 0;
    for (const HourLine& each : lines) {
      auto record = ledger::parse_record(each.line);
      auto hour = record ? ledger::read_usage_hour(**record)
                         : Result<ledger::UsageHour>(ledger::failure(record));
      if (!hour) {
        ++unreadable;
      } else if (auto taken = sink(*hour, each.stream, each.number); !taken) {
        return ledger::failure(taken);
      }
    }
    return unreadable;
  }

  // The group of hosts that begins with `first`, and behind it the next one is being read.
  Result<void> next_group(const std::string& first, Span span) {
    const auto at = std::find(ids_.begin(), ids_.end(), first);
    const bool ready = ahead_.valid() && at == ahead_at_ && span == ahead_span_;
    auto lines = ready ? ahead_.get() : read_group(at, span);
    if (!lines) return ledger::failure(lines);
    lines_ = std::move(*lines);
    ahead_at_ = at + std::min(static_cast<std::ptrdiff_t>(at_once_), ids_.end() - at);
    ahead_span_ = span;
    ahead_ = {};
    if (ahead_at_ == ids_.end() || at_once_ == 1) return {};
    ahead_ = std::async(std::launch::async,
                        [this, from = ahead_at_, span] { return read_group(from, span); });
    return {};
  }

  // Hosts in the order in which the table asks for them: each is read once.
  Result<Lines> read_group(std::vector<std::string>::const_iterator at, Span span) const {
    ScanQuery query;
    query.lanes = {Lane::hour};
    query.from = span.from;
    query.to = span.to + record_time_lag;
    query.order = Order::any;
    query.cancelled = cancelled_;
    Lines lines;
    for (; at != ids_.end() && query.filter.hosts.size() < at_once_; ++at) {
      query.filter.hosts.insert(*at);
      lines[*at];
    }
    auto stats = records_.scan(scope_, query, [&](const StoredRecord& stored) {
      const auto host = lines.find(stored.host);
      if (host == lines.end()) return;
      host->second.push_back({stored.key.stream, stored.key.number, std::string(stored.line)});
    });
    if (!stats) return ledger::failure(stats);
    return lines;
  }

  RecordStore& records_;
  const Scope& scope_;
  const std::atomic<bool>* const cancelled_;
  const std::size_t at_once_;  // 1 where only few hosts need it
  std::vector<std::string> ids_;
  Lines lines_;
  // Last, so that its thread ends before what it reads from.
  std::vector<std::string>::const_iterator ahead_at_{};
  Span ahead_span_{};
  std::future<Result<Lines>> ahead_;
};

bool is_cancelled(const MonthSources& sources) {
  return sources.cancelled != nullptr && sources.cancelled->load(std::memory_order_relaxed);
}

ledger::Failure cancelled_error() {
  return ledger::fail(ledger::ErrorKind::retry, "the report was cancelled; build it again");
}

// What the records say of the hosts besides their hours.
Result<void> add_facts(const MonthSources& sources, const Scope& scope, rules::Month month,
                       std::vector<HostFacts>& hosts) {
  FactsRequest request{.from = rules::month_begin(month),
                       .to = rules::month_end(month),
                       .cancelled = sources.cancelled};
  for (const HostFacts& host : hosts) request.hosts.push_back(host.id);
  auto facts = month_facts(*sources.records, scope, request);
  if (!facts) return ledger::failure(facts);
  for (HostFacts& host : hosts) {
    const auto powered_off = host.month.powered_off;
    host.month = (*facts)[host.id];
    host.month.powered_off = powered_off;
  }
  return {};
}

// No two tables that live at one time share an address.
std::string scratch_name(const UtilizationTable& table) {
  return fmt::format("utilization-{}.xlsx", fmt::ptr(&table));
}

}  // namespace

Result<UtilizationTable> month_table(const MonthSources& sources, const Scope& scope,
                                     rules::Month month) {
  return month_table(sources, inventory_of(*sources.catalog, scope), scope, month);
}

Result<UtilizationTable> month_table(const MonthSources& sources, const rules::Inventory& inventory,
                                     const Scope& scope, rules::Month month) {
  auto rule_set = rules::default_rule_set();
  if (!rule_set) return ledger::failure(rule_set);
  auto calendar = rules::cn_calendar();
  if (!calendar) return ledger::failure(calendar);
  auto enrolled = first_enrolments(*sources.log, scope);
  if (!enrolled) return ledger::failure(enrolled);
  auto hosts = rules::hosts_of_inventory(inventory, *enrolled);
  if (!hosts) return ledger::failure(hosts);
  auto terms = MonthTerms::read(inventory, *rule_set, month);
  if (!terms) return ledger::failure(terms);
  for (HostFacts& host : *hosts) (*terms)->add_to(host);
  if (auto added = add_facts(sources, scope, month, *hosts); !added) return ledger::failure(added);
  const TableRequest request{.month = month,
                             .as_of = std::min(sources.clock->wall(), rules::month_end(month)),
                             .rules = &*rule_set,
                             .calendar = &*calendar,
                             .history = (*terms)->history(),
                             .catalogue = (*terms)->catalogue()};
  std::optional<FoldedMonth> folded;
  if (sources.folds != nullptr) {
    auto days = sources.folds->month(month, sources.cancelled);
    if (!days) return ledger::failure(days);
    folded = std::move(*days);
  }
  HourReader hours(sources, scope, *hosts);
  auto table = table_of_folds(
      request, *hosts,
      [&](const HostFacts& host, const rules::FoldWindow& window) -> Result<rules::FoldedHost> {
        if (is_cancelled(sources)) return cancelled_error();
        if (!folded) return hours.fold(host, window, *calendar);
        auto known = folded->fold(host.id, scope, window, *calendar);
        if (!known) return ledger::failure(known);
        return *known ? std::move(**known) : hours.fold(host, window, *calendar);
      });
  if (table) {
    for (UtilizationRow& row : table->rows) row.host.rules = nullptr;  // they end with this call
  }
  return table;
}

Result<std::string> utilization_workbook(ledger::FileSystem& files, const std::string& scratch,
                                         const UtilizationTable& table,
                                         std::span<const Chart> charts) {
  if (auto made = files.make_directory(scratch, 0700); !made) return ledger::failure(made);
  const std::string path = ledger::join_path(scratch, scratch_name(table));
  if (auto written = write_utilization_xlsx(files, path, table, charts); !written) {
    return ledger::failure(written);
  }
  auto bytes = files.read_file(path);
  if (auto removed = files.remove(path); !removed) return ledger::failure(removed);
  return bytes;
}

}  // namespace yunjian::collector
