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

ColumnTest is_there(std::string field) {
  return {.field = std::move(field),
          .accepts = [](std::string_view value, bool) { return !value.empty(); }};
}

using Facts = std::map<std::string, MonthFacts, std::less<>>;

// Questions about all hosts at once: what a host costs is its own records, not a walk through the
// month's parts.
class FactsReader {
 public:
  FactsReader(RecordStore& records, const Scope& scope, const FactsRequest& request)
      : records_(records), scope_(scope), request_(request) {
    for (const std::string& host : request.hosts) facts_[host];
  }

  Result<Facts> read() {
    for (auto step : {&FactsReader::add_disks, &FactsReader::add_oom_kills,
                      &FactsReader::add_logins, &FactsReader::add_accesses}) {
      if (auto done = (this->*step)(); !done) return ledger::failure(done);
    }
    return std::move(facts_);
  }

 private:
  // Hosts, each with the time before which its records are asked for.
  using Bounds = std::map<std::string, Time, std::less<>>;
  using Visit = std::function<void(const std::string& host, const StoredRecord& record)>;

  ScanQuery query_of(Lane lane, std::vector<ColumnTest> columns) const {
    ScanQuery query;
    query.lanes = {lane};
    query.from = request_.from;
    query.to = request_.to;
    query.cancelled = request_.cancelled;
    query.filter.columns = std::move(columns);
    query.limit = matches_max;
    query.bytes_max = ~std::uint64_t{0};
    return query;
  }

  Bounds all_hosts() const {
    Bounds bounds;
    for (const auto& [host, facts] : facts_) bounds.emplace(host, request_.to);
    return bounds;
  }

  // The newest record of each host before its bound. Nearly all hosts have one just before it, so
  // the search begins there and goes back in ever longer steps for those that have none.
  Result<void> newest_of_each(Lane lane, const std::vector<ColumnTest>& columns, Bounds missing,
                              const Visit& visit) {
    std::chrono::microseconds width = std::chrono::minutes(2);
    Time end = request_.from;
    for (const auto& [host, bound] : missing) end = std::max(end, bound);
    while (!missing.empty() && end > request_.from) {
      ScanQuery query = query_of(lane, columns);
      query.to = end;
      query.from = std::max(request_.from, end - width);
      for (const auto& [host, bound] : missing) {
        if (bound > query.from) query.filter.hosts.insert(host);
      }
      end = query.from;
      width *= 8;
      if (query.filter.hosts.empty()) continue;
      auto scanned = records_.scan(scope_, query, [&](const StoredRecord& stored) {
        const auto found = missing.find(stored.host);
        if (found == missing.end() || stored.key.time >= found->second) return;
        visit(found->first, stored);
        missing.erase(found);
      });
      if (!scanned) return ledger::failure(scanned);
    }
    return {};
  }

  Result<std::map<std::string, rules::DiskSnapshot>> newest_disks(Bounds bounds) {
    std::map<std::string, rules::DiskSnapshot> snapshots;
    auto read = newest_of_each(Lane::usage, {}, std::move(bounds),
                               [&](const std::string& host, const StoredRecord& stored) {
                                 const auto record = ledger::parse_record(stored.line);
                                 snapshots[host] = {
                                     .time = stored.key.time,
                                     .disks = record ? rules::disks_of(**record) : rules::Disks{}};
                               });
    if (!read) return ledger::failure(read);
    return snapshots;
  }

  Result<void> add_disks() {
    auto now = newest_disks(all_hosts());
    if (!now) return ledger::failure(now);
    Bounds week_before;
    for (const auto& [host, snapshot] : *now) {
      if (snapshot.disks.empty()) continue;
      Hundredths fullest = 0;
      for (const auto& [mount, used] : snapshot.disks) fullest = std::max(fullest, used);
      facts_[host].disk_used = fullest;
      week_before.emplace(host, rules::growth_begin(snapshot.time));
    }
    auto before = newest_disks(std::move(week_before));
    if (!before) return ledger::failure(before);
    for (const auto& [host, snapshot] : *before) {
      facts_[host].disk_full_days = rules::days_to_full(snapshot, now->at(host));
    }
    return {};
  }

  Result<void> add_oom_kills() {
    auto known = newest_of_each(
        Lane::usage, {is_there("system.oom_kills")}, all_hosts(),
        [&](const std::string& host, const StoredRecord&) { facts_[host].oom_kills = 0; });
    if (!known) return known;
    const ColumnTest any{.field = "system.oom_kills", .accepts = [](std::string_view value, bool) {
                           return !value.empty() && value != "0";
                         }};
    auto scanned = records_.scan(scope_, query_of(Lane::usage, {any}), [&](const auto& stored) {
      const auto found = facts_.find(stored.host);
      const auto record = ledger::parse_record(stored.line);
      if (found == facts_.end() || !record || !found->second.oom_kills) return;
      const auto kills = ledger::parse_decimal((*record)->find("system.oom_kills").value_or(""));
      *found->second.oom_kills += kills.value_or(0);
    });
    return scanned ? Result<void>() : Result<void>(ledger::failure(scanned));
  }

  // Counts of the hosts whose records the columns let through.
  Result<Aggregate> count_hosts(std::vector<ColumnTest> columns) {
    AggregateQuery query;
    static_cast<Selection&>(query) = query_of(Lane::event, std::move(columns));
    query.by = CountBy::host;
    query.groups_max = matches_max;
    return records_.aggregate(scope_, query);
  }

  // Where any log record of the host is there, no login means that nobody logged in.
  Result<void> add_logins() {
    auto sending = newest_of_each(
        Lane::event, {is("kind", "event")}, all_hosts(),
        [&](const std::string& host, const StoredRecord&) { facts_[host].logins = 0; });
    if (!sending) return sending;
    auto counted =
        count_hosts({is("class_uid", "3002"), is("activity_id", "1"), is("status_id", "1")});
    if (!counted) return ledger::failure(counted);
    for (const auto& [group, count] : counted->counts) {
      const auto found = facts_.find(*group.value);
      if (found != facts_.end() && found->second.logins) found->second.logins = count;
    }
    return {};
  }

  // Uses of what the host serves, by the records of its servers; absent when there is none.
  Result<void> add_accesses() {
    auto counted =
        count_hosts({is("class_uid", "6003"), is("status_id", "1"), is_there("src_endpoint.ip")});
    if (!counted) return ledger::failure(counted);
    for (const auto& [group, count] : counted->counts) {
      const auto found = facts_.find(*group.value);
      if (found != facts_.end()) found->second.accesses = count;
    }
    return {};
  }

  RecordStore& records_;
  const Scope& scope_;
  const FactsRequest& request_;
  Facts facts_;
};

}  // namespace

Result<std::map<std::string, MonthFacts, std::less<>>> month_facts(RecordStore& records,
                                                                   const Scope& scope,
                                                                   const FactsRequest& request) {
  return FactsReader(records, scope, request).read();
}

}  // namespace yunjian::collector
