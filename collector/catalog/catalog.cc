#include "collector/catalog/catalog.h"

#include <fmt/format.h>

#include <filesystem>

#include "collector/catalog/database.h"
#include "collector/catalog/schema.h"
#include "ledger/leaves.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;
using soci::into;
using soci::use;

namespace {

// A value the catalog cannot hold: stored numbers are signed.
constexpr std::uint64_t number_max = static_cast<std::uint64_t>(INT64_MAX);

// Whoever saw this unit would see the collector's own stream.
constexpr std::string_view own_unit = "collector";

Result<void> check_unit(const Unit& unit) {
  if (unit.id == own_unit) {
    return ledger::fail(ErrorKind::reject, "unit id 'collector' is the collector's own");
  }
  if (ledger::is_unit_id(unit.id)) return {};
  return ledger::fail(ErrorKind::reject,
                      fmt::format("unit id '{}': use 1 to 64 of a-z 0-9 . _ -, a letter or digit "
                                  "first",
                                  unit.id));
}

Result<void> check_host(const Host& host) {
  if (!ledger::is_host_name(host.id)) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("host id '{}': use 1 to 253 of a-z 0-9 . _ -, a letter or "
                                    "digit first",
                                    host.id));
  }
  if (!host.purpose.empty() && host.purpose != "production" && host.purpose != "test" &&
      host.purpose != "dr") {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("host '{}': purpose '{}' is none of production, test, dr",
                                    host.id, host.purpose));
  }
  if (host.vcpus > number_max || host.memory_bytes > number_max) {
    return ledger::fail(ErrorKind::reject, fmt::format("host '{}': size too large", host.id));
  }
  return {};
}

// Columns of one host, bound to a statement; outlives it.
struct HostColumns {
  std::string id, unit, system, name, purpose, address;
  long long vcpus = 0;
  long long memory_bytes = 0;

  void set(const Host& host) {
    id = host.id;
    unit = host.unit;
    system = host.system;
    name = host.name;
    vcpus = static_cast<long long>(host.vcpus);
    memory_bytes = static_cast<long long>(host.memory_bytes);
    purpose = host.purpose;
    address = host.address;
  }
  Host get() const {
    return {.id = id,
            .unit = unit,
            .system = system,
            .name = name,
            .vcpus = static_cast<std::uint64_t>(vcpus),
            .memory_bytes = static_cast<std::uint64_t>(memory_bytes),
            .purpose = purpose,
            .address = address};
  }
};

struct AgentColumns {
  std::string id, host, unit, certificate_sha256, enrolled;
  long long incarnation = 0;

  Agent get() const {
    return {.id = id,
            .incarnation = static_cast<std::uint64_t>(incarnation),
            .host = host,
            .unit = unit,
            .certificate_sha256 = certificate_sha256,
            .enrolled = stored_time(enrolled)};
  }
};

}  // namespace

Catalog::Catalog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Catalog::~Catalog() = default;

Result<std::unique_ptr<Catalog>> Catalog::open(const std::string& path) {
  if (path.find('"') != std::string::npos) {
    return ledger::fail(ErrorKind::reject, fmt::format("{}: a quote in the path", path));
  }
  auto impl = std::make_unique<Impl>();
  const auto prepared = with_database(*impl, [&](soci::session& sql) -> Result<void> {
    sql.open(soci::sqlite3, fmt::format("dbname=\"{}\" timeout=10", path));
    // The journal files take over the mode of the file itself.
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return prepare_schema(sql);
  });
  if (!prepared) return ledger::fail(prepared.error().kind, path + ": " + prepared.error().message);
  return std::unique_ptr<Catalog>(new Catalog(std::move(impl)));
}

Result<void> Catalog::copy_to(const std::string& path) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    sql << "VACUUM INTO :path", use(path);
    return {};
  });
}

Result<void> Catalog::put_units(const std::vector<Unit>& units) {
  for (const auto& unit : units) {
    if (auto good = check_unit(unit); !good) return good;
  }
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    soci::transaction all(sql);
    Unit row;
    soci::statement upsert =
        (sql.prepare << "INSERT INTO unit(id, name, county) VALUES (:id, :name, :county)"
                        " ON CONFLICT(id) DO UPDATE SET name = excluded.name,"
                        " county = excluded.county",
         use(row.id), use(row.name), use(row.county));
    for (const auto& unit : units) {
      row = unit;
      upsert.execute(true);
    }
    all.commit();
    return {};
  });
}

Result<void> Catalog::put_hosts(const std::vector<Host>& hosts) {
  for (const auto& host : hosts) {
    if (auto good = check_host(host); !good) return good;
  }
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    soci::transaction all(sql);
    HostColumns row;
    long long units = 0;
    soci::statement known =
        (sql.prepare << "SELECT count(*) FROM unit WHERE id = :unit", use(row.unit), into(units));
    soci::statement upsert =
        (sql.prepare << "INSERT INTO host(id, unit, system, name, vcpus, memory_bytes, purpose,"
                        " address) VALUES (:id, :unit, :system, :name, :vcpus, :memory, :purpose,"
                        " :address) ON CONFLICT(id) DO UPDATE SET unit = excluded.unit,"
                        " system = excluded.system, name = excluded.name, vcpus = excluded.vcpus,"
                        " memory_bytes = excluded.memory_bytes, purpose = excluded.purpose,"
                        " address = excluded.address",
         use(row.id), use(row.unit), use(row.system), use(row.name), use(row.vcpus),
         use(row.memory_bytes), use(row.purpose), use(row.address));
    for (const auto& host : hosts) {
      row.set(host);
      known.execute(true);
      if (units == 0) {
        return ledger::fail(ErrorKind::reject,
                            fmt::format("host '{}': unit '{}' is not in the catalog; import the "
                                        "unit first",
                                        host.id, host.unit));
      }
      upsert.execute(true);
    }
    all.commit();
    return {};
  });
}

Result<std::vector<Unit>> Catalog::units(const Scope& scope) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<Unit>> {
    Unit row;
    std::vector<Unit> found;
    soci::statement rows = (sql.prepare << "SELECT id, name, county FROM unit ORDER BY id",
                            into(row.id), into(row.name), into(row.county));
    rows.execute();
    while (rows.fetch()) {
      if (scope.allows(row.id)) found.push_back(row);
    }
    return found;
  });
}

Result<std::vector<Host>> Catalog::hosts(const Scope& scope) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<Host>> {
    HostColumns row;
    std::vector<Host> found;
    soci::statement rows =
        (sql.prepare << "SELECT id, unit, system, name, vcpus, memory_bytes, purpose, address"
                        " FROM host ORDER BY id",
         into(row.id), into(row.unit), into(row.system), into(row.name), into(row.vcpus),
         into(row.memory_bytes), into(row.purpose), into(row.address));
    rows.execute();
    while (rows.fetch()) {
      if (scope.allows(row.unit)) found.push_back(row.get());
    }
    return found;
  });
}

Result<std::optional<Host>> Catalog::host(const Scope& scope, std::string_view id) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<Host>> {
    HostColumns row;
    const std::string wanted(id);
    sql << "SELECT id, unit, system, name, vcpus, memory_bytes, purpose, address FROM host"
           " WHERE id = :id",
        use(wanted), into(row.id), into(row.unit), into(row.system), into(row.name),
        into(row.vcpus), into(row.memory_bytes), into(row.purpose), into(row.address);
    if (!sql.got_data() || !scope.allows(row.unit)) return std::optional<Host>();
    return std::optional<Host>(row.get());
  });
}

Result<void> Catalog::put_agent(const Agent& agent) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const auto incarnation = static_cast<long long>(agent.incarnation);
    const std::string enrolled = ledger::format_time(agent.enrolled);
    soci::transaction all(sql);
    sql << "INSERT INTO agent(id, incarnation, host, unit, certificate_sha256, enrolled)"
           " VALUES (:id, :incarnation, :host, :unit, :certificate, :enrolled)"
           " ON CONFLICT(id) DO UPDATE SET incarnation = excluded.incarnation,"
           " host = excluded.host, unit = excluded.unit,"
           " certificate_sha256 = excluded.certificate_sha256, enrolled = excluded.enrolled",
        use(agent.id), use(incarnation), use(agent.host), use(agent.unit),
        use(agent.certificate_sha256), use(enrolled);
    // What was issued to follow the former certificate goes with it.
    sql << "DELETE FROM renewal WHERE agent = :id", use(agent.id);
    all.commit();
    return {};
  });
}

Result<std::optional<Agent>> Catalog::agent(const Scope& scope, std::string_view id) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<Agent>> {
    AgentColumns row;
    const std::string wanted(id);
    sql << "SELECT id, incarnation, host, unit, certificate_sha256, enrolled FROM agent"
           " WHERE id = :id",
        use(wanted), into(row.id), into(row.incarnation), into(row.host), into(row.unit),
        into(row.certificate_sha256), into(row.enrolled);
    if (!sql.got_data() || !scope.allows(row.unit)) return std::optional<Agent>();
    return std::optional<Agent>(row.get());
  });
}

Result<std::vector<Agent>> Catalog::agents(const Scope& scope) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<Agent>> {
    AgentColumns row;
    std::vector<Agent> found;
    soci::statement rows =
        (sql.prepare << "SELECT id, incarnation, host, unit, certificate_sha256, enrolled"
                        " FROM agent ORDER BY id",
         into(row.id), into(row.incarnation), into(row.host), into(row.unit),
         into(row.certificate_sha256), into(row.enrolled));
    rows.execute();
    while (rows.fetch()) {
      if (scope.allows(row.unit)) found.push_back(row.get());
    }
    return found;
  });
}

}  // namespace yunjian::collector
