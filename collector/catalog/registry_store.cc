#include <fmt/format.h>

#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"
#include "collector/catalog/registry.h"
#include "rules/data_file.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;
using soci::into;
using soci::use;

namespace {

// The column `id` holds the entry's key.
struct EntryColumns {
  std::string kind, id, unit, fields;

  Result<RegistryEntry> get() const {
    RegistryEntry entry{.kind = kind, .id = id.substr(0, id.find('\n')), .unit = unit};
    const auto read = rules::parse_data_file(fields);
    if (!read) {
      return ledger::fail(ErrorKind::corrupt, fmt::format("catalog: {} {} cannot be read: {}", kind,
                                                          id, read.error().message));
    }
    for (const auto& [name, value] : read->members) entry.fields[name] = value.text;
    return entry;
  }
};

// Entries of the whole cloud are for the whole city, unless their kind is open.
bool may_see(const Scope& scope, const KindDef* kind, std::string_view unit) {
  if (unit.empty()) return scope.is_all() || (kind != nullptr && kind->open);
  return scope.allows(unit);
}

}  // namespace

Result<void> Catalog::put_entries(const std::vector<RegistryEntry>& entries) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    soci::transaction all(sql);
    EntryColumns row;
    soci::statement upsert =
        (sql.prepare << "INSERT INTO entry(kind, id, unit, fields)"
                        " VALUES (:kind, :id, :unit, :fields) ON CONFLICT(kind, id) DO UPDATE SET"
                        " unit = excluded.unit, fields = excluded.fields",
         use(row.kind), use(row.id), use(row.unit), use(row.fields));
    for (const RegistryEntry& entry : entries) {
      row = {entry.kind, rules::entry_key(entry), entry.unit, entry_fields_json(entry)};
      upsert.execute(true);
    }
    all.commit();
    return {};
  });
}

Result<std::vector<RegistryEntry>> Catalog::entries(const Scope& scope,
                                                    std::string_view kind) const {
  const KindDef* def = find_kind(kind);
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::vector<RegistryEntry>> {
    EntryColumns row{.kind = std::string(kind)};
    std::vector<RegistryEntry> found;
    soci::statement rows =
        (sql.prepare << "SELECT id, unit, fields FROM entry WHERE kind = :kind ORDER BY id",
         use(row.kind), into(row.id), into(row.unit), into(row.fields));
    rows.execute();
    while (rows.fetch()) {
      if (!may_see(scope, def, row.unit)) continue;
      auto entry = row.get();
      if (!entry) return ledger::failure(entry);
      found.push_back(std::move(*entry));
    }
    return found;
  });
}

Result<std::optional<RegistryEntry>> Catalog::entry(const Scope& scope, std::string_view kind,
                                                    std::string_view key) const {
  const KindDef* def = find_kind(kind);
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<RegistryEntry>> {
    EntryColumns row{.kind = std::string(kind)};
    const std::string wanted(key);
    sql << "SELECT id, unit, fields FROM entry WHERE kind = :kind AND id = :id", use(row.kind),
        use(wanted), into(row.id), into(row.unit), into(row.fields);
    if (!sql.got_data() || !may_see(scope, def, row.unit)) return std::optional<RegistryEntry>();
    auto entry = row.get();
    if (!entry) return ledger::failure(entry);
    return std::optional<RegistryEntry>(std::move(*entry));
  });
}

Result<std::optional<std::string>> Catalog::owner(const Scope& scope, std::string_view kind,
                                                  std::string_view id) const {
  if (kind == "unit") {
    if (!scope.allows(id)) return std::optional<std::string>();
    auto found = units(Scope::units({std::string(id)}));
    if (!found) return ledger::failure(found);
    return found->empty() ? std::optional<std::string>() : std::optional(std::string(id));
  }
  if (kind == "host") {
    auto found = host(scope, id);
    if (!found) return ledger::failure(found);
    return *found ? std::optional((*found)->unit) : std::nullopt;
  }
  auto found = entry(scope, kind, id);
  if (!found) return ledger::failure(found);
  return *found ? std::optional((*found)->unit) : std::nullopt;
}

}  // namespace yunjian::collector
