#include <fmt/format.h>

#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"
#include "collector/catalog/granted.h"
#include "ledger/base/bytes.h"

// The part of the catalog that holds enrol tokens and reservations.

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;
using ledger::Time;
using soci::into;
using soci::use;

namespace {

struct EnrolRow {
  std::string id, unit, agent, expires;
  long long uses = 0;
  long long used = 0;
  long long revoked = 0;
};

std::optional<EnrolRow> find_enrol_token(soci::session& sql, std::string_view secret) {
  EnrolRow row;
  const std::string hash = secret_hash(secret);
  sql << "SELECT id, unit, agent, expires, uses, used, (SELECT count(*) FROM revoked_enrol_token r"
         " WHERE r.id = enrol_token.id) FROM enrol_token WHERE secret_sha256 = :hash",
      use(hash), into(row.id), into(row.unit), into(row.agent), into(row.expires), into(row.uses),
      into(row.used), into(row.revoked);
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

}  // namespace

Result<std::string> Catalog::add_enrol_token(std::string_view secret, const EnrolTokenSpec& spec,
                                             Time now) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::string> {
    const std::string hash = secret_hash(secret);
    const std::string id = hash.substr(0, token_id_digits);
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
    if (row->revoked != 0) {
      return ledger::fail(ErrorKind::reject,
                          fmt::format("enrol token {} is revoked; ask for a new one", row->id));
    }
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

Result<bool> Catalog::knows_enrol_token(std::string_view secret) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<bool> {
    return find_enrol_token(sql, secret).has_value();
  });
}

Result<std::vector<EnrolTokenInfo>> Catalog::enrol_tokens() const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<EnrolTokenInfo>> {
    EnrolRow row;
    std::string created;
    std::vector<EnrolTokenInfo> found;
    soci::statement rows =
        (sql.prepare << "SELECT id, unit, agent, uses, used, created, expires, (SELECT count(*)"
                        " FROM revoked_enrol_token r WHERE r.id = enrol_token.id)"
                        " FROM enrol_token ORDER BY created, id",
         into(row.id), into(row.unit), into(row.agent), into(row.uses), into(row.used),
         into(created), into(row.expires), into(row.revoked));
    rows.execute();
    while (rows.fetch()) {
      found.push_back({.id = row.id,
                       .spec = {.unit = row.unit,
                                .agent = row.agent,
                                .uses = static_cast<std::uint64_t>(row.uses),
                                .expires = stored_time(row.expires)},
                       .used = static_cast<std::uint64_t>(row.used),
                       .created = stored_time(created),
                       .revoked = row.revoked != 0});
    }
    return found;
  });
}

Result<bool> Catalog::revoke_enrol_token(std::string_view id) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<bool> {
    const std::string wanted(id);
    long long there = 0;
    sql << "SELECT count(*) FROM enrol_token WHERE id = :id", use(wanted), into(there);
    if (there == 0) return false;
    sql << "INSERT INTO revoked_enrol_token(id) VALUES (:id) ON CONFLICT(id) DO NOTHING",
        use(wanted);
    return true;
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
