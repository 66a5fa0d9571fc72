#include "collector/api/api_handler.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/api/access_routes.h"
#include "collector/api/account_routes.h"
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
constexpr double guesses_per_s = 1;
constexpr double guesses_burst = 100;
constexpr double guess_alarms_per_s = 1.0 / 3600;
constexpr double all_alarms_per_s = 1.0 / 60;
constexpr double all_alarms_burst = 10;

Outcome<Response> health(const Call&) {
  Response response;
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = R"({"status":"ok"})";
  return response;
}

Outcome<Response> openapi(const Call&) {
  Response response;
  response.body = openapi_json();
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
  return response;
}

// A burst is what ten seconds bring.
RequestBudget::Limits per_credential(std::uint64_t requests_per_s) {
  const auto per_s = static_cast<double>(requests_per_s);
  return {.per_s = per_s, .burst = per_s * 10};
}

Refusal too_often(int seconds) {
  Problem problem{.status = 429, .slug = "too-often", .title = "Too many requests"};
  problem.detail = fmt::format("Ask again in {} s, and less often.", seconds);
  problem.retry = true;
  problem.retry_after_s = seconds;
  return Refusal(std::move(problem));
}

}  // namespace

ApiHandler::ApiHandler(ApiContext context)
    : context_(std::move(context)),
      routes_(routes()),
      budget_(per_credential(context_.requests_per_s)),
      guesses_({.per_s = guesses_per_s, .burst = guesses_burst}),
      alarms_({.per_s = guess_alarms_per_s, .burst = 1}),
      all_alarms_({.per_s = all_alarms_per_s, .burst = all_alarms_burst}) {
  context_.metrics.push_back([this] { return counters_.text(); });
}

std::vector<ApiHandler::Route> ApiHandler::routes() {
  const auto plain = [this](Outcome<Response> (*route)(const ApiContext&, const Call&)) {
    return [this, route](const Call& call) { return route(context_, call); };
  };
  const Access log = context_.log_open ? access::everybody : access::any_credential;
  const Access metrics = context_.metrics_open ? access::everybody : access::figures;
  return {
      {"/healthz", access::everybody, health},
      {"/openapi.json", access::everybody, openapi},
      {"/metrics", metrics, plain(get_metrics)},
      {"/checkpoint", log, plain(get_checkpoint)},
      {"/tile/*", log, plain(get_tile)},
      {"/v1/log", log, plain(get_log)},
      {"/v1/log/batches/{}", access::data,
       [this](const Call& call) { return batches_.get_leaf_batches(context_, call); }},
      {"/v1/log/candidate", log, plain(get_candidate)},
      {"/v1/log/witnessed", log, plain(get_witnessed)},
      {"/v1/log/lists/{}", log, plain(get_list)},
      {"/v1/log/cosignatures", access::any_credential, plain(post_cosignatures), "POST"},
      {"/v1/log/endorsements", access::authority_alone, plain(post_endorsement), "POST"},
      {"/v1/search", access::data, plain(search)},
      {"/v1/hits", access::data, plain(get_hits)},
      {"/v1/facets", access::data, plain(get_facets)},
      {"/v1/fields", access::data, plain(get_fields)},
      {"/v1/exports", access::data,
       [this](const Call& call) { return streams_.get_export(context_, call); }},
      {"/v1/tail", access::data,
       [this](const Call& call) { return streams_.get_tail(context_, call); }},
      {"/v1/records/{}/{}", access::data, plain(get_record)},
      {"/v1/records/{}/{}/proof", access::data, plain(get_record_proof)},
      {"/v1/hosts", access::health, plain(list_hosts)},
      {"/v1/hosts/{}/usage", access::data, plain(host_usage)},
      {"/v1/findings", access::data, plain(list_findings)},
      {"/v1/findings/{}", access::data, plain(get_finding)},
      {"/v1/findings/{}", access::data, plain(post_finding), "POST"},
      {"/v1/exemptions", access::data, plain(get_exemptions)},
      {"/v1/exemptions", access::data, plain(post_exemptions), "POST"},
      {"/v1/operations", access::data, plain(list_kinds)},
      {"/v1/operations/{}", access::data, plain(get_operations)},
      {"/v1/operations/{}", access::data, plain(post_operations), "POST"},
      {"/v1/inventory/{}", access::data, plain(get_inventory)},
      {"/v1/inventory/{}", access::data, plain(post_inventory), "POST"},
      {"/v1/reports", access::data, plain(list_reports)},
      {"/v1/reports/{}/pack/*", access::data, plain(get_pack_file)},
      {"/v1/reports/{}/{}", access::data, plain(get_report)},
      {"/v1/streams", access::health, plain(list_streams)},
      {"/v1/streams/{}/batches/{}", access::data,
       [this](const Call& call) { return batches_.get_batch(context_, call); }},
      {"/v1/access", access::looks, plain(get_access)},
      {"/v1/me", access::any_credential, plain(get_me)},
      {"/v1/accounts", access::accounts, plain(list_accounts)},
      {"/v1/accounts", access::accounts_change, plain(post_account), "POST"},
      {"/v1/accounts/{}/close", access::accounts_change, plain(close_account), "POST"},
      {"/v1/grants", access::any_credential, plain(list_grants)},
      {"/v1/grants", access::any_credential, plain(post_grant), "POST"},
      {"/v1/grants/{}/approve", access::any_credential, plain(approve_grant), "POST"},
      {"/v1/grants/{}/revoke", access::any_credential, plain(revoke_grant), "POST"},
      {"/v1/tokens", access::any_credential, plain(list_tokens)},
      {"/v1/tokens", access::any_credential, plain(post_token), "POST"},
      {"/v1/certificates", access::any_credential, plain(post_certificate), "POST"},
      {"/v1/tokens/{}/revoke", access::any_credential, plain(revoke_token), "POST"},
  };
}

Response ApiHandler::handle(const Request& request) {
  auto outcome = answer(request);
  Response response = outcome ? std::move(*outcome) : told(outcome.error());
  if (response.status == 405) response.headers.emplace_back("Allow", methods_of(request.path));
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

std::string ApiHandler::methods_of(const std::string& path) const {
  std::string methods;
  for (const auto& route : routes_) {
    std::vector<std::string> wildcards;
    if (!fits(route.pattern, path, wildcards)) continue;
    methods += fmt::format("{}{}", methods.empty() ? "" : ", ", route.method);
  }
  return methods;
}

Outcome<Response> ApiHandler::answer(const Request& request) {
  std::vector<std::string> parts;
  const Route* route = find(request, parts);
  // Without a credential even the list of addresses is not told.
  auto who = route != nullptr && route->access.open ? Outcome<Credential>(Credential{})
                                                    : credential(request);
  if (!who) return handed_on(who);
  if (auto within = within_budget(request, *who); !within) return handed_on(within);
  if (route == nullptr) return not_found();
  if (request.method != route->method) {
    return refuse(405, "method", "Method not allowed",
                  "Only " + methods_of(request.path) + " is answered here.");
  }
  if (!route->access.allows(who->role)) {
    return forbidden(fmt::format("This address is not for the role {}.", to_string(who->role)));
  }
  return route->answer({.request = request, .credential = *who, .parts = std::move(parts)});
}

Outcome<void> ApiHandler::within_budget(const Request& request, const Credential& who) {
  const int wait =
      budget_.take(who.id.empty() ? "peer " + request.peer : who.id, context_.clock->wall());
  if (wait > 0) return too_often(wait);
  return {};
}

// Somebody who goes on trying is answered more slowly, and one record an hour says so. Whoever has
// a good token is not held up by a neighbour behind the same address.
Refusal ApiHandler::unknown_credential(const Request& request, std::string detail) {
  const ledger::Time now = context_.clock->wall();
  counters_.count_unknown_credential();
  const int wait = guesses_.take(request.peer, now);
  if (wait == 0) return unauthorized(std::move(detail));
  if (alarms_.take(request.peer, now) == 0 && all_alarms_.take("", now) == 0) {
    Act act(now, "alarm");
    act.text("cause", "guessing").text("address", request.peer);
    act.text("detail", "credentials that were none, more than an address may try");
    static_cast<void>(context_.commit_act(act.line()));
  }
  return too_often(wait);
}

// With a header Authorization it counts, and a certificate beside it does not.
Outcome<Credential> ApiHandler::credential(const Request& request) {
  const std::string_view header = request.header("authorization");
  const std::string& certificate = request.client_certificate_sha256;
  constexpr std::string_view scheme = "Bearer ";
  if (header.empty() && certificate.empty()) {
    return unauthorized(
        "Send the header 'Authorization: Bearer TOKEN', or a client certificate; tokens are made "
        "with `yunjian-collector token create`.");
  }
  std::string secret;
  if (header.empty()) {
    secret = certificate_secret(certificate);
  } else {
    // What a certificate is known by is no secret and counts in no header.
    const bool good = header.starts_with(scheme) && header.find(':') == header.npos &&
                      header.size() <= scheme.size() + bearer_bytes_max;
    if (!good) {
      return unknown_credential(request, "The Authorization header does not read 'Bearer TOKEN'.");
    }
    secret = header.substr(scheme.size());
  }
  auto found = context_.catalog->credential(secret, context_.clock->wall());
  if (!found) return storage_problem(found.error());
  if (*found) return std::move(**found);
  return unknown_credential(
      request,
      "This credential is not valid here: it is unknown, expired, revoked or waits for an "
      "approval.");
}

}  // namespace yunjian::collector
