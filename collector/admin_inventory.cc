// Commands about the inventory and the register of operations.
#include <fmt/format.h>

#include "collector/admin.h"
#include "collector/api/register_act.h"
#include "collector/catalog/list_files.h"
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

std::string counts_of(std::uint64_t fresh, std::uint64_t changed, std::uint64_t same) {
  return fmt::format("{} new, {} changed, {} as they were", fresh, changed, same);
}

bool is_dry_run(const AdminRequest& request) { return !request.field("dry-run").empty(); }

AdminAnswer dry_answer(std::string_view what, const std::string& counts) {
  return {.out = fmt::format("{}: {}; nothing was changed (--dry-run)\n", what, counts)};
}

Result<ListForm> form_of(const AdminRequest& request) {
  const std::string format = request.field("format");
  if (format.empty() || format == "csv") return ListForm::csv;
  if (format == "json") return ListForm::json;
  return ledger::fail(ErrorKind::reject, fmt::format("--format '{}': csv or json", format));
}

}  // namespace

// A list of units or hosts to be imported.
struct AdminCommands::ListImport {
  std::string_view what;
  std::vector<RegistryEntry> entries;  // new or not as they were
  std::uint64_t fresh = 0;
  std::uint64_t same = 0;
  std::function<Result<void>()> put;
};

Result<AdminAnswer> AdminCommands::import_list(const AdminRequest& request,
                                               const ListImport& list) {
  const std::string counts = counts_of(list.fresh, list.entries.size() - list.fresh, list.same);
  if (is_dry_run(request)) return dry_answer(list.what, counts);
  Act imported = act(request, "import");
  imported.number("rows", list.entries.size()).text("sha256", request.field("sha256"));
  if (auto recorded = record(imported); !recorded) return ledger::failure(recorded);
  auto done = register_entries(request, list.entries, list.put);
  if (!done) return ledger::failure(done);
  return AdminAnswer{.out = fmt::format("{} imported: {}\n", list.what, counts)};
}

Result<AdminAnswer> AdminCommands::import_units(const AdminRequest& request) {
  auto units = parse_units(request.field("csv"));
  if (!units) return ledger::failure(units, request.field("file"));
  auto known = context_.catalog->units(Scope::all());
  if (!known) return ledger::failure(known);
  const auto changes = list_changes(*known, std::move(*units));
  return import_list(request, {.what = "units",
                               .entries = entries_of(changes.rows),
                               .fresh = changes.fresh,
                               .same = changes.same,
                               .put = [&] { return context_.catalog->put_units(changes.rows); }});
}

Result<AdminAnswer> AdminCommands::import_hosts(const AdminRequest& request) {
  auto units = context_.catalog->units(Scope::all());
  if (!units) return ledger::failure(units);
  auto hosts = parse_hosts(request.field("csv"), *units);
  if (!hosts) return ledger::failure(hosts, request.field("file"));
  auto known = context_.catalog->hosts(Scope::all());
  if (!known) return ledger::failure(known);
  const auto changes = list_changes(*known, std::move(*hosts));
  return import_list(request, {.what = "hosts",
                               .entries = entries_of(changes.rows),
                               .fresh = changes.fresh,
                               .same = changes.same,
                               .put = [&] { return context_.catalog->put_hosts(changes.rows); }});
}

Result<AdminAnswer> AdminCommands::export_list(const AdminRequest& request) {
  auto form = form_of(request);
  if (!form) return ledger::failure(form);
  if (request.command == "unit export") {
    auto units = context_.catalog->units(Scope::all());
    if (!units) return ledger::failure(units);
    return AdminAnswer{.out = format_units(*units, *form)};
  }
  auto hosts = context_.catalog->hosts(Scope::all());
  if (!hosts) return ledger::failure(hosts);
  return AdminAnswer{.out = format_hosts(*hosts, *form)};
}

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
  const std::string counts =
      counts_of(changes->fresh, changes->entries.size() - changes->fresh, changes->same);
  if (is_dry_run(request)) return dry_answer((*kind)->key, counts);
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
  auto form = form_of(request);
  if (!form) return ledger::failure(form);
  auto entries = context_.catalog->entries(Scope::all(), (*kind)->key);
  if (!entries) return ledger::failure(entries);
  return AdminAnswer{.out = *form == ListForm::json ? format_entries_json(**kind, *entries)
                                                    : format_entries_csv(**kind, *entries)};
}

}  // namespace yunjian::collector
