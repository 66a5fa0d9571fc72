#include "rules/month/utilization_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Histogram;
using ledger::HourFigure;
using ledger::Result;
using ledger::UsageHour;

namespace {

LoadFigures percent_figures(const Histogram& histogram) {
  LoadFigures figures;
  if (histogram.count() == 0) return figures;
  figures.mean = mean_percent(histogram);
  figures.p95 = quantile_percent(histogram, 0.95);
  figures.p99 = quantile_percent(histogram, 0.99);
  figures.peak = quantile_percent(histogram, 1.0);
  figures.peak_at = histogram.max_time();
  return figures;
}

std::optional<std::uint64_t> rate_p95(const UsageHour& usage, HourFigure figure) {
  const Histogram& histogram = usage.figure(figure);
  if (histogram.count() == 0) return std::nullopt;
  return histogram.quantile(0.95);
}

void put_load(UtilizationRow& row, const UsageHour& usage) {
  row.vcpus = usage.vcpus;
  row.memory_bytes = usage.memory_bytes;
  row.cpu = percent_figures(usage.figure(HourFigure::cpu));
  row.memory = percent_figures(usage.figure(HourFigure::memory));
  row.disk_bytes_p95 = rate_p95(usage, HourFigure::disk_bytes);
  row.disk_iops_p95 = rate_p95(usage, HourFigure::disk_iops);
  row.net_in_p95 = rate_p95(usage, HourFigure::net_in);
  row.net_out_p95 = rate_p95(usage, HourFigure::net_out);
}

// Names come from outside; what is not UTF-8 would break every reader of the table.
HostFacts readable(HostFacts host) {
  for (std::string* text :
       {&host.id, &host.name, &host.unit, &host.unit_name, &host.county, &host.system}) {
    if (!ledger::is_valid_utf8(*text)) *text = ledger::escape_bytes(*text);
  }
  return host;
}

UtilizationRow make_row(const HostFacts& host, const FoldedPart& part, const RuleSet& rules) {
  UtilizationRow row;
  row.host = readable(host);
  row.from = part.from;
  row.to = part.to;
  row.expected = part.expected;
  row.measured = part.measured;
  row.longest_gap = part.longest_gap;
  row.days = part.days;
  row.working_days = part.working_days;
  row.busiest_hour = part.busiest_hour;
  row.busiest_day = part.busiest_day;
  if (part.usage) put_load(row, *part.usage);
  row.judgement = judge(part, host.month, host.rules != nullptr ? *host.rules : rules);
  row.inputs = part.inputs;
  row.overlapping = part.overlapping;
  row.unusable = part.unusable;
  return row;
}

constexpr std::size_t history_months_max = 12;  // before the table's own

// Where the host stands after this month; of a month with two sizes the last counts.
void add_standing(UtilizationRow& row, const TableRequest& request, const FoldedPart& part) {
  const RuleSet& rules = row.host.rules != nullptr ? *row.host.rules : *request.rules;
  row.outcome = outcome_of(request.month, row.judgement, exempt_in(row.host.terms, request.month));
  std::vector<MonthOutcome> months;
  if (request.history && row.vcpus) {
    months = request.history(row.host.id, size_key(*row.vcpus, row.memory_bytes.value_or(0)));
    if (months.size() > history_months_max) {
      months.erase(months.begin(), months.end() - history_months_max);
    }
  }
  row.history = months;
  months.push_back(*row.outcome);
  row.standing = stand(rules, months);
  if (!row.standing->flag) return;
  row.advice = recommend({.load = load_of(part),
                          .catalogue = request.catalogue,
                          .is_public = row.host.is_public,
                          .months = std::max(1U, row.standing->months)},
                         rules.sizing);
  if (!row.advice) return;
  row.saving_fen = saving_fen(row.host.month_fen, row.advice->spec.month_fen,
                              months_left_in_year(request.month));
}

void add_week(UtilizationTable& table, const std::vector<WeekHour>& week) {
  if (week.empty()) return;
  table.week.resize(week_hours);
  for (std::size_t i = 0; i < week.size(); ++i) {
    table.week[i].sum += week[i].sum;
    table.week[i].count += week[i].count;
  }
}

Result<void> add_host(UtilizationTable& table, const TableRequest& request, const HostFacts& host,
                      const FoldSource& source) {
  auto folded = source(host, {.month = request.month,
                              .enrolled = host.enrolled,
                              .retired = host.retired,
                              .as_of = request.as_of,
                              .day_min = request.rules->gate.day_min});
  if (!folded) return failure(folded, fmt::format("usage of host {}", host.id));
  const auto& parts = folded->parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    UtilizationRow row = make_row(host, parts[i], *request.rules);
    row.part = static_cast<unsigned>(i) + 1;
    row.parts = static_cast<unsigned>(parts.size());
    if (i == 0) row.unusable += folded->unreadable;
    row.week = parts[i].week;
    add_week(table, row.week);
    if (i + 1 == parts.size()) add_standing(row, request, parts[i]);
    table.rows.push_back(std::move(row));
  }
  ++table.hosts;
  return {};
}

auto place(const HostFacts& host) {
  return std::tie(host.county, host.unit_name, host.unit, host.system, host.name, host.id);
}

// The hosts that were enrolled at some time of the month so far, in the table's order.
Result<std::vector<const HostFacts*>> hosts_of(const TableRequest& request,
                                               std::span<const HostFacts> hosts) {
  const auto begin = month_begin(request.month);
  const auto end = std::min(month_end(request.month), request.as_of);
  std::vector<const HostFacts*> chosen;
  for (const HostFacts& host : hosts) {
    const bool retired = host.retired && *host.retired <= begin;
    if (!retired && host.enrolled < end) chosen.push_back(&host);
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const HostFacts* a, const HostFacts* b) { return a->id < b->id; });
  for (std::size_t i = 1; i < chosen.size(); ++i) {
    if (chosen[i]->id == chosen[i - 1]->id) {
      return fail(ErrorKind::reject, fmt::format("host {} stands twice in the list of hosts for "
                                                 "the report",
                                                 chosen[i]->id));
    }
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const HostFacts* a, const HostFacts* b) { return place(*a) < place(*b); });
  return chosen;
}

}  // namespace

std::string size_key(std::uint64_t vcpus, std::uint64_t memory_bytes) {
  constexpr std::uint64_t gib = 1ULL << 30;
  return fmt::format("{}x{}", vcpus, (memory_bytes + gib - 1) / gib);
}

UtilizationTable narrowed(const UtilizationTable& table,
                          const std::function<bool(const HostFacts&)>& wanted) {
  UtilizationTable part{.month = table.month,
                        .as_of = table.as_of,
                        .provisional = table.provisional,
                        .rules = table.rules,
                        .calendar_version = table.calendar_version};
  for (const UtilizationRow& row : table.rows) {
    if (!wanted(row.host)) continue;
    add_week(part, row.week);
    if (row.part == row.parts) ++part.hosts;
    part.rows.push_back(row);
  }
  return part;
}

Result<UtilizationTable> build_utilization_table(const TableRequest& request,
                                                 std::span<const HostFacts> hosts,
                                                 const HourSource& source) {
  return table_of_folds(
      request, hosts, [&](const HostFacts& host, const FoldWindow& window) -> Result<FoldedHost> {
        MonthFold fold(window, *request.calendar);
        const auto sink = [&](const UsageHour& hour, std::string_view stream,
                              std::uint64_t number) { return fold.add(hour, stream, number); };
        auto unreadable = source(host, month_begin(request.month), month_end(request.month), sink);
        if (!unreadable) return failure(unreadable);
        return FoldedHost{.parts = fold.finish(), .unreadable = *unreadable};
      });
}

Result<UtilizationTable> table_of_folds(const TableRequest& request,
                                        std::span<const HostFacts> hosts,
                                        const FoldSource& source) {
  if (request.as_of <= month_begin(request.month)) {
    return fail(ErrorKind::reject, fmt::format("the month {} has not begun; choose an earlier one",
                                               format_month(request.month)));
  }
  UtilizationTable table;
  table.month = request.month;
  table.as_of = request.as_of;
  table.provisional = request.as_of < month_end(request.month);
  table.rules = *request.rules;
  table.calendar_version = request.calendar->version();
  auto chosen = hosts_of(request, hosts);
  if (!chosen) return failure(chosen);
  for (const HostFacts* host : *chosen) {
    if (auto added = add_host(table, request, *host, source); !added) return failure(added);
  }
  return table;
}

}  // namespace yunjian::rules
