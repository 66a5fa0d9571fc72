#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/catalog/csv.h"
#include "collector/catalog/list_entries.h"

namespace yunjian::collector {

// Lists of units and hosts as files: CSV (csv.h), or JSON: a list of objects, or one object, with
// the fields of the CSV; values are texts, numbers or null.

bool looks_like_json(std::string_view text);

// CSV or JSON, as it looks. All or nothing: the first mistake is the answer, with line, column and
// field.
ledger::Result<std::vector<Unit>> parse_units(std::string_view bytes);
ledger::Result<std::vector<Host>> parse_hosts(std::string_view bytes,
                                              const std::vector<Unit>& units);

// What the above read.
enum class ListForm { csv, json };
std::string format_units(std::span<const Unit> units, ListForm form);
std::string format_hosts(std::span<const Host> hosts, ListForm form);

// Field by field, as the files have them; empty: not known.
using ListFields = std::vector<std::pair<std::string_view, std::string>>;
ListFields list_fields(const Unit& unit);
ListFields list_fields(const Host& host);

// What of a list is new or not as it is known. By id.
template <typename T>
struct ListChanges {
  std::vector<T> rows;
  std::uint64_t fresh = 0;
  std::uint64_t same = 0;
};
template <typename T>
ListChanges<T> list_changes(const std::vector<T>& known, std::vector<T> read) {
  std::map<std::string_view, const T*> by_id;
  for (const T& row : known) by_id[row.id] = &row;
  ListChanges<T> changes;
  for (T& row : read) {
    const auto found = by_id.find(row.id);
    if (found == by_id.end()) ++changes.fresh;
    if (found != by_id.end() && entry_of(*found->second).fields == entry_of(row).fields) {
      ++changes.same;
    } else {
      changes.rows.push_back(std::move(row));
    }
  }
  return changes;
}

template <typename T>
std::vector<RegistryEntry> entries_of(const std::vector<T>& rows) {
  std::vector<RegistryEntry> entries;
  for (const T& row : rows) entries.push_back(entry_of(row));
  return entries;
}

}  // namespace yunjian::collector
