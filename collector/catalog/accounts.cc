#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"
#include "collector/catalog/granted.h"
#include "ledger/base/bytes.h"

// The part of the catalog that holds accounts and what was granted to them.

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;
using ledger::Time;
using soci::into;
using soci::use;

namespace {

constexpr std::size_t account_id_bytes_max = 64;
constexpr std::array all_roles{Role::authority, Role::county,   Role::unit, Role::provider,
                               Role::system,    Role::security, Role::audit};
constexpr std::array all_kinds{GrantKind::role, GrantKind::messages, GrantKind::token};

// Columns of one grant, bound to a statement; outlives it.
struct GrantColumns {
  std::string id, kind, holder, role, units, county, token, reason, from, until;
  std::string proposed_by, proposed, approved_by, approved, revoked_by, revoked;

  void set(const Grant& grant) {
    id = grant.id;
    kind = to_string(grant.kind);
    holder = grant.to;
    role = to_string(grant.role);
    units = fmt::format("{}", fmt::join(grant.units, " "));
    county = grant.county;
    token = grant.token;
    reason = grant.reason;
    from = ledger::format_time(grant.from);
    until = ledger::format_time(grant.until);
    proposed_by = grant.proposed_by;
    proposed = ledger::format_time(grant.proposed);
    approved_by = grant.approved_by;
    approved = ledger::format_time(grant.approved);
    revoked_by = grant.revoked_by;
    revoked = ledger::format_time(grant.revoked);
  }

  Grant get() const {
    const auto known = std::ranges::find(all_kinds, kind, [](GrantKind k) { return to_string(k); });
    Grant grant{.id = id, .to = holder, .county = county, .token = token, .reason = reason};
    // What a newer program wrote holds for nothing here.
    const auto read_role = parse_role(role);
    const bool readable = known != all_kinds.end() && read_role;
    if (readable) grant.kind = *known;
    if (readable) grant.role = *read_role;
    std::istringstream words(units);
    for (std::string unit; words >> unit;) grant.units.push_back(unit);
    grant.from = stored_time(from);
    grant.until = readable ? stored_time(until) : Time{};
    grant.proposed_by = proposed_by;
    grant.proposed = stored_time(proposed);
    grant.approved_by = approved_by;
    grant.approved = stored_time(approved);
    grant.revoked_by = revoked_by;
    grant.revoked = stored_time(revoked);
    return grant;
  }
};

constexpr const char* grant_columns =
    "SELECT id, kind, holder, role, units, county, token, reason, valid_from, valid_until,"
    " proposed_by, proposed, approved_by, approved, revoked_by, revoked FROM granted";

template <typename Statement>
auto&& into_columns(Statement&& statement, GrantColumns& row) {
  return statement, into(row.id), into(row.kind), into(row.holder), into(row.role), into(row.units),
         into(row.county), into(row.token), into(row.reason), into(row.from), into(row.until),
         into(row.proposed_by), into(row.proposed), into(row.approved_by), into(row.approved),
         into(row.revoked_by), into(row.revoked);
}

std::vector<Grant> fetch_grants(soci::statement& rows, const GrantColumns& row) {
  std::vector<Grant> found;
  rows.execute();
  while (rows.fetch()) found.push_back(row.get());
  return found;
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::authority:
      return "authority";
    case Role::county:
      return "county";
    case Role::unit:
      return "unit";
    case Role::provider:
      return "provider";
    case Role::system:
      return "system";
    case Role::security:
      return "security";
    case Role::audit:
      return "audit";
  }
  return "unit";
}

Result<Role> parse_role(std::string_view text) {
  for (const Role role : all_roles) {
    if (to_string(role) == text) return role;
  }
  return ledger::fail(ErrorKind::reject,
                      fmt::format("role '{}' is none of authority, county, unit, provider, system, "
                                  "security, audit",
                                  text));
}

bool is_administrator(Role role) {
  return role == Role::system || role == Role::security || role == Role::audit;
}

std::string_view to_string(GrantKind kind) {
  switch (kind) {
    case GrantKind::role:
      return "role";
    case GrantKind::messages:
      return "messages";
    case GrantKind::token:
      return "token";
  }
  return "role";
}

bool is_account_id(std::string_view id) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto good = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (id.empty() || id.size() > account_id_bytes_max || !letter(id.front())) return false;
  if (!std::ranges::all_of(id, good)) return false;
  return id.size() != token_id_digits || id.find_first_not_of("0123456789abcdef") != id.npos;
}

bool Grant::is_waiting(Time now) const {
  return approved_by.empty() && revoked_by.empty() && now < until;
}

bool Grant::holds(Time now) const {
  return !approved_by.empty() && revoked_by.empty() && from <= now && now < until;
}

std::string_view Grant::state(Time now) const {
  if (!revoked_by.empty()) return "revoked";
  if (now >= until) return "expired";
  if (approved_by.empty()) return "proposed";
  return now < from ? "coming" : "valid";
}

std::vector<Grant> grants_to(soci::session& sql, const std::string& holder) {
  GrantColumns row;
  auto prepared =
      sql.prepare << fmt::format("{} WHERE holder = :holder ORDER BY proposed, id", grant_columns);
  soci::statement rows = (into_columns(prepared, row), use(holder));
  return fetch_grants(rows, row);
}

Result<std::vector<Grant>> Catalog::grants() const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<Grant>> {
    GrantColumns row;
    auto prepared = sql.prepare << fmt::format("{} ORDER BY proposed, id", grant_columns);
    soci::statement rows = into_columns(prepared, row);
    return fetch_grants(rows, row);
  });
}

Result<void> Catalog::put_grant(const Grant& grant) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    GrantColumns row;
    row.set(grant);
    sql << "INSERT INTO granted(id, kind, holder, role, units, county, token, reason, valid_from,"
           " valid_until, proposed_by, proposed, approved_by, approved, revoked_by, revoked)"
           " VALUES (:id, :kind, :holder, :role, :units, :county, :token, :reason, :from, :until,"
           " :proposed_by, :proposed, :approved_by, :approved, :revoked_by, :revoked)"
           " ON CONFLICT(id) DO UPDATE SET approved_by = excluded.approved_by,"
           " approved = excluded.approved, revoked_by = excluded.revoked_by,"
           " revoked = excluded.revoked",
        use(row.id), use(row.kind), use(row.holder), use(row.role), use(row.units), use(row.county),
        use(row.token), use(row.reason), use(row.from), use(row.until), use(row.proposed_by),
        use(row.proposed), use(row.approved_by), use(row.approved), use(row.revoked_by),
        use(row.revoked);
    return {};
  });
}

Result<void> Catalog::add_account(const Account& account) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    long long there = 0;
    sql << "SELECT count(*) FROM account WHERE id = :id", use(account.id), into(there);
    if (there > 0) {
      return ledger::fail(ErrorKind::reject,
                          fmt::format("account '{}' is there already", account.id));
    }
    const std::string created = ledger::format_time(account.created);
    sql << "INSERT INTO account(id, name, created, closed) VALUES (:id, :name, :created, 0)",
        use(account.id), use(account.name), use(created);
    return {};
  });
}

Result<bool> Catalog::close_account(std::string_view id) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<bool> {
    const std::string wanted(id);
    soci::statement update =
        (sql.prepare << "UPDATE account SET closed = 1 WHERE id = :id", use(wanted));
    update.execute(true);
    return update.get_affected_rows() > 0;
  });
}

Result<std::vector<Account>> Catalog::accounts() const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<Account>> {
    std::string id, name, created;
    long long closed = 0;
    soci::statement rows =
        (sql.prepare << "SELECT id, name, created, closed FROM account ORDER BY id", into(id),
         into(name), into(created), into(closed));
    rows.execute();
    std::vector<Account> found;
    while (rows.fetch()) {
      found.push_back(
          {.id = id, .name = name, .created = stored_time(created), .closed = closed != 0});
    }
    return found;
  });
}

}  // namespace yunjian::collector
