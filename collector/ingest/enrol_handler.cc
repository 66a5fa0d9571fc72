#include "collector/ingest/enrol_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "collector/ingest/problems.h"
#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::collector {
namespace {

constexpr std::string_view enrol_path = "/enrol/v1";
constexpr std::string_view ca_path = "/enrol/v1/ca";
constexpr HandlerRoute enrol_routes[] = {{"GET", ca_path}, {"POST", enrol_path}};
constexpr std::uint64_t enrol_body_bytes_max = 32U << 10;
constexpr RequestBudget::Limits alarms_max{.per_s = 1.0 / 3600, .burst = 1};
constexpr RequestBudget::Limits all_alarms_max{.per_s = 1.0 / 60, .burst = 10};

Response invalid_request(std::string detail) {
  return problem_response({.status = 400,
                           .slug = "enrolment-invalid",
                           .title = "The enrolment request is not valid",
                           .detail = std::move(detail)});
}

// Text of a member; empty when it is absent or no text.
std::string text_of(const ledger::ParsedRecord& json, std::string_view key) {
  for (const ledger::RecordField& field : json.fields) {
    if (field.key == key && field.is_string) return std::string(field.value);
  }
  return {};
}

void add_text(std::string& out, std::string_view key, std::string_view value) {
  out.append(out.empty() ? "{" : ",");
  ledger::append_json_string(out, key);
  out.push_back(':');
  ledger::append_json_string(out, value);
}

std::string json_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out.push_back(',');
    ledger::append_json_string(out, text);
  }
  return out + "]";
}

}  // namespace

EnrolHandler::EnrolHandler(const EnrolmentOffice::Parts& parts, Options options)
    : parts_(parts),
      options_(std::move(options)),
      office_(parts),
      alarms_(alarms_max),
      all_alarms_(all_alarms_max) {}

bool EnrolHandler::matches(std::string_view path) {
  return path == enrol_path || path.starts_with("/enrol/");
}

std::span<const HandlerRoute> EnrolHandler::routes() { return enrol_routes; }

std::uint64_t EnrolHandler::body_bytes_max(std::string_view, std::string_view path) const {
  return path == enrol_path ? enrol_body_bytes_max : 0;
}

Response EnrolHandler::handle(const Request& request) {
  const auto* route = std::ranges::find(enrol_routes, request.path, &HandlerRoute::pattern);
  if (route == std::end(enrol_routes)) return no_such_path(request.path);
  if (request.method != route->method) {
    return method_not_allowed(route->method == "GET" ? "GET, HEAD" : "POST");
  }
  if (route->pattern == enrol_path) return enrol(request);
  // Asked first: a host learns here that its clock is wrong, before a certificate's times say no.
  return {.content_type = "application/x-pem-file",
          .body = parts_.authority.certificate_pem(),
          .headers = {{"Yunjian-Time", ledger::format_time(parts_.clock.wall())}}};
}

Response EnrolHandler::enrol(const Request& request) {
  const std::string_view type = request.header("content-type");
  if (type.substr(0, type.find(';')) != "application/json") {
    return problem_response({.status = 415,
                             .slug = "unsupported-media-type",
                             .title = "The body is not JSON",
                             .detail = "POST /enrol/v1 takes application/json."});
  }
  auto json = ledger::parse_record(request.body);
  if (!json) return invalid_request("The body is not one flat JSON object.");
  const std::string token = text_of(**json, "token");
  if (auto refused = refuse_guess(request, token)) return *std::move(refused);
  auto key = ledger::from_base64(text_of(**json, "key"));
  if (!key) return invalid_request("\"key\" is not base64.");
  const EnrolmentOffice::Application application{
      .token = token, .first_key = std::move(*key), .csr = text_of(**json, "csr")};
  return enrol(application, **json);
}

// Whoever has a good token is not held up by a neighbour behind the same address.
std::optional<Response> EnrolHandler::refuse_guess(const Request& request,
                                                   const std::string& token) {
  auto known = parts_.catalog.knows_enrol_token(token);
  if (!known) return failure_response(known.error());
  if (*known) return std::nullopt;
  const ledger::Time now = parts_.clock.wall();
  ++tokens_refused_;
  const int wait = guesses_.take(request.peer, now);
  if (wait == 0) {
    return problem_response(
        {.status = 403,
         .slug = "enrol-token-refused",
         .title = "The enrol token is not good",
         .detail = "this enrol token is not known here; ask for one made with `yunjian-collector "
                   "enrol-token` on this collector"});
  }
  ++too_often_;
  raise(request.peer, now);
  return problem_response({.status = 429,
                           .slug = "too-often",
                           .title = "Too many requests",
                           .detail = fmt::format("Ask again in {} s, and less often.", wait),
                           .retry = true,
                           .retry_after_s = wait});
}

void EnrolHandler::raise(const std::string& peer, ledger::Time now) {
  if (!options_.record) return;
  if (alarms_.take(peer, now) != 0 || all_alarms_.take("", now) != 0) return;
  std::string line;
  ledger::RecordWriter writer(line, now, "collector");
  writer.text("what", "alarm").text("address", peer).text("cause", "guessing");
  writer.text("detail", "enrol tokens that were none, more than an address may try");
  writer.finish();
  static_cast<void>(options_.record(std::move(line)));
}

Response EnrolHandler::enrol(const EnrolmentOffice::Application& application,
                             const ledger::ParsedRecord& json) {
  if (json.find("signature")) return second_step(application, text_of(json, "signature"));
  return first_step(application, {.host = text_of(json, "host"),
                                  .suite = text_of(json, "suite"),
                                  .time = text_of(json, "time")});
}

Response EnrolHandler::first_step(const EnrolmentOffice::Application& application,
                                  const EnrolmentOffice::Wish& wish) {
  auto reserved = office_.reserve(application, wish);
  if (!reserved) return problem_response(reserved.error());
  std::string body;
  add_text(body, "agent", reserved->agent);
  body += ",\"incarnation\":" + std::to_string(reserved->incarnation);
  add_text(body, "origin", parts_.log.verifier().name());
  add_text(body, "text", reserved->text);
  body += "}";
  return {.body = std::move(body)};
}

Response EnrolHandler::second_step(const EnrolmentOffice::Application& application,
                                   const std::string& signatures) {
  auto enrolled = office_.complete(application, signatures);
  if (!enrolled) return problem_response(enrolled.error());
  std::string body;
  add_text(body, "certificate", enrolled->certificate);
  add_text(body, "ca", parts_.authority.certificate_pem());
  body += ",\"ingest\":" + json_list(options_.ingest_urls);
  add_text(body, "vkey", parts_.log.verifier().vkey());
  add_text(body, "leaf", enrolled->leaf);
  add_text(body, "receipt", enrolled->receipt);
  body += "}";
  return {.body = std::move(body)};
}

}  // namespace yunjian::collector
