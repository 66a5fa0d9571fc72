#include <fmt/format.h>

#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"
#include "collector/catalog/granted.h"

// The part of the catalog that holds API tokens, and says what a token may do at a moment.

namespace yunjian::collector {

using ledger::Result;
using ledger::Time;
using soci::into;
using soci::use;

namespace {

Scope::Units select_units(soci::session& sql, const std::string& statement,
                          const std::string& key) {
  Scope::Units units;
  std::string unit;
  soci::statement rows = (sql.prepare << statement, use(key), into(unit));
  rows.execute();
  while (rows.fetch()) units.insert(unit);
  return units;
}

Scope::Units units_of_token(soci::session& sql, const std::string& id) {
  return select_units(sql, "SELECT unit FROM token_unit WHERE token = :id ORDER BY unit", id);
}

struct TokenRow {
  std::string id, name, role, county, created, expires, account, made_by;
  long long revoked = 0;
};

constexpr const char* token_columns =
    "SELECT t.id, t.name, t.role, t.county, t.created, t.expires, t.revoked,"
    " coalesce(a.account, ''), coalesce(a.made_by, '')"
    " FROM token t LEFT JOIN account_token a ON a.token = t.id";

std::optional<TokenRow> find_token(soci::session& sql, const std::string& column,
                                   const std::string& value) {
  TokenRow row;
  sql << fmt::format("{} WHERE t.{} = :value", token_columns, column), use(value), into(row.id),
      into(row.name), into(row.role), into(row.county), into(row.created), into(row.expires),
      into(row.revoked), into(row.account), into(row.made_by);
  if (!sql.got_data()) return std::nullopt;
  return row;
}

// What a role sees, given the units or the county that go with it.
Scope scope_of(soci::session& sql, Role role, Scope::Units units, const std::string& county) {
  switch (role) {
    case Role::authority:
      return Scope::all();
    case Role::provider:
    case Role::system:
      return Scope::all().with_messages_of({});
    case Role::county:
      return Scope::units(select_units(sql, "SELECT id FROM unit WHERE county = :county", county));
    case Role::unit:
      return Scope::units(std::move(units));
    case Role::security:
    case Role::audit:
      break;
  }
  return Scope::units({});
}

void add_messages(const std::vector<Grant>& grants, Time now, Credential& credential) {
  if (credential.role != Role::provider) return;
  Scope::Units units;
  for (const Grant& grant : grants) {
    if (grant.kind == GrantKind::messages && grant.holds(now)) {
      units.insert(grant.units.begin(), grant.units.end());
    }
  }
  credential.scope = credential.scope.with_messages_of(std::move(units));
}

bool is_closed(soci::session& sql, const std::string& account) {
  long long closed = 1;
  sql << "SELECT closed FROM account WHERE id = :id", use(account), into(closed);
  return !sql.got_data() || closed != 0;
}

// What the account of the token may do now; nothing without a valid grant of a role.
std::optional<Credential> credential_of_account(soci::session& sql, const TokenRow& row, Time now) {
  if (is_closed(sql, row.account)) return std::nullopt;
  const auto grants = grants_to(sql, row.account);
  bool token_valid = row.made_by.empty();
  const Grant* role = nullptr;
  for (const Grant& grant : grants) {
    if (!grant.holds(now)) continue;
    token_valid |= grant.kind == GrantKind::token && grant.token == row.id;
    if (grant.kind == GrantKind::role) role = &grant;
  }
  if (!token_valid || role == nullptr) return std::nullopt;
  Credential found{.id = row.id, .name = row.name, .role = role->role, .account = row.account};
  found.scope = scope_of(sql, role->role, {role->units.begin(), role->units.end()}, role->county);
  add_messages(grants, now, found);
  return found;
}

Result<std::optional<Credential>> credential_of_row(soci::session& sql, const TokenRow& row,
                                                    Time now) {
  if (row.revoked != 0 || stored_time(row.expires) <= now) return std::optional<Credential>();
  if (!row.account.empty()) return credential_of_account(sql, row, now);
  auto role = parse_role(row.role);
  if (!role) return ledger::failure(role, "token " + row.id);
  Credential found{.id = row.id, .name = row.name, .role = *role};
  found.scope = scope_of(sql, *role, units_of_token(sql, row.id), row.county);
  if (*role == Role::provider) add_messages(grants_to(sql, row.id), now, found);
  return std::optional<Credential>(std::move(found));
}

void insert_token(soci::session& sql, const std::string& hash, const TokenSpec& spec, Time now) {
  const std::string id = hash.substr(0, token_id_digits);
  const std::string role(to_string(spec.role));
  const std::string created = ledger::format_time(now);
  const std::string expires = ledger::format_time(spec.expires);
  sql << "INSERT INTO token(id, secret_sha256, name, role, county, created, expires, revoked)"
         " VALUES (:id, :hash, :name, :role, :county, :created, :expires, 0)",
      use(id), use(hash), use(spec.name), use(role), use(spec.county), use(created), use(expires);
  std::string unit;
  soci::statement add = (sql.prepare << "INSERT INTO token_unit(token, unit) VALUES (:id, :unit)"
                                        " ON CONFLICT DO NOTHING",
                         use(id), use(unit));
  for (const auto& each : spec.units) {
    unit = each;
    add.execute(true);
  }
}

}  // namespace

std::string token_id(std::string_view secret) {
  return secret_hash(secret).substr(0, token_id_digits);
}

std::string certificate_secret(std::string_view sha256) {
  return fmt::format("certificate:{}", sha256);
}

Result<std::string> Catalog::add_token(std::string_view secret, const TokenSpec& spec, Time now) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::string> {
    const std::string hash = secret_hash(secret);
    soci::transaction all(sql);
    insert_token(sql, hash, spec, now);
    all.commit();
    return hash.substr(0, token_id_digits);
  });
}

Result<std::string> Catalog::add_account_token(std::string_view secret, const AccountToken& spec,
                                               Time now) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::string> {
    const std::string hash = secret_hash(secret);
    const std::string id = hash.substr(0, token_id_digits);
    soci::transaction all(sql);
    std::string name;
    sql << "SELECT name FROM account WHERE id = :id", use(spec.account), into(name);
    if (!sql.got_data()) {
      return ledger::fail(ledger::ErrorKind::reject,
                          fmt::format("there is no account '{}'", spec.account));
    }
    insert_token(sql, hash, {.name = name, .role = Role::unit, .expires = spec.expires}, now);
    sql << "INSERT INTO account_token(token, account, made_by) VALUES (:token, :account, :by)",
        use(id), use(spec.account), use(spec.made_by);
    all.commit();
    return id;
  });
}

Result<std::optional<Credential>> Catalog::credential(std::string_view secret, Time now) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<Credential>> {
    const auto row = find_token(sql, "secret_sha256", secret_hash(secret));
    if (!row) return std::optional<Credential>();
    return credential_of_row(sql, *row, now);
  });
}

Result<std::optional<Credential>> Catalog::credential_of(std::string_view token_id,
                                                         Time now) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<Credential>> {
    const auto row = find_token(sql, "id", std::string(token_id));
    if (!row) return std::optional<Credential>();
    return credential_of_row(sql, *row, now);
  });
}

Result<std::vector<TokenInfo>> Catalog::tokens() const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<TokenInfo>> {
    TokenRow row;
    soci::statement rows =
        (sql.prepare << fmt::format("{} ORDER BY t.created, t.id", token_columns), into(row.id),
         into(row.name), into(row.role), into(row.county), into(row.created), into(row.expires),
         into(row.revoked), into(row.account), into(row.made_by));
    rows.execute();
    std::vector<TokenInfo> found;
    while (rows.fetch()) {
      auto role = parse_role(row.role);
      if (!role) return ledger::failure(role, "token " + row.id);
      const auto units = units_of_token(sql, row.id);
      found.push_back({.id = row.id,
                       .spec = {.name = row.name,
                                .role = *role,
                                .units = {units.begin(), units.end()},
                                .county = row.county,
                                .expires = stored_time(row.expires)},
                       .created = stored_time(row.created),
                       .revoked = row.revoked != 0,
                       .account = row.account,
                       .made_by = row.made_by});
    }
    return found;
  });
}

Result<bool> Catalog::revoke_token(std::string_view id) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<bool> {
    const std::string wanted(id);
    soci::statement update =
        (sql.prepare << "UPDATE token SET revoked = 1 WHERE id = :id", use(wanted));
    update.execute(true);
    return update.get_affected_rows() > 0;
  });
}

}  // namespace yunjian::collector
