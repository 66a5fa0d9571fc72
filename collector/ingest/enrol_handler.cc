#include "collector/ingest/enrol_handler.h"

#include <memory>

#include "collector/ingest/problems.h"
#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::collector {
namespace {

constexpr std::string_view enrol_path = "/enrol/v1";
constexpr std::string_view ca_path = "/enrol/v1/ca";
constexpr std::uint64_t enrol_body_bytes_max = 32U << 10;

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
    : parts_(parts), options_(std::move(options)), office_(parts) {}

bool EnrolHandler::matches(std::string_view path) {
  return path == enrol_path || path.starts_with("/enrol/");
}

std::uint64_t EnrolHandler::body_bytes_max(std::string_view, std::string_view path) const {
  return path == enrol_path ? enrol_body_bytes_max : 0;
}

Response EnrolHandler::handle(const Request& request) {
  if (request.path == ca_path) {
    if (request.method != "GET") return method_not_allowed("GET, HEAD");
    return {.content_type = "application/x-pem-file", .body = parts_.authority.certificate_pem()};
  }
  if (request.path != enrol_path) return no_such_path(request.path);
  if (request.method != "POST") return method_not_allowed("POST");
  return enrol(request);
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
  auto key = ledger::from_base64(text_of(**json, "key"));
  if (!key) return invalid_request("\"key\" is not base64.");
  const EnrolmentOffice::Application application{.token = text_of(**json, "token"),
                                                 .first_key = std::move(*key),
                                                 .csr = text_of(**json, "csr")};
  return enrol(application, **json);
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
