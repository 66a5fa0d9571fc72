#include "collector/api/pack_routes.h"

#include <algorithm>

#include "collector/api/json.h"
#include "collector/api/month_pack_files.h"
#include "collector/api/parameters.h"
#include "collector/api/unit_counts.h"
#include "collector/report/pack_store.h"

namespace yunjian::collector {

namespace {

void write_month(Json& json, const StoredPack& pack) {
  const ledger::ReportManifest& manifest = pack.manifest;
  json.begin_object().member("month", std::string_view(manifest.month));
  json.member("revision", manifest.revision);
  if (pack.leaf) {
    json.member("leaf", *pack.leaf);
  } else {
    json.null_member("leaf");
  }
  json.member("as_of", manifest.as_of).member("rules", std::string_view(manifest.rules));
  json.member("files", std::uint64_t{manifest.files.size()});
  json.key("changes").begin_array();
  for (const std::string& change : manifest.changes) json.string(change);
  json.end_array().end_object();
}

std::string_view type_of(std::string_view path) {
  const auto known = media_type(path.substr(std::min(path.rfind('.') + 1, path.size())));
  return known.empty() ? "text/plain; charset=utf-8" : known;
}

}  // namespace

Outcome<Response> list_reports(const ApiContext& context, const Call& call) {
  if (auto none = Parameters::read(call.request, {}); !none) return handed_on(none);
  auto months = context.packs->months();
  if (!months) return storage_problem(months.error());
  Json json;
  UnitCounts counts;
  json.begin_object().key("items").begin_array();
  for (auto month = months->rbegin(); month != months->rend(); ++month) {
    auto pack = context.packs->newest(*month);
    if (!pack) return storage_problem(pack.error());
    if (!*pack) continue;
    write_month(json, **pack);
    counts.add("");
  }
  json.end_array().null_member("cursor").end_object();
  Response response;
  response.body = json.take();
  return recorded(context, look(context, call, "query"), counts, std::move(response));
}

Outcome<Response> get_pack_file(const ApiContext& context, const Call& call) {
  if (auto none = Parameters::read(call.request, {}); !none) return handed_on(none);
  if (!call.credential.scope.is_all()) {
    return forbidden("The signed pack is for credentials whose scope is the whole city.");
  }
  const auto month = rules::parse_month(call.parts[0]);
  if (!month) return not_found();
  auto pack = context.packs->newest(*month);
  if (!pack) return storage_problem(pack.error());
  if (!*pack) return not_found();
  constexpr std::string_view mark = "/pack/";
  const std::string path = call.request.path.substr(call.request.path.find(mark) + mark.size());
  Response response;
  if (path == "manifest") {
    response.body = (*pack)->note;
  } else {
    auto bytes = context.packs->file(**pack, path, *context.log->suite().hasher());
    if (!bytes && bytes.error().kind == ledger::ErrorKind::reject) return not_found();
    if (!bytes) return storage_problem(bytes.error());
    response.body = std::move(*bytes);
  }
  response.content_type = type_of(path);
  Act act = look(context, call, "report");
  act.number("revision", (*pack)->manifest.revision);
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  return response;
}

}  // namespace yunjian::collector
