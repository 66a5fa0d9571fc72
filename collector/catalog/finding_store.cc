#include <fmt/format.h>

#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"
#include "collector/catalog/finding.h"
#include "collector/catalog/registry.h"
#include "rules/data_file.h"
#include "rules/findings/finding.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;
using soci::into;
using soci::use;

namespace {

struct FindingColumns {
  Finding finding;
  std::string opened, changed, details;

  void set(const Finding& given) {
    finding = given;
    opened = ledger::format_time(given.opened);
    changed = ledger::format_time(given.changed);
    details = entry_fields_json({.fields = given.details});
  }
  Result<Finding> get() const {
    Finding found = finding;
    found.opened = stored_time(opened);
    found.changed = stored_time(changed);
    const auto read = rules::parse_data_file(details);
    if (!read) {
      return ledger::fail(ErrorKind::corrupt, fmt::format("catalog: finding {} cannot be read: {}",
                                                          finding.id, read.error().message));
    }
    found.details.clear();
    for (const auto& [name, value] : read->members) found.details[name] = value.text;
    return found;
  }
};

constexpr const char* columns =
    "SELECT id, host, unit, verdict, state, month, due, stopped_since, opened, changed, details"
    " FROM finding";

bool is_wanted(const Finding& finding, const FindingFilter& filter) {
  if (!filter.host.empty() && finding.host != filter.host) return false;
  if (!filter.state.empty() && finding.state != filter.state) return false;
  if (!filter.month.empty() && finding.month != filter.month) return false;
  const auto state = rules::parse_finding_state(finding.state);
  return !filter.open_only || (state && !rules::is_closed(*state));
}

void add_step(soci::session& sql, const std::string& id, const FindingEvent& event) {
  const auto number = static_cast<long long>(event.number);
  const std::string time = ledger::format_time(event.time);
  sql << "INSERT INTO finding_step(finding, number, time, act, who, state, reason)"
         " VALUES (:finding, :number, :time, :act, :who, :state, :reason)",
      use(id), use(number), use(time), use(event.act), use(event.who), use(event.state),
      use(event.reason);
}

constexpr long long not_measured = -1;

std::optional<std::uint64_t> measured(long long mean) {
  return mean < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(mean));
}

void put_mean(soci::session& sql, const StoredOutcome& outcome) {
  const auto column = [](const std::optional<std::uint64_t>& mean) {
    return mean ? static_cast<long long>(*mean) : not_measured;
  };
  const long long cpu = column(outcome.cpu_mean);
  const long long memory = column(outcome.memory_mean);
  sql << "INSERT INTO month_mean(host, month, cpu, memory) VALUES (:host, :month, :cpu, :memory)"
         " ON CONFLICT(host, month) DO UPDATE SET cpu = excluded.cpu, memory = excluded.memory",
      use(outcome.host), use(outcome.month), use(cpu), use(memory);
}

long long steps_of(soci::session& sql, const std::string& id) {
  long long count = 0;
  sql << "SELECT count(*) FROM finding_step WHERE finding = :id", use(id), into(count);
  return count;
}

}  // namespace

Result<void> Catalog::put_finding(const Finding& finding, const FindingEvent& event) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    soci::transaction all(sql);
    if (steps_of(sql, finding.id) != static_cast<long long>(event.number)) {
      return ledger::fail(
          ErrorKind::retry,
          fmt::format("finding {} was changed meanwhile; look at it again", finding.id));
    }
    FindingColumns row;
    row.set(finding);
    sql << "INSERT INTO finding(id, host, unit, verdict, state, month, due, stopped_since, opened,"
           " changed, details) VALUES (:id, :host, :unit, :verdict, :state, :month, :due, :stopped,"
           " :opened, :changed, :details) ON CONFLICT(id) DO UPDATE SET verdict = excluded.verdict,"
           " state = excluded.state, due = excluded.due, stopped_since = excluded.stopped_since,"
           " changed = excluded.changed, details = excluded.details",
        use(row.finding.id), use(row.finding.host), use(row.finding.unit), use(row.finding.verdict),
        use(row.finding.state), use(row.finding.month), use(row.finding.due),
        use(row.finding.stopped_since), use(row.opened), use(row.changed), use(row.details);
    add_step(sql, finding.id, event);
    all.commit();
    return {};
  });
}

Result<std::vector<Finding>> Catalog::findings(const Scope& scope,
                                               const FindingFilter& filter) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<Finding>> {
    FindingColumns row;
    Finding& to = row.finding;
    std::vector<Finding> found;
    soci::statement rows =
        (sql.prepare << fmt::format("{} ORDER BY id", columns), into(to.id), into(to.host),
         into(to.unit), into(to.verdict), into(to.state), into(to.month), into(to.due),
         into(to.stopped_since), into(row.opened), into(row.changed), into(row.details));
    rows.execute();
    while (rows.fetch()) {
      if (!scope.allows(to.unit) || !is_wanted(to, filter)) continue;
      auto finding = row.get();
      if (!finding) return ledger::failure(finding);
      found.push_back(std::move(*finding));
    }
    return found;
  });
}

Result<std::optional<Finding>> Catalog::finding(const Scope& scope, std::string_view id) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<Finding>> {
    FindingColumns row;
    Finding& to = row.finding;
    const std::string wanted(id);
    sql << fmt::format("{} WHERE id = :id", columns), use(wanted), into(to.id), into(to.host),
        into(to.unit), into(to.verdict), into(to.state), into(to.month), into(to.due),
        into(to.stopped_since), into(row.opened), into(row.changed), into(row.details);
    if (!sql.got_data() || !scope.allows(to.unit)) return std::optional<Finding>();
    auto finding = row.get();
    if (!finding) return ledger::failure(finding);
    return std::optional<Finding>(std::move(*finding));
  });
}

Result<std::vector<FindingEvent>> Catalog::finding_events(std::string_view id) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<FindingEvent>> {
    const std::string wanted(id);
    FindingEvent event;
    std::string time;
    long long number = 0;
    std::vector<FindingEvent> found;
    soci::statement rows =
        (sql.prepare << "SELECT number, time, act, who, state, reason FROM finding_step"
                        " WHERE finding = :id ORDER BY number",
         use(wanted), into(number), into(time), into(event.act), into(event.who), into(event.state),
         into(event.reason));
    rows.execute();
    while (rows.fetch()) {
      event.number = static_cast<std::uint64_t>(number);
      event.time = stored_time(time);
      found.push_back(event);
    }
    return found;
  });
}

Result<void> Catalog::put_outcomes(const std::vector<StoredOutcome>& outcomes) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    soci::transaction all(sql);
    StoredOutcome row;
    soci::statement upsert =
        (sql.prepare
             << "INSERT INTO month_outcome(host, month, size, verdict, clears, exempt, rules)"
                " VALUES (:host, :month, :size, :verdict, :clears, :exempt, :rules)"
                " ON CONFLICT(host, month) DO UPDATE SET size = excluded.size,"
                " verdict = excluded.verdict, clears = excluded.clears,"
                " exempt = excluded.exempt, rules = excluded.rules",
         use(row.host), use(row.month), use(row.size), use(row.verdict), use(row.clears),
         use(row.exempt), use(row.rules));
    for (const StoredOutcome& outcome : outcomes) {
      row = outcome;
      upsert.execute(true);
      put_mean(sql, outcome);
    }
    all.commit();
    return {};
  });
}

Result<std::vector<StoredOutcome>> Catalog::outcomes(const std::string& from,
                                                     const std::string& until) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<StoredOutcome>> {
    StoredOutcome row;
    long long cpu = 0;
    long long memory = 0;
    std::vector<StoredOutcome> found;
    soci::statement rows =
        (sql.prepare << "SELECT o.host, o.month, size, verdict, clears, exempt, rules,"
                        " coalesce(cpu, -1), coalesce(memory, -1) FROM month_outcome o"
                        " LEFT JOIN month_mean m ON m.host = o.host AND m.month = o.month"
                        " WHERE o.month >= :from AND o.month < :until ORDER BY o.host, o.month",
         use(from), use(until), into(row.host), into(row.month), into(row.size), into(row.verdict),
         into(row.clears), into(row.exempt), into(row.rules), into(cpu), into(memory));
    rows.execute();
    while (rows.fetch()) {
      row.cpu_mean = measured(cpu);
      row.memory_mean = measured(memory);
      found.push_back(row);
    }
    return found;
  });
}

Result<std::set<std::string, std::less<>>> Catalog::sealed_outcome_months() const {
  using Months = std::set<std::string, std::less<>>;
  return with_database(*impl_, [&](soci::session& sql) -> Result<Months> {
    std::string month;
    Months months;
    soci::statement rows = (sql.prepare << "SELECT month FROM sealed_outcomes", into(month));
    rows.execute();
    while (rows.fetch()) months.insert(month);
    return months;
  });
}

Result<void> Catalog::set_outcomes_sealed(const std::string& month) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    sql << "INSERT INTO sealed_outcomes(month) VALUES (:month) ON CONFLICT(month) DO NOTHING",
        use(month);
    return {};
  });
}

Result<std::uint64_t> Catalog::finding_steps() const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::uint64_t> {
    long long count = 0;
    sql << "SELECT count(*) FROM finding_step", into(count);
    return static_cast<std::uint64_t>(count);
  });
}

Result<std::uint64_t> Catalog::projected_acts() const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::uint64_t> {
    long long count = 0;
    sql << "SELECT coalesce(max(acts), 0) FROM projected", into(count);
    return static_cast<std::uint64_t>(count);
  });
}

Result<void> Catalog::set_projected_acts(std::uint64_t count) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const auto acts = static_cast<long long>(count);
    soci::transaction all(sql);
    sql << "DELETE FROM projected";
    sql << "INSERT INTO projected(acts) VALUES (:acts)", use(acts);
    all.commit();
    return {};
  });
}

Result<std::optional<RepeatedAnswer>> Catalog::repeated_answer(const RepeatedKey& key) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<RepeatedAnswer>> {
    RepeatedAnswer answer;
    long long status = 0;
    sql << "SELECT request_sha256, status, body FROM repeated_request"
           " WHERE credential = :credential AND key = :key",
        use(key.credential), use(key.key), into(answer.request_sha256), into(status),
        into(answer.body);
    if (!sql.got_data()) return std::optional<RepeatedAnswer>();
    answer.status = static_cast<int>(status);
    return std::optional(answer);
  });
}

Result<void> Catalog::keep_answer(const RepeatedKey& key, const RepeatedAnswer& answer,
                                  ledger::Time now) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const long long status = answer.status;
    const std::string time = ledger::format_time(now);
    const std::string old = ledger::format_time(now - repeated_answers_kept);
    soci::transaction all(sql);
    sql << "DELETE FROM repeated_request WHERE time < :old", use(old);
    sql << "INSERT INTO repeated_request(credential, key, request_sha256, status, body, time)"
           " VALUES (:credential, :key, :request, :status, :body, :time)"
           " ON CONFLICT(credential, key) DO NOTHING",
        use(key.credential), use(key.key), use(answer.request_sha256), use(status),
        use(answer.body), use(time);
    all.commit();
    return {};
  });
}

}  // namespace yunjian::collector
