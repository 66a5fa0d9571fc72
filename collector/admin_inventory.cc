// Commands about the inventory and the register of operations.
#include <fmt/format.h>

#include "collector/admin.h"
#include "collector/api/register_act.h"
#include "collector/catalog/registry.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::size_t acts_at_once = 1000;  // of one commit

Result<const KindDef*> kind_of(const AdminRequest& request) {
  const std::string key = request.field("kind");
  if (const KindDef* kind = find_kind(key)) return kind;
  std::string keys;
  for (const KindDef& kind : registry_kinds()) {
    keys += fmt::format("{}{}", keys.empty() ? "" : ", ", kind.key);
  }
  return ledger::fail(ErrorKind::reject, fmt::format("--kind '{}': one of {}", key, keys));
}

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '[' || text[first] == '{');
}

struct Changes {
  std::vector<RegistryEntry> entries;  // new or not as they were
  std::size_t fresh = 0;
  std::size_t same = 0;
};

Result<Changes> changes_of(const Catalog& catalog, std::string_view kind,
                           std::vector<RegistryEntry> read) {
  auto known = catalog.entries(Scope::all(), kind);
  if (!known) return ledger::failure(known);
  std::map<std::string_view, const RegistryEntry*> by_id;
  for (const RegistryEntry& entry : *known) by_id[entry.id] = &entry;
  Changes changes;
  for (RegistryEntry& entry : read) {
    const auto found = by_id.find(entry.id);
    if (found == by_id.end()) ++changes.fresh;
    if (found != by_id.end() && found->second->fields == entry.fields) {
      ++changes.same;
    } else {
      changes.entries.push_back(std::move(entry));
    }
  }
  return changes;
}

}  // namespace

Result<AdminAnswer> AdminCommands::import_entries(const AdminRequest& request) {
  auto kind = kind_of(request);
  if (!kind) return ledger::failure(kind);
  std::optional<ledger::Error> trouble;
  const UnitOf unit_of = [&](std::string_view of, std::string_view id) {
    auto owner = context_.catalog->owner(Scope::all(), of, id);
    if (owner) return *owner;
    trouble = owner.error();
    return std::optional<std::string>();
  };
  const std::string text = request.field("csv");
  auto read = looks_like_json(text) ? parse_entries_json(**kind, text, unit_of)
                                    : parse_entries_csv(**kind, text, unit_of);
  if (trouble) return ledger::fail(trouble->kind, trouble->message);
  if (!read) return ledger::failure(read, request.field("file"));
  auto changes = changes_of(*context_.catalog, (*kind)->key, std::move(*read));
  if (!changes) return ledger::failure(changes);
  const std::string counts = fmt::format("{} new, {} changed, {} as they were", changes->fresh,
                                         changes->entries.size() - changes->fresh, changes->same);
  if (!request.field("dry-run").empty()) {
    return AdminAnswer{
        .out = fmt::format("{}: {}; nothing was changed (--dry-run)\n", (*kind)->key, counts)};
  }
  auto put = register_entries(request, changes->entries,
                              [&] { return context_.catalog->put_entries(changes->entries); });
  if (!put) return ledger::failure(put);
  return AdminAnswer{.out = fmt::format("{}: {}\n", (*kind)->key, counts)};
}

Result<void> AdminCommands::register_entries(const AdminRequest& request,
                                             const std::vector<RegistryEntry>& entries,
                                             const std::function<Result<void>()>& rows) {
  const std::lock_guard acting(*context_.acts);
  std::vector<std::string> lines;
  for (const RegistryEntry& entry : entries) {
    lines.push_back(register_act(act(request, "register"), entry));
    if (lines.size() < acts_at_once && &entry != &entries.back()) continue;
    if (auto recorded = context_.own->record_all(std::move(lines)); !recorded) return recorded;
    lines.clear();
  }
  return rows();
}

Result<AdminAnswer> AdminCommands::export_entries(const AdminRequest& request) {
  auto kind = kind_of(request);
  if (!kind) return ledger::failure(kind);
  const std::string format = request.field("format");
  if (!format.empty() && format != "csv" && format != "json") {
    return ledger::fail(ErrorKind::reject, fmt::format("--format '{}': csv or json", format));
  }
  auto entries = context_.catalog->entries(Scope::all(), (*kind)->key);
  if (!entries) return ledger::failure(entries);
  return AdminAnswer{.out = format == "json" ? format_entries_json(**kind, *entries)
                                             : format_entries_csv(**kind, *entries)};
}

}  // namespace yunjian::collector
