#include <fmt/format.h>

#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"
#include "ledger/base/bytes.h"

// The part of the catalog that holds credentials: API tokens, enrol tokens and reservations.

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;
using ledger::Time;
using soci::into;
using soci::use;

namespace {

constexpr std::size_t token_id_digits = 12;

// The public name of a token: a prefix of the hash of a secret with 256 bits of its own.
std::string id_of(const std::string& hash) { return hash.substr(0, token_id_digits); }

std::set<std::string, std::less<>> select_units(soci::session& sql, const std::string& statement,
                                                const std::string& key) {
  std::set<std::string, std::less<>> units;
  std::string unit;
  soci::statement rows = (sql.prepare << statement, use(key), into(unit));
  rows.execute();
  while (rows.fetch()) units.insert(unit);
  return units;
}

std::set<std::string, std::less<>> units_of_token(soci::session& sql, const std::string& id) {
  return select_units(sql, "SELECT unit FROM token_unit WHERE token = :id ORDER BY unit", id);
}

Scope scope_of(soci::session& sql, Role role, const std::string& id, const std::string& county) {
  switch (role) {
    case Role::authority:
    case Role::provider:
      return Scope::all();
    case Role::county:
      return Scope::units(select_units(sql, "SELECT id FROM unit WHERE county = :county", county));
    case Role::unit:
      return Scope::units(units_of_token(sql, id));
  }
  return Scope::units({});
}

struct EnrolRow {
  std::string id, unit, agent, expires;
  long long uses = 0;
  long long used = 0;
};

std::optional<EnrolRow> find_enrol_token(soci::session& sql, std::string_view secret) {
  EnrolRow row;
  const std::string hash = secret_hash(secret);
  sql << "SELECT id, unit, agent, expires, uses, used FROM enrol_token WHERE secret_sha256 = :hash",
      use(hash), into(row.id), into(row.unit), into(row.agent), into(row.expires), into(row.uses),
      into(row.used);
  if (!sql.got_data()) return std::nullopt;
  return row;
}

std::optional<Reservation> find_reservation(soci::session& sql, const std::string& token,
                                            std::string_view first_key) {
  Reservation row;
  long long incarnation = 0;
  const std::string key = ledger::to_hex(first_key);
  sql << "SELECT agent, incarnation, unit, host, text, certificate, leaf FROM reservation"
         " WHERE token = :token AND first_key = :key",
      use(token), use(key), into(row.agent), into(incarnation), into(row.unit), into(row.host),
      into(row.text), into(row.certificate), into(row.leaf);
  if (!sql.got_data()) return std::nullopt;
  row.token_id = token;
  row.first_key = std::string(first_key);
  row.incarnation = static_cast<std::uint64_t>(incarnation);
  return row;
}

ledger::Failure unknown_enrol_token() {
  return ledger::fail(ErrorKind::reject,
                      "this enrol token is not known here; ask for one made with "
                      "`yunjian-collector enrol-token` on this collector");
}

void insert_token(soci::session& sql, const std::string& hash, const TokenSpec& spec, Time now) {
  const std::string id = id_of(hash);
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
  }
  return "unit";
}

Result<Role> parse_role(std::string_view text) {
  for (const Role role : {Role::authority, Role::county, Role::unit, Role::provider}) {
    if (to_string(role) == text) return role;
  }
  return ledger::fail(ErrorKind::reject,
                      fmt::format("role '{}' is none of authority, county, unit, provider", text));
}

std::string token_id(std::string_view secret) { return id_of(secret_hash(secret)); }

Result<std::string> Catalog::add_token(std::string_view secret, const TokenSpec& spec, Time now) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::string> {
    const std::string hash = secret_hash(secret);
    soci::transaction all(sql);
    insert_token(sql, hash, spec, now);
    all.commit();
    return id_of(hash);
  });
}

Result<std::optional<Credential>> Catalog::credential(std::string_view secret, Time now) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<Credential>> {
    const std::string hash = secret_hash(secret);
    std::string id, name, role_text, county, expires;
    sql << "SELECT id, name, role, county, expires FROM token"
           " WHERE secret_sha256 = :hash AND revoked = 0",
        use(hash), into(id), into(name), into(role_text), into(county), into(expires);
    if (!sql.got_data() || stored_time(expires) <= now) return std::optional<Credential>();
    auto role = parse_role(role_text);
    if (!role) return ledger::failure(role, "token " + id);
    return std::optional<Credential>(Credential{
        .id = id, .name = name, .role = *role, .scope = scope_of(sql, *role, id, county)});
  });
}

Result<std::vector<TokenInfo>> Catalog::tokens() const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<TokenInfo>> {
    std::string id, name, role_text, county, created, expires;
    long long revoked = 0;
    soci::statement rows = (sql.prepare << "SELECT id, name, role, county, created, expires,"
                                           " revoked FROM token ORDER BY created, id",
                            into(id), into(name), into(role_text), into(county), into(created),
                            into(expires), into(revoked));
    rows.execute();
    std::vector<TokenInfo> found;
    while (rows.fetch()) {
      auto role = parse_role(role_text);
      if (!role) return ledger::failure(role, "token " + id);
      const auto units = units_of_token(sql, id);
      found.push_back({.id = id,
                       .spec = {.name = name,
                                .role = *role,
                                .units = {units.begin(), units.end()},
                                .county = county,
                                .expires = stored_time(expires)},
                       .created = stored_time(created),
                       .revoked = revoked != 0});
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

Result<std::string> Catalog::add_enrol_token(std::string_view secret, const EnrolTokenSpec& spec,
                                             Time now) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::string> {
    const std::string hash = secret_hash(secret);
    const std::string id = id_of(hash);
    const auto uses = static_cast<long long>(spec.uses);
    const std::string created = ledger::format_time(now);
    const std::string expires = ledger::format_time(spec.expires);
    sql << "INSERT INTO enrol_token(id, secret_sha256, unit, agent, uses, used, created, expires)"
           " VALUES (:id, :hash, :unit, :agent, :uses, 0, :created, :expires)",
        use(id), use(hash), use(spec.unit), use(spec.agent), use(uses), use(created), use(expires);
    return id;
  });
}

Result<EnrolTokenSpec> Catalog::enrol_token(std::string_view secret, std::string_view first_key,
                                            Time now) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<EnrolTokenSpec> {
    const auto row = find_enrol_token(sql, secret);
    if (!row) return unknown_enrol_token();
    const EnrolTokenSpec spec{.unit = row->unit,
                              .agent = row->agent,
                              .uses = static_cast<std::uint64_t>(row->uses),
                              .expires = stored_time(row->expires)};
    if (find_reservation(sql, row->id, first_key)) return spec;
    if (spec.expires <= now) {
      return ledger::fail(
          ErrorKind::reject,
          fmt::format("enrol token {} expired at {}; ask for a new one", row->id, row->expires));
    }
    if (row->used >= row->uses) {
      return ledger::fail(ErrorKind::reject,
                          fmt::format("enrol token {} is used up ({} of {}); ask for a new one",
                                      row->id, row->used, row->uses));
    }
    return spec;
  });
}

Result<std::optional<Reservation>> Catalog::reservation(std::string_view enrol_secret,
                                                        std::string_view first_key) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<Reservation>> {
    const auto row = find_enrol_token(sql, enrol_secret);
    if (!row) return std::optional<Reservation>();
    return find_reservation(sql, row->id, first_key);
  });
}

Result<void> Catalog::reserve(std::string_view enrol_secret, const Reservation& reservation) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    soci::transaction all(sql);
    const auto row = find_enrol_token(sql, enrol_secret);
    if (!row) return unknown_enrol_token();
    if (find_reservation(sql, row->id, reservation.first_key)) return {};
    if (row->used >= row->uses) {
      return ledger::fail(ErrorKind::reject,
                          fmt::format("enrol token {} is used up ({} of {}); ask for a new one",
                                      row->id, row->used, row->uses));
    }
    const std::string key = ledger::to_hex(reservation.first_key);
    const auto incarnation = static_cast<long long>(reservation.incarnation);
    sql << "INSERT INTO reservation(token, first_key, agent, incarnation, unit, host, text,"
           " certificate, leaf) VALUES (:token, :key, :agent, :incarnation, :unit, :host, :text,"
           " '', '')",
        use(row->id), use(key), use(reservation.agent), use(incarnation), use(reservation.unit),
        use(reservation.host), use(reservation.text);
    sql << "UPDATE enrol_token SET used = used + 1 WHERE id = :id", use(row->id);
    all.commit();
    return {};
  });
}

Result<void> Catalog::finish(std::string_view enrol_secret, const Reservation& reservation) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const auto row = find_enrol_token(sql, enrol_secret);
    if (!row) return unknown_enrol_token();
    const std::string key = ledger::to_hex(reservation.first_key);
    soci::statement update =
        (sql.prepare << "UPDATE reservation SET certificate = :certificate, leaf = :leaf"
                        " WHERE token = :token AND first_key = :key",
         use(reservation.certificate), use(reservation.leaf), use(row->id), use(key));
    update.execute(true);
    if (update.get_affected_rows() > 0) return {};
    return ledger::fail(ErrorKind::reject, "this enrolment was never reserved");
  });
}

}  // namespace yunjian::collector
