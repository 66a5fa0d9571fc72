#include "collector/api/log_routes.h"

#include "collector/api/json.h"
#include "collector/api/parameters.h"

namespace yunjian::collector {

Outcome<Response> get_log(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  const auto& verifier = context.log->verifier();
  Json json;
  json.begin_object()
      .member("origin", std::string_view(verifier.name()))
      .member("vkey", std::string_view(verifier.vkey()))
      .member("suite", verifier.suite().name())
      .member("size", context.log->size())
      .end_object();
  Response response;
  response.body = json.take();
  return response;
}

Outcome<Response> get_checkpoint(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = context.log->checkpoint();
  return response;
}

Outcome<Response> get_tile(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  const auto id = ledger::parse_tile_path(std::string_view(call.request.path).substr(1));
  if (!id) return not_found();
  auto tile = context.log->tile(*id);
  if (!tile && tile.error().kind == ledger::ErrorKind::reject) return not_found();
  if (!tile) return storage_problem(tile.error());
  Response response;
  response.content_type = "application/octet-stream";
  // A tile's name holds its size: what it names never changes.
  response.headers.emplace_back("Cache-Control", "public, max-age=31536000, immutable");
  response.body = std::move(*tile);
  return response;
}

}  // namespace yunjian::collector
