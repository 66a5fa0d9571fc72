#include "collector/api/api_handler.h"

#include <algorithm>

#include "collector/api/count_routes.h"
#include "collector/api/finding_routes.h"
#include "collector/api/log_routes.h"
#include "collector/api/month_pack_files.h"
#include "collector/api/pack_routes.h"
#include "collector/api/record_routes.h"
#include "collector/api/register_routes.h"
#include "collector/api/witness_routes.h"

namespace yunjian::collector {

namespace {

constexpr std::size_t bearer_bytes_max = 256;

Outcome<Response> health(const Call&) {
  Response response;
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = R"({"status":"ok"})";
  return response;
}

// Whether `path` has the segments of `pattern`; `parts` gets what stood for its wildcards.
bool fits(std::string_view pattern, std::string_view path, std::vector<std::string>& parts) {
  parts.clear();
  while (!pattern.empty() && !path.empty()) {
    if (pattern == "/*") return path.size() > 1;
    const auto wanted = pattern.substr(0, pattern.find('/', 1));
    const auto segment = path.substr(0, path.find('/', 1));
    if (wanted == "/{}") {
      if (segment.size() < 2) return false;
      parts.emplace_back(segment.substr(1));
    } else if (wanted != segment) {
      return false;
    }
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(segment.size());
  }
  return pattern.empty() && path.empty();
}

Refusal unauthorized(std::string detail) {
  return refuse(401, "unauthorized", "A valid token is needed", std::move(detail));
}

Response told(const Problem& problem) {
  Response response = problem_response(problem);
  if (problem.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (problem.status == 405) {
    const bool post = problem.detail.find("POST") != std::string::npos;
    response.headers.emplace_back("Allow", post ? "POST" : "GET");
  }
  return response;
}

}  // namespace

ApiHandler::ApiHandler(ApiContext context) : context_(std::move(context)), routes_(routes()) {
  context_.metrics.push_back([this] { return counters_.text(); });
}

std::vector<ApiHandler::Route> ApiHandler::routes() {
  const auto plain = [this](Outcome<Response> (*route)(const ApiContext&, const Call&)) {
    return [this, route](const Call& call) { return route(context_, call); };
  };
  const Access log = context_.log_open ? Access::everybody : Access::credential;
  const Access metrics = context_.metrics_open ? Access::everybody : Access::whole_city;
  return {
      {"/healthz", Access::everybody, health},
      {"/metrics", metrics, plain(get_metrics)},
      {"/checkpoint", log, plain(get_checkpoint)},
      {"/tile/*", log, plain(get_tile)},
      {"/v1/log", log, plain(get_log)},
      {"/v1/log/candidate", log, plain(get_candidate)},
      {"/v1/log/witnessed", log, plain(get_witnessed)},
      {"/v1/log/lists/{}", log, plain(get_list)},
      {"/v1/log/cosignatures", Access::credential, plain(post_cosignatures), "POST"},
      {"/v1/log/endorsements", Access::credential, plain(post_endorsement), "POST"},
      {"/v1/search", Access::credential, plain(search)},
      {"/v1/hits", Access::credential, plain(get_hits)},
      {"/v1/facets", Access::credential, plain(get_facets)},
      {"/v1/fields", Access::credential, plain(get_fields)},
      {"/v1/exports", Access::credential,
       [this](const Call& call) { return streams_.get_export(context_, call); }},
      {"/v1/tail", Access::credential,
       [this](const Call& call) { return streams_.get_tail(context_, call); }},
      {"/v1/records/{}/{}", Access::credential, plain(get_record)},
      {"/v1/records/{}/{}/proof", Access::credential, plain(get_record_proof)},
      {"/v1/hosts", Access::credential, plain(list_hosts)},
      {"/v1/hosts/{}/usage", Access::credential, plain(host_usage)},
      {"/v1/findings", Access::credential, plain(list_findings)},
      {"/v1/findings/{}", Access::credential, plain(get_finding)},
      {"/v1/findings/{}", Access::credential, plain(post_finding), "POST"},
      {"/v1/exemptions", Access::credential, plain(get_exemptions)},
      {"/v1/exemptions", Access::credential, plain(post_exemptions), "POST"},
      {"/v1/operations", Access::credential, plain(list_kinds)},
      {"/v1/operations/{}", Access::credential, plain(get_operations)},
      {"/v1/operations/{}", Access::credential, plain(post_operations), "POST"},
      {"/v1/inventory/{}", Access::credential, plain(get_inventory)},
      {"/v1/inventory/{}", Access::credential, plain(post_inventory), "POST"},
      {"/v1/reports", Access::credential, plain(list_reports)},
      {"/v1/reports/{}/pack/*", Access::credential, plain(get_pack_file)},
      {"/v1/reports/{}/{}", Access::credential, plain(get_report)},
      {"/v1/streams", Access::credential, plain(list_streams)},
      {"/v1/streams/{}/batches/{}", Access::credential,
       [this](const Call& call) { return batches_.get_batch(context_, call); }},
  };
}

Response ApiHandler::handle(const Request& request) {
  auto outcome = answer(request);
  Response response = outcome ? std::move(*outcome) : told(outcome.error());
  const bool cacheable = std::any_of(response.headers.begin(), response.headers.end(),
                                     [](const auto& h) { return h.first == "Cache-Control"; });
  if (!cacheable) response.headers.emplace_back("Cache-Control", "no-store");
  counters_.count(response.status);
  return response;
}

// Notes are small; other routes take no body, but a small one is read all the same, so that its
// sender is told what is wrong.
std::uint64_t ApiHandler::body_bytes_max(std::string_view, std::string_view path) const {
  if (is_register_path(path)) return register_body_bytes_max;
  return 64U << 10U;
}

// The route of this path and method, or one of the path alone.
const ApiHandler::Route* ApiHandler::find(const Request& request,
                                          std::vector<std::string>& parts) const {
  const Route* found = nullptr;
  for (const auto& route : routes_) {
    std::vector<std::string> wildcards;
    if (!fits(route.pattern, request.path, wildcards)) continue;
    if (found != nullptr && route.method != request.method) continue;
    found = &route;
    parts = std::move(wildcards);
    if (route.method == request.method) break;
  }
  return found;
}

Outcome<Response> ApiHandler::answer(const Request& request) {
  std::vector<std::string> parts;
  const Route* route = find(request, parts);
  // Without a credential even the list of addresses is not told.
  auto who = credential(request, route == nullptr ? Access::credential : route->access);
  if (!who) return handed_on(who);
  if (route == nullptr) return not_found();
  if (request.method != route->method) {
    return refuse(405, "method", "Method not allowed",
                  "Only " + std::string(route->method) + " is answered here.");
  }
  return route->answer({.request = request, .credential = *who, .parts = std::move(parts)});
}

Outcome<Credential> ApiHandler::credential(const Request& request, Access access) const {
  if (access == Access::everybody) return Credential{};
  const std::string_view header = request.header("authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (header.empty()) {
    return unauthorized(
        "Send the header 'Authorization: Bearer TOKEN'; tokens are made with "
        "`yunjian-collector token create`.");
  }
  if (!header.starts_with(scheme) || header.size() > scheme.size() + bearer_bytes_max) {
    return unauthorized("The Authorization header does not read 'Bearer TOKEN'.");
  }
  auto found = context_.catalog->credential(header.substr(scheme.size()), context_.clock->wall());
  if (!found) return storage_problem(found.error());
  if (!*found) {
    return unauthorized("This token is not valid here: it is unknown, expired or revoked.");
  }
  if (access == Access::whole_city && !(*found)->scope.is_all()) {
    return forbidden("This address is for credentials whose scope is the whole city.");
  }
  return std::move(**found);
}

}  // namespace yunjian::collector
