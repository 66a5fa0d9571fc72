#include "collector/api/list_routes.h"

#include "collector/api/json.h"
#include "collector/api/list_page.h"
#include "collector/api/register_act.h"
#include "collector/api/repeats.h"
#include "collector/api/unit_counts.h"
#include "collector/catalog/list_files.h"

namespace yunjian::collector {

using ledger::Result;

namespace {

const std::string& unit_of(const Unit& unit) { return unit.id; }
const std::string& unit_of(const Host& host) { return host.unit; }

Response csv_response(std::string_view kind, std::string body) {
  Response response;
  response.content_type = "text/csv; charset=utf-8";
  response.headers.emplace_back("Content-Disposition",
                                "attachment; filename=\"" + std::string(kind) + ".csv\"");
  response.body = std::move(body);
  return response;
}

template <typename T>
Outcome<Response> answer_rows(const ApiContext& context, const Call& call,
                              const Result<std::vector<T>>& rows,
                              const std::function<std::string()>& csv) {
  if (!rows) return storage_problem(rows.error());
  auto parameters = Parameters::read(call.request, {"format", "limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  auto format = parameters->choice("format", {"json", "csv"});
  if (!format) return handed_on(format);
  Act act = look(context, call, "query");
  act.text("format", *format);
  UnitCounts counts;
  if (*format == "csv") {
    for (const T& row : *rows) counts.add(unit_of(row));
    return recorded(context, std::move(act), counts, csv_response(call.parts[0], csv()));
  }
  auto page = list_page(context, *parameters);
  if (!page) return handed_on(page);
  Response response = answer_list(context, *page, *rows,
                                  std::pair([](const T& row) { return row.id; },
                                            [&](Json& json, const T& row) {
                                              counts.add(unit_of(row));
                                              json.begin_object();
                                              for (const auto& [name, value] : list_fields(row)) {
                                                if (!value.empty())
                                                  json.member(name, std::string_view(value));
                                              }
                                              json.end_object();
                                            }));
  return recorded(context, std::move(act), counts, std::move(response));
}

// Acts first, then the rows.
template <typename T, typename Put>
Outcome<Response> put_rows(const ApiContext& context, const Call& call,
                           const ListChanges<T>& changes, const Put& put) {
  const bool dry_run = call.request.parameter("dry_run") == "true";
  if (!dry_run) {
    for (const RegistryEntry& entry : entries_of(changes.rows)) {
      auto recorded = context.commit_act(register_act(look(context, call, "register"), entry));
      if (!recorded) return storage_problem(recorded.error());
    }
    if (auto done = put(changes.rows); !done) return storage_problem(done.error());
  }
  return import_response({.kind = call.parts[0],
                          .fresh = changes.fresh,
                          .changed = changes.rows.size() - changes.fresh,
                          .same = changes.same,
                          .dry_run = dry_run});
}

Outcome<Response> put_units(const ApiContext& context, const Call& call, bool csv) {
  auto read = csv ? parse_units_csv(call.request.body) : parse_units(call.request.body);
  if (!read) return bad_request(read.error().message);
  auto known = context.catalog->units(Scope::all());
  if (!known) return storage_problem(known.error());
  return put_rows(context, call, list_changes(*known, std::move(*read)),
                  [&](const auto& rows) { return context.changing->put_units(rows); });
}

Outcome<Response> put_hosts(const ApiContext& context, const Call& call, bool csv) {
  auto units = context.catalog->units(Scope::all());
  if (!units) return storage_problem(units.error());
  auto read =
      csv ? parse_hosts_csv(call.request.body, *units) : parse_hosts(call.request.body, *units);
  if (!read) return bad_request(read.error().message);
  auto known = context.catalog->hosts(Scope::all());
  if (!known) return storage_problem(known.error());
  return put_rows(context, call, list_changes(*known, std::move(*read)),
                  [&](const auto& rows) { return context.changing->put_hosts(rows); });
}

}  // namespace

bool is_list_kind(std::string_view kind) { return kind == "unit" || kind == "host"; }

Response import_response(const ImportCounts& counts) {
  Json json;
  json.begin_object().member("kind", counts.kind).member("new", counts.fresh);
  json.member("changed", counts.changed).member("same", counts.same);
  json.member("dry_run", counts.dry_run).end_object();
  Response response;
  response.body = json.take();
  return response;
}

Outcome<Response> get_list(const ApiContext& context, const Call& call, std::string_view kind) {
  if (kind == "unit") {
    const auto units = context.catalog->units(call.credential.scope);
    return answer_rows(context, call, units, [&] { return format_units(*units, ListForm::csv); });
  }
  const auto hosts = context.catalog->hosts(call.credential.scope);
  return answer_rows(context, call, hosts, [&] { return format_hosts(*hosts, ListForm::csv); });
}

Outcome<Response> post_list(const ApiContext& context, const Call& call, std::string_view kind) {
  auto parameters = Parameters::read(call.request, {"dry_run"});
  if (!parameters) return handed_on(parameters);
  auto dry_run = parameters->choice("dry_run", {"false", "true"});
  if (!dry_run) return handed_on(dry_run);
  const Role role = call.credential.role;
  const bool may = role == Role::authority || role == Role::provider;
  if (!may || !call.credential.scope.is_all()) {
    return forbidden("Units and hosts are kept by the authority and the provider.");
  }
  const bool csv = call.request.header("content-type").starts_with("text/csv");
  return context.repeats->once(call, [&] {
    const std::lock_guard acting(*context.acts);
    return kind == "unit" ? put_units(context, call, csv) : put_hosts(context, call, csv);
  });
}

}  // namespace yunjian::collector
