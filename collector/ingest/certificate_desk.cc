#include "collector/ingest/certificate_desk.h"

#include <algorithm>

#include "collector/ingest/problems.h"
#include "ledger/record.h"

namespace yunjian::collector {
namespace {

using ledger::failure;
using ledger::Result;

// A renewal that was not used within this time may be replaced by one for another key.
constexpr std::chrono::seconds fresh_max = std::chrono::hours(1);

Response invalid(std::string detail) {
  return problem_response({.status = 400,
                           .slug = "renewal-invalid",
                           .title = "The request for a certificate is not valid",
                           .detail = std::move(detail)});
}

Response under_way(std::chrono::seconds wait) {
  return problem_response(
      {.status = 409,
       .slug = "renewal-under-way",
       .title = "Another key was given a certificate a moment ago",
       .detail = "This agent asked for a certificate with another key and has not used it yet. "
                 "Are two machines running with one state directory?",
       .retry = true,
       .retry_after_s = static_cast<int>(wait.count())});
}

Response certificate_response(std::string_view certificate, std::string_view ca) {
  std::string body = "{\"certificate\":";
  ledger::append_json_string(body, certificate);
  body += ",\"ca\":";
  ledger::append_json_string(body, ca);
  return {.body = body + "}"};
}

}  // namespace

Response CertificateDesk::renew(const Request& request) {
  auto json = ledger::parse_record(request.body);
  if (!json) return invalid("The body is not one flat JSON object.");
  const auto csr = (*json)->find("csr");
  if (!csr) return invalid("\"csr\" is missing.");
  const std::lock_guard one_at_a_time(mutex_);
  auto response = issue(request, std::string(*csr));
  if (!response) return failure_response(response.error());
  return std::move(*response);
}

Result<Response> CertificateDesk::issue(const Request& request, const std::string& csr) {
  const std::string& ca = parts_.authority.certificate_pem();
  auto key = csr_key_sha256(csr);
  if (!key) return invalid("\"csr\": " + key.error().message);
  auto agent = parts_.catalog.agent(Scope::all(), request.client_common_name);
  if (!agent) return failure(agent);
  auto there = parts_.catalog.renewal(request.client_common_name);
  if (!there) return failure(there);
  const ledger::Time now = parts_.clock.wall();
  if (*there && (*there)->key_sha256 == *key) {
    return certificate_response((*there)->certificate, ca);
  }
  const auto fresh = std::min(fresh_max, parts_.validity / 9);
  if (*there && now - (*there)->issued < fresh) return under_way(fresh);
  auto certificate = parts_.authority.issue_client(csr,
                                                   {.agent = request.client_common_name,
                                                    .incarnation = (*agent)->incarnation,
                                                    .validity = parts_.validity},
                                                   now);
  if (!certificate) return failure(certificate);
  auto facts = read_certificate(*certificate);
  if (!facts) return failure(facts);
  auto noted = parts_.catalog.note_certificate_end(request.client_common_name, facts->sha256,
                                                   facts->not_after);
  if (!noted) return failure(noted);
  auto put = parts_.catalog.put_renewal({.agent = request.client_common_name,
                                         .key_sha256 = *key,
                                         .certificate_sha256 = facts->sha256,
                                         .certificate = *certificate,
                                         .issued = now});
  if (!put) return failure(put);
  return certificate_response(*certificate, ca);
}

}  // namespace yunjian::collector
