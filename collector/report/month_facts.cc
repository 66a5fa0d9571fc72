#include "collector/report/month_facts.h"

#include <fmt/format.h>

#include <functional>

#include "ledger/base/bytes.h"
#include "rules/month/facts_fold.h"

namespace yunjian::collector {

using ledger::Result;
using ledger::Time;
using rules::Hundredths;
using rules::MonthFacts;

namespace {

constexpr std::size_t matches_max = 10'000'000;

ColumnTest is(std::string field, std::string wanted) {
  return {.field = std::move(field),
          .accepts = [wanted = std::move(wanted)](std::string_view value, bool) {
            return value == wanted;
          }};
}

// Where and of what is asked.
struct Asked {
  RecordStore& records;
  const Scope& scope;
  const FactsRequest& request;
};

ScanQuery query_of(const FactsRequest& request, std::vector<std::string> hosts, Lane lane) {
  ScanQuery query;
  query.lanes = {lane};
  query.from = request.from;
  query.to = request.to;
  query.filter.hosts = std::move(hosts);
  query.limit = matches_max;
  query.bytes_max = ~std::uint64_t{0};
  return query;
}

using Snapshot = rules::DiskSnapshot;

// The file systems as the newest usage record that is asked for has them.
Result<std::optional<Snapshot>> newest_disks(RecordStore& records, const Scope& scope,
                                             ScanQuery query) {
  query.limit = 1;
  std::optional<Snapshot> found;
  auto scanned = records.scan(scope, query, [&](const StoredRecord& stored) {
    const auto record = ledger::parse_record(stored.line);
    found = Snapshot{.time = stored.key.time,
                     .disks = record ? rules::disks_of(**record) : rules::Disks{}};
  });
  if (!scanned) return ledger::failure(scanned);
  return found;
}

Result<void> add_disks(const Asked& asked, const std::string& host, MonthFacts& facts) {
  const auto& [records, scope, request] = asked;
  ScanQuery query = query_of(request, {host}, Lane::usage);
  auto now = newest_disks(records, scope, query);
  if (!now) return ledger::failure(now);
  if (!*now || (*now)->disks.empty()) return {};
  Hundredths fullest = 0;
  for (const auto& [mount, used] : (*now)->disks) fullest = std::max(fullest, used);
  facts.disk_used = fullest;
  query.to = rules::growth_begin((*now)->time);
  if (query.to <= query.from) return {};
  auto before = newest_disks(records, scope, query);
  if (!before) return ledger::failure(before);
  if (*before) facts.disk_full_days = rules::days_to_full(**before, **now);
  return {};
}

Result<void> add_oom_kills(const Asked& asked, const std::string& host, MonthFacts& facts) {
  const auto& [records, scope, request] = asked;
  AggregateQuery query;
  static_cast<Selection&>(query) = query_of(request, {host}, Lane::usage);
  query.field = "system.oom_kills";
  auto counted = records.aggregate(scope, query);
  if (!counted) return ledger::failure(counted);
  for (const auto& [group, count] : counted->counts) {
    if (!group.value) continue;
    const auto kills = ledger::parse_decimal(*group.value);
    if (kills) facts.oom_kills = facts.oom_kills.value_or(0) + *kills * count;
  }
  return {};
}

// Whether any log record of the host is there, so that no login means nobody logged in.
Result<bool> sends_logs(const Asked& asked, const std::string& host) {
  const auto& [records, scope, request] = asked;
  ScanQuery query = query_of(request, {host}, Lane::event);
  query.filter.columns = {is("kind", "event")};
  query.limit = 1;
  bool any = false;
  auto scanned = records.scan(scope, query, [&](const StoredRecord&) { any = true; });
  if (!scanned) return ledger::failure(scanned);
  return any;
}

// Uses of what the host serves, by the records of its servers; absent when there is none.
Result<void> add_accesses(const Asked& asked, const std::string& host, MonthFacts& facts) {
  const auto& [records, scope, request] = asked;
  AggregateQuery query;
  static_cast<Selection&>(query) = query_of(request, {host}, Lane::event);
  query.filter.columns = {is("class_uid", "6003"),
                          is("status_id", "1"),
                          {.field = "src_endpoint.ip",
                           .accepts = [](std::string_view value, bool) { return !value.empty(); }}};
  auto counted = records.aggregate(scope, query);
  if (!counted) return ledger::failure(counted);
  for (const auto& [group, count] : counted->counts) {
    facts.accesses = facts.accesses.value_or(0) + count;
  }
  return {};
}

// Adds one to `count` of the host of every record that the columns let through.
Result<void> count_each(RecordStore& records, const Scope& scope, ScanQuery query,
                        const std::function<void(std::string_view host)>& count) {
  auto scanned =
      records.scan(scope, query, [&](const StoredRecord& stored) { count(stored.host); });
  if (!scanned) return ledger::failure(scanned);
  return {};
}

}  // namespace

Result<std::map<std::string, MonthFacts, std::less<>>> month_facts(RecordStore& records,
                                                                   const Scope& scope,
                                                                   const FactsRequest& request) {
  const Asked asked{.records = records, .scope = scope, .request = request};
  std::map<std::string, MonthFacts, std::less<>> facts;
  for (const std::string& host : request.hosts) {
    MonthFacts& of_host = facts[host];
    if (auto good = add_disks(asked, host, of_host); !good) {
      return ledger::failure(good);
    }
    if (auto good = add_oom_kills(asked, host, of_host); !good) {
      return ledger::failure(good);
    }
    auto sends = sends_logs(asked, host);
    if (!sends) return ledger::failure(sends);
    if (*sends) of_host.logins = 0;
    if (!*sends) continue;
    if (auto good = add_accesses(asked, host, of_host); !good) return ledger::failure(good);
  }
  ScanQuery logins = query_of(request, request.hosts, Lane::event);
  logins.filter.columns = {is("class_uid", "3002"), is("activity_id", "1"), is("status_id", "1")};
  auto counted = count_each(records, scope, logins, [&](std::string_view host) {
    const auto found = facts.find(host);
    if (found != facts.end() && found->second.logins) ++*found->second.logins;
  });
  if (!counted) return ledger::failure(counted);
  return facts;
}

}  // namespace yunjian::collector
