#include "collector/api/month_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/api/parameters.h"
#include "collector/report/table_json.h"
#include "collector/report/table_xlsx.h"
#include "ledger/leaves.h"
#include "ledger/note.h"
#include "rules/calendar/calendar.h"

namespace yunjian::collector {

using ledger::Result;
using ledger::Time;

namespace {

// A part of an hour is sealed when it ends, and its record bears that time; one that begins before
// the month's end may bear a time this much behind it.
constexpr std::chrono::hours record_time_lag{2};
// Hour records of one host and month: 744 hours, and as many parts again and more.
constexpr std::size_t hours_max = 1'000'000;

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

std::optional<std::uint64_t> known_size(std::uint64_t size) {
  return size == 0 ? std::nullopt : std::optional(size);
}

Result<std::vector<HostFacts>> facts_of_hosts(const MonthSources& sources, const Scope& scope) {
  auto enrolled = first_enrolments(*sources.log, scope);
  if (!enrolled) return ledger::failure(enrolled);
  auto units = sources.catalog->units(scope);
  if (!units) return ledger::failure(units);
  auto hosts = sources.catalog->hosts(scope);
  if (!hosts) return ledger::failure(hosts);
  std::map<std::string_view, const Unit*> unit_by_id;
  for (const auto& unit : *units) unit_by_id[unit.id] = &unit;
  std::vector<HostFacts> facts;
  for (const auto& host : *hosts) {
    const auto first = enrolled->find(host.id);
    const auto unit = unit_by_id.find(host.unit);
    if (first == enrolled->end() || unit == unit_by_id.end()) continue;
    facts.push_back({.id = host.id,
                     .name = host.name.empty() ? host.id : host.name,
                     .unit = host.unit,
                     .unit_name = unit->second->name,
                     .county = unit->second->county,
                     .system = host.system,
                     .vcpus = known_size(host.vcpus),
                     .memory_bytes = known_size(host.memory_bytes),
                     .enrolled = first->second});
  }
  return facts;
}

struct HourRecord {
  std::string stream;
  std::uint64_t number;
  ledger::UsageHour hour;
};

// Reads the hours of one host from the store, which gives them by time, and hands them on as the
// table wants them: stream by stream.
Result<std::uint64_t> give_hours(RecordStore& records, const Scope& scope, const ScanQuery& query,
                                 const HourSink& sink) {
  std::vector<HourRecord> hours;
  std::uint64_t unreadable = 0;
  auto stats = records.scan(scope, query, [&](const StoredRecord& stored) {
    auto record = ledger::parse_record(stored.line);
    auto hour = record ? ledger::read_usage_hour(**record)
                       : Result<ledger::UsageHour>(ledger::failure(record));
    if (hour) {
      hours.push_back({stored.key.stream, stored.key.number, std::move(*hour)});
    } else {
      ++unreadable;
    }
  });
  if (!stats) return ledger::failure(stats);
  if (!stats->complete) {
    return ledger::fail(ledger::ErrorKind::full,
                        fmt::format("host {}: more than {} hour records in the month",
                                    query.filter.hosts.front(), hours_max));
  }
  std::sort(hours.begin(), hours.end(), [](const HourRecord& a, const HourRecord& b) {
    return std::tie(a.stream, a.number) < std::tie(b.stream, b.number);
  });
  for (const auto& each : hours) {
    if (auto taken = sink(each.hour, each.stream, each.number); !taken) {
      return ledger::failure(taken);
    }
  }
  return unreadable;
}

ScanQuery hours_query(const std::string& host, Time from, Time to) {
  ScanQuery query;
  query.lanes = {Lane::hour};
  query.from = from;
  query.to = to + record_time_lag;
  query.filter.hosts = {host};
  query.order = Order::oldest_first;
  query.limit = hours_max;
  query.bytes_max = ~std::uint64_t{0};
  return query;
}

// No two tables that live at one time share an address.
std::string scratch_name(const UtilizationTable& table) {
  return fmt::format("utilization-{}.xlsx", fmt::ptr(&table));
}

}  // namespace

Result<UtilizationTable> month_table(const MonthSources& sources, const Scope& scope,
                                     rules::Month month) {
  auto rule_set = rules::default_rule_set();
  if (!rule_set) return ledger::failure(rule_set);
  auto calendar = rules::cn_calendar();
  if (!calendar) return ledger::failure(calendar);
  auto hosts = facts_of_hosts(sources, scope);
  if (!hosts) return ledger::failure(hosts);
  const TableRequest request{
      .month = month, .as_of = sources.clock->wall(), .rules = &*rule_set, .calendar = &*calendar};
  return build_utilization_table(
      request, *hosts, [&](const HostFacts& host, Time from, Time to, const HourSink& sink) {
        return give_hours(*sources.records, scope, hours_query(host.id, from, to), sink);
      });
}

Result<std::string> utilization_workbook(ledger::FileSystem& files, const std::string& scratch,
                                         const UtilizationTable& table) {
  if (auto made = files.make_directory(scratch, 0700); !made) return ledger::failure(made);
  const std::string path = ledger::join_path(scratch, scratch_name(table));
  if (auto written = write_utilization_xlsx(files, path, table); !written) {
    return ledger::failure(written);
  }
  auto bytes = files.read_file(path);
  if (auto removed = files.remove(path); !removed) return ledger::failure(removed);
  return bytes;
}

Outcome<Response> get_utilization(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  const auto month = rules::parse_month(call.parts[0]);
  const bool workbook = call.parts[1] == "utilization.xlsx";
  if (!month || (!workbook && call.parts[1] != "utilization.json")) return not_found();
  const auto& scope = call.credential.scope;
  auto table = month_table({.catalog = context.catalog,
                            .log = context.log,
                            .records = context.records,
                            .clock = context.clock},
                           scope, *month);
  if (!table && table.error().kind == ledger::ErrorKind::reject) {
    return bad_request(table.error().message);
  }
  if (!table) return storage_problem(table.error());
  Response response;
  if (workbook) {
    auto bytes = utilization_workbook(*context.files, context.scratch, *table);
    if (!bytes) return storage_problem(bytes.error());
    response.content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    response.headers.emplace_back(
        "Content-Disposition",
        fmt::format("attachment; filename=\"utilization-{}.xlsx\"", call.parts[0]));
    response.body = std::move(*bytes);
  } else {
    response.body = utilization_json(*table);
  }
  Act act = look(context, call, "report");
  act.number("results", table->rows.size());
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  return response;
}

}  // namespace yunjian::collector
