#include <fmt/format.h>

#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;
using soci::into;
using soci::use;

Result<void> Catalog::put_hold(const Hold& hold) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const auto first = static_cast<long long>(hold.first_day);
    const auto last = static_cast<long long>(hold.last_day);
    const std::string since = ledger::format_time(hold.since);
    sql << "INSERT INTO hold(id, unit, host, first_day, last_day, reason, who, since, lifted)"
           " VALUES (:id, :unit, :host, :first, :last, :reason, :who, :since, '')",
        use(hold.id), use(hold.unit), use(hold.host), use(first), use(last), use(hold.reason),
        use(hold.who), use(since);
    return {};
  });
}

Result<void> Catalog::lift_hold(std::string_view id, ledger::Time now) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const std::string key(id);
    const std::string lifted = ledger::format_time(now);
    long long there = 0;
    sql << "SELECT count(*) FROM hold WHERE id = :id AND lifted = ''", use(key), into(there);
    if (there == 0) {
      return ledger::fail(ErrorKind::reject,
                          fmt::format("there is no hold '{}' that counts; see `hold list`", key));
    }
    sql << "UPDATE hold SET lifted = :lifted WHERE id = :id", use(lifted), use(key);
    return {};
  });
}

Result<std::vector<Hold>> Catalog::holds(const Scope& scope) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<Hold>> {
    Hold row;
    long long first = 0;
    long long last = 0;
    std::string since;
    std::string lifted;
    std::vector<Hold> found;
    soci::statement rows =
        (sql.prepare << "SELECT id, unit, host, first_day, last_day, reason, who, since, lifted"
                        " FROM hold ORDER BY since, id",
         into(row.id), into(row.unit), into(row.host), into(first), into(last), into(row.reason),
         into(row.who), into(since), into(lifted));
    rows.execute();
    while (rows.fetch()) {
      if (!row.unit.empty() && !scope.allows(row.unit)) continue;
      row.first_day = static_cast<std::uint64_t>(first);
      row.last_day = static_cast<std::uint64_t>(last);
      row.since = stored_time(since);
      row.lifted = lifted.empty() ? std::nullopt : std::optional(stored_time(lifted));
      found.push_back(row);
    }
    return found;
  });
}

}  // namespace yunjian::collector
