#include "collector/api/register_routes.h"

#include <algorithm>

#include "collector/api/json.h"
#include "collector/api/list_page.h"
#include "collector/api/list_routes.h"
#include "collector/api/register_act.h"
#include "collector/api/repeats.h"
#include "collector/api/unit_counts.h"

namespace yunjian::collector {

namespace {

constexpr std::string_view exemptions = "exemption";

// The kind of the route, when it stands on that shelf.
const KindDef* kind_on(Shelf shelf, std::string_view key) {
  const KindDef* kind = find_kind(key);
  return kind != nullptr && kind->shelf == shelf ? kind : nullptr;
}

// Whoever is responsible for a shelf keeps it: the provider its operations, the authority
// everything, a county what is its own.
bool may_write(const Credential& credential, const KindDef& kind) {
  if (credential.role == Role::authority) return true;
  if (credential.role == Role::county) return kind.key == exemptions || kind.key == "agreement";
  return credential.role == Role::provider && kind.key != exemptions && kind.key != "agreement";
}

Response csv_response(const KindDef& kind, const std::vector<RegistryEntry>& entries) {
  Response response;
  response.content_type = "text/csv; charset=utf-8";
  response.headers.emplace_back("Content-Disposition",
                                "attachment; filename=\"" + std::string(kind.key) + ".csv\"");
  response.body = format_entries_csv(kind, entries);
  return response;
}

void write_entry(Json& json, const RegistryEntry& entry) {
  json.begin_object().member("id", std::string_view(entry.id));
  if (!entry.unit.empty() && entry.field("unit").empty()) {
    json.member("unit", std::string_view(entry.unit));
  }
  for (const auto& [name, value] : entry.fields) json.member(name, std::string_view(value));
  json.end_object();
}

Outcome<Response> list_entries(const ApiContext& context, const Call& call, const KindDef* kind) {
  if (kind == nullptr) return not_found();
  auto parameters = Parameters::read(call.request, {"format", "limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  auto format = parameters->choice("format", {"json", "csv"});
  if (!format) return handed_on(format);
  auto entries = context.catalog->entries(call.credential.scope, kind->key);
  if (!entries) return storage_problem(entries.error());
  Act act = look(context, call, "query");
  act.text("format", *format);
  UnitCounts counts;
  if (*format == "csv") {
    for (const RegistryEntry& entry : *entries) counts.add(entry.unit);
    return recorded(context, std::move(act), counts, csv_response(*kind, *entries));
  }
  auto page = list_page(context, *parameters);
  if (!page) return handed_on(page);
  Response response =
      answer_list(context, *page, *entries,
                  std::pair([](const RegistryEntry& entry) { return rules::entry_key(entry); },
                            [&](Json& json, const RegistryEntry& entry) {
                              counts.add(entry.unit);
                              write_entry(json, entry);
                            }));
  return recorded(context, std::move(act), counts, std::move(response));
}

Outcome<std::vector<RegistryEntry>> read_entries(const ApiContext& context, const Call& call,
                                                 const KindDef& kind) {
  std::optional<ledger::Error> trouble;
  // What lies outside the scope is as if it were not there.
  const UnitOf unit_of = [&](std::string_view of, std::string_view id) {
    auto owner = context.catalog->owner(call.credential.scope, of, id);
    if (owner) return *owner;
    trouble = owner.error();
    return std::optional<std::string>();
  };
  const bool csv = call.request.header("content-type").starts_with("text/csv");
  auto read = csv ? parse_entries_csv(kind, call.request.body, unit_of)
                  : parse_entries_json(kind, call.request.body, unit_of);
  if (trouble) return storage_problem(*trouble);
  if (!read) return bad_request(read.error().message);
  for (const RegistryEntry& entry : *read) {
    const bool own = entry.unit.empty() ? call.credential.scope.is_all()
                                        : call.credential.scope.allows(entry.unit);
    if (!own) {
      return forbidden("Entry '" + entry.id + "' is not about units that this credential sees.");
    }
  }
  return std::move(*read);
}

struct Changes {
  std::vector<RegistryEntry> entries;
  std::uint64_t fresh = 0;
  std::uint64_t same = 0;
};

// What of the entries is new or not as it was. Whoever keeps a kind whose ids are the whole city's
// sees all of its entries.
Outcome<Changes> changes_of(const ApiContext& context, const Call& call,
                            std::vector<RegistryEntry> read) {
  Changes changes;
  for (RegistryEntry& entry : read) {
    auto known = context.catalog->entry(call.credential.scope, entry.kind, rules::entry_key(entry));
    if (!known) return storage_problem(known.error());
    if (!*known) ++changes.fresh;
    if (*known && (*known)->fields == entry.fields) {
      ++changes.same;
    } else {
      changes.entries.push_back(std::move(entry));
    }
  }
  return changes;
}

Outcome<Response> put_entries(const ApiContext& context, const Call& call, const KindDef& kind,
                              bool dry_run) {
  auto read = read_entries(context, call, kind);
  if (!read) return handed_on(read);
  auto changes = changes_of(context, call, std::move(*read));
  if (!changes) return handed_on(changes);
  if (!dry_run) {
    for (const RegistryEntry& entry : changes->entries) {
      auto recorded = context.commit_act(register_act(look(context, call, "register"), entry));
      if (!recorded) return storage_problem(recorded.error());
    }
    if (auto put = context.changing->put_entries(changes->entries); !put) {
      return storage_problem(put.error());
    }
  }
  return import_response({.kind = kind.key,
                          .fresh = changes->fresh,
                          .changed = changes->entries.size() - changes->fresh,
                          .same = changes->same,
                          .dry_run = dry_run});
}

Outcome<Response> post_entries(const ApiContext& context, const Call& call, const KindDef* kind) {
  if (kind == nullptr) return not_found();
  auto parameters = Parameters::read(call.request, {"dry_run"});
  if (!parameters) return handed_on(parameters);
  auto dry_run = parameters->choice("dry_run", {"false", "true"});
  if (!dry_run) return handed_on(dry_run);
  if (!may_write(call.credential, *kind)) {
    return forbidden("Entries of '" + std::string(kind->key) + "' are not kept by the role " +
                     std::string(to_string(call.credential.role)) + ".");
  }
  return context.repeats->once(call, [&] {
    const std::lock_guard acting(*context.acts);
    return put_entries(context, call, *kind, *dry_run == "true");
  });
}

}  // namespace

bool is_register_path(std::string_view path) {
  return path.starts_with("/v1/operations/") || path.starts_with("/v1/inventory/") ||
         path == "/v1/exemptions";
}

Outcome<Response> list_kinds(const ApiContext&, const Call& call) {
  if (auto none = Parameters::read(call.request, {}); !none) return handed_on(none);
  Json json;
  json.begin_object().key("items").begin_array();
  for (const KindDef& kind : registry_kinds()) {
    if (kind.shelf != Shelf::operations) continue;
    json.begin_object().member("kind", kind.key).member("name", kind.zh);
    json.key("fields").begin_array();
    for (const FieldDef& field : kind.fields) {
      json.begin_object().member("field", field.name).member("name", field.zh);
      json.member("needed", field.needed).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array().null_member("cursor").end_object();
  Response response;
  response.body = json.take();
  return response;
}

Outcome<Response> get_operations(const ApiContext& context, const Call& call) {
  return list_entries(context, call, kind_on(Shelf::operations, call.parts[0]));
}

Outcome<Response> post_operations(const ApiContext& context, const Call& call) {
  return post_entries(context, call, kind_on(Shelf::operations, call.parts[0]));
}

Outcome<Response> get_inventory(const ApiContext& context, const Call& call) {
  if (is_list_kind(call.parts[0])) return get_list(context, call, call.parts[0]);
  return list_entries(context, call, kind_on(Shelf::inventory, call.parts[0]));
}

Outcome<Response> post_inventory(const ApiContext& context, const Call& call) {
  if (is_list_kind(call.parts[0])) return post_list(context, call, call.parts[0]);
  return post_entries(context, call, kind_on(Shelf::inventory, call.parts[0]));
}

Outcome<Response> get_exemptions(const ApiContext& context, const Call& call) {
  return list_entries(context, call, find_kind(exemptions));
}

Outcome<Response> post_exemptions(const ApiContext& context, const Call& call) {
  return post_entries(context, call, find_kind(exemptions));
}

}  // namespace yunjian::collector
