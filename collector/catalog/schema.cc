#include "collector/catalog/schema.h"

#include <fmt/format.h>

#include <array>

namespace yunjian::collector {

namespace {

// Only what SQLite and PostgreSQL both understand. Whole numbers are BIGINT: the SQLite backend of
// SOCI takes a column declared INTEGER for 32 bits.
constexpr std::array tables = {
    "CREATE TABLE schema_version (version BIGINT NOT NULL)",
    "CREATE TABLE unit ("
    " id TEXT PRIMARY KEY, name TEXT NOT NULL, county TEXT NOT NULL)",
    "CREATE TABLE host ("
    " id TEXT PRIMARY KEY, unit TEXT NOT NULL REFERENCES unit(id), system TEXT NOT NULL,"
    " name TEXT NOT NULL, vcpus BIGINT NOT NULL, memory_bytes BIGINT NOT NULL,"
    " purpose TEXT NOT NULL, address TEXT NOT NULL)",
    "CREATE INDEX host_by_unit ON host(unit)",
    "CREATE TABLE agent ("
    " id TEXT PRIMARY KEY, incarnation BIGINT NOT NULL, host TEXT NOT NULL, unit TEXT NOT NULL,"
    " certificate_sha256 TEXT NOT NULL, enrolled TEXT NOT NULL)",
    "CREATE TABLE token ("
    " id TEXT PRIMARY KEY, secret_sha256 TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    " role TEXT NOT NULL, county TEXT NOT NULL, created TEXT NOT NULL, expires TEXT NOT NULL,"
    " revoked BIGINT NOT NULL)",
    "CREATE TABLE token_unit ("
    " token TEXT NOT NULL REFERENCES token(id), unit TEXT NOT NULL, PRIMARY KEY (token, unit))",
    "CREATE TABLE enrol_token ("
    " id TEXT PRIMARY KEY, secret_sha256 TEXT NOT NULL UNIQUE, unit TEXT NOT NULL,"
    " agent TEXT NOT NULL, uses BIGINT NOT NULL, used BIGINT NOT NULL, created TEXT NOT NULL,"
    " expires TEXT NOT NULL)",
    "CREATE TABLE reservation ("
    " token TEXT NOT NULL REFERENCES enrol_token(id), first_key TEXT NOT NULL,"
    " agent TEXT NOT NULL, incarnation BIGINT NOT NULL, unit TEXT NOT NULL, host TEXT NOT NULL,"
    " text TEXT NOT NULL, certificate TEXT NOT NULL, leaf TEXT NOT NULL,"
    " PRIMARY KEY (token, first_key))",
};

// Came after the first catalogs were made: each is created when it is not there. Older programs
// pass over them.
constexpr std::array added_tables = {
    "CREATE TABLE IF NOT EXISTS entry ("
    " kind TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, fields TEXT NOT NULL,"
    " PRIMARY KEY (kind, id))",
    "CREATE TABLE IF NOT EXISTS finding ("
    " id TEXT PRIMARY KEY, host TEXT NOT NULL, unit TEXT NOT NULL, verdict TEXT NOT NULL,"
    " state TEXT NOT NULL, month TEXT NOT NULL, due TEXT NOT NULL, stopped_since TEXT NOT NULL,"
    " opened TEXT NOT NULL, changed TEXT NOT NULL, details TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS finding_by_host ON finding(host)",
    "CREATE TABLE IF NOT EXISTS finding_step ("
    " finding TEXT NOT NULL REFERENCES finding(id), number BIGINT NOT NULL, time TEXT NOT NULL,"
    " act TEXT NOT NULL, who TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY (finding, number))",
    "CREATE TABLE IF NOT EXISTS month_outcome ("
    " host TEXT NOT NULL, month TEXT NOT NULL, size TEXT NOT NULL, verdict TEXT NOT NULL,"
    " clears TEXT NOT NULL, exempt TEXT NOT NULL, rules TEXT NOT NULL, PRIMARY KEY (host, month))",
    "CREATE TABLE IF NOT EXISTS month_mean ("
    " host TEXT NOT NULL, month TEXT NOT NULL, cpu BIGINT NOT NULL, memory BIGINT NOT NULL,"
    " PRIMARY KEY (host, month))",
    "CREATE TABLE IF NOT EXISTS sealed_outcomes (month TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS projected (acts BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS repeated_request ("
    " credential TEXT NOT NULL, key TEXT NOT NULL, request_sha256 TEXT NOT NULL,"
    " status BIGINT NOT NULL, body TEXT NOT NULL, time TEXT NOT NULL,"
    " PRIMARY KEY (credential, key))",
    "CREATE TABLE IF NOT EXISTS hold ("
    " id TEXT PRIMARY KEY, unit TEXT NOT NULL, host TEXT NOT NULL, first_day BIGINT NOT NULL,"
    " last_day BIGINT NOT NULL, reason TEXT NOT NULL, who TEXT NOT NULL, since TEXT NOT NULL,"
    " lifted TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS renewal ("
    " agent TEXT PRIMARY KEY, key_sha256 TEXT NOT NULL, certificate_sha256 TEXT NOT NULL,"
    " certificate TEXT NOT NULL, issued TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS account ("
    " id TEXT PRIMARY KEY, name TEXT NOT NULL, created TEXT NOT NULL, closed BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS account_token ("
    " token TEXT PRIMARY KEY REFERENCES token(id), account TEXT NOT NULL REFERENCES account(id),"
    " made_by TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS granted ("
    " id TEXT PRIMARY KEY, kind TEXT NOT NULL, holder TEXT NOT NULL, role TEXT NOT NULL,"
    " units TEXT NOT NULL, county TEXT NOT NULL, token TEXT NOT NULL, reason TEXT NOT NULL,"
    " valid_from TEXT NOT NULL, valid_until TEXT NOT NULL, proposed_by TEXT NOT NULL,"
    " proposed TEXT NOT NULL, approved_by TEXT NOT NULL, approved TEXT NOT NULL,"
    " revoked_by TEXT NOT NULL, revoked TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS granted_by_holder ON granted(holder)",
    "CREATE TABLE IF NOT EXISTS certificate_end ("
    " sha256 TEXT PRIMARY KEY, agent TEXT NOT NULL, ends TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS revoked_agent ("
    " agent TEXT PRIMARY KEY, incarnation BIGINT NOT NULL, reason TEXT NOT NULL,"
    " revoked TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS revoked_enrol_token (id TEXT PRIMARY KEY)",
};

void set_durability(soci::session& sql) {
  std::string mode;
  sql << "PRAGMA journal_mode = WAL", soci::into(mode);
  if (mode != "wal") throw soci::soci_error("journal_mode is '" + mode + "' where WAL is needed");
  sql << "PRAGMA synchronous = FULL";
  sql << "PRAGMA foreign_keys = ON";
  sql << "PRAGMA trusted_schema = OFF";
}

// Catalogs were made in which the ids of these kinds were the whole city's (rules::entry_key).
void take_ids_into_units(soci::session& sql) {
  const std::string mark = "\n";
  const std::string with_mark = "%\n%";
  sql << "UPDATE entry SET id = id || :mark || unit"
         " WHERE kind IN ('agreement', 'exemption') AND id NOT LIKE :with_mark",
      soci::use(mark), soci::use(with_mark);
}

}  // namespace

ledger::Result<void> prepare_schema(soci::session& sql) {
  set_durability(sql);
  long long tables_there = 0;
  sql << "SELECT count(*) FROM sqlite_master WHERE type = 'table'", soci::into(tables_there);
  if (tables_there == 0) {
    soci::transaction all(sql);
    for (const char* statement : tables) sql << statement;
    sql << "INSERT INTO schema_version(version) VALUES (:version)", soci::use(schema_version);
    all.commit();
  }
  int version = 0;
  sql << "SELECT version FROM schema_version", soci::into(version);
  if (version == schema_version) {
    for (const char* statement : added_tables) sql << statement;
    take_ids_into_units(sql);
    return {};
  }
  return ledger::fail(
      ledger::ErrorKind::reject,
      fmt::format("catalog: the file has version {}, this program reads version {}; "
                  "use the program that wrote it",
                  version, schema_version));
}

}  // namespace yunjian::collector
