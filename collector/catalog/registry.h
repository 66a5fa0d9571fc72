#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"
#include "rules/month/inventory.h"

namespace yunjian::collector {

// What people enter besides units and hosts: the inventory (systems, terms of hosts, catalogue of
// sizes, agreements, exemptions, other resources) and the register of operations (incidents,
// changes, drills …). Each kind is a list of typed fields, as data, so that import, export, API
// and reports agree on them.

enum class FieldType { text, whole, decimal, date, month, time, yes_no, choice, reference };

struct FieldDef {
  std::string_view name;
  FieldType type = FieldType::text;
  bool needed = false;
  std::string_view zh;
  // choice: the choices, one blank between two; reference: the kind it names ("unit" and "host" are
  // the catalogue's own lists).
  std::string_view of = {};
};

enum class Shelf { inventory, operations };

struct KindDef {
  std::string_view key;
  Shelf shelf;
  std::string_view zh;
  bool open = false;  // entries of no unit may be seen by everybody, not by the whole city only
  std::span<const FieldDef> fields;  // without `id`, which every entry has
};

std::span<const KindDef> registry_kinds();
const KindDef* find_kind(std::string_view key);

using RegistryEntry = rules::RegistryEntry;

inline constexpr std::size_t registry_value_bytes_max = 4096;
inline constexpr std::size_t registry_id_bytes_max = 128;

// Whether an entry of that kind and id is there, and which unit it belongs to.
using UnitOf =
    std::function<std::optional<std::string>(std::string_view kind, std::string_view id)>;

// Checks fields, what they refer to, and what the kind asks besides (an exemption has an approver
// and ends within a year; an agreement's limits can be read). Fills in `unit`. Reject: "FIELD:
// what".
ledger::Result<void> check_entry(RegistryEntry& entry, const UnitOf& unit_of);

// CSV with a header line of field names in any order, `id` among them; needed ones must be there.
// Reject: line, column, field.
ledger::Result<std::vector<RegistryEntry>> parse_entries_csv(const KindDef& kind,
                                                             std::string_view bytes,
                                                             const UnitOf& unit_of);
// A JSON list of objects, or one object; values are texts, numbers or true/false.
ledger::Result<std::vector<RegistryEntry>> parse_entries_json(const KindDef& kind,
                                                              std::string_view bytes,
                                                              const UnitOf& unit_of);
// What the parsers read. A value that a spreadsheet would take for a formula gets an apostrophe in
// front in CSV.
std::string format_entries_csv(const KindDef& kind, std::span<const RegistryEntry> entries);
std::string format_entries_json(const KindDef& kind, std::span<const RegistryEntry> entries);
// The fields of one entry as one JSON object, and back; for the database and records.
std::string entry_fields_json(const RegistryEntry& entry);

}  // namespace yunjian::collector
