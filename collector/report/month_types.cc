#include "collector/report/month_types.h"

#include "collector/catalog/list_entries.h"

namespace yunjian::collector {

using ledger::Result;

namespace {

using Entries = Result<std::vector<RegistryEntry>>;

template <typename List>
Entries as_entries(Result<std::vector<List>> list) {
  if (!list) return ledger::failure(list);
  std::vector<RegistryEntry> entries;
  for (const List& each : *list) entries.push_back(entry_of(each));
  return entries;
}

}  // namespace

rules::Inventory inventory_of(const Catalog& catalog, const Scope& scope) {
  return {
      .entries = [&catalog, scope](std::string_view kind) -> Entries {
        if (kind == "unit") return as_entries(catalog.units(scope));
        if (kind == "host") return as_entries(catalog.hosts(scope));
        return catalog.entries(Scope::all(), kind);
      },
      .outcomes = [&catalog](const std::string& from,
                             const std::string& until) { return catalog.outcomes(from, until); }};
}

}  // namespace yunjian::collector
