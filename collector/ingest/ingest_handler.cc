#include "collector/ingest/ingest_handler.h"

#include <optional>

#include "collector/ingest/problems.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

using ledger::failure;
using ledger::Result;

constexpr std::string_view batches_path = "/ingest/v1/batches";
constexpr std::string_view frames_type = "application/octet-stream";
// Enough for a stray request to get its 404 instead of a 413.
constexpr std::uint64_t elsewhere_bytes_max = 64U << 10;

// What is wrong with a request before anybody looks at who sent it.
std::optional<Response> misdirected(const Request& request) {
  if (request.path != batches_path) return no_such_path(request.path);
  if (request.method != "POST") return method_not_allowed("POST");
  const std::string_view type = request.header("content-type");
  if (type != frames_type || !request.header("content-encoding").empty()) {
    return problem_response({.status = 415,
                             .slug = "unsupported-media-type",
                             .title = "The body is not frames",
                             .detail = "POST " + std::string(batches_path) + " takes " +
                                       std::string(frames_type) + " without Content-Encoding."});
  }
  return std::nullopt;
}

Response certificate_refused() {
  return problem_response(
      {.status = 403,
       .slug = "certificate-not-current",
       .title = "This certificate is not in use",
       .detail = "The client certificate is not the one this agent was given last: it was replaced "
                 "by a newer enrolment, or it is no agent's. Enrol the host with a new token."});
}

Response malformed_post(const std::string& why) {
  return problem_response({.status = 400,
                           .slug = "malformed-frames",
                           .title = "The body cannot be split into frames",
                           .detail = why + "; nothing of this post was looked at"});
}

Response answers_response(const std::vector<ledger::Answer>& answers) {
  Response response;
  response.content_type = "application/x-ndjson";
  for (const ledger::Answer& answer : answers) ledger::append_answer(response.body, answer);
  return response;
}

}  // namespace

IngestHandler::IngestHandler(BatchVerifier& verifier, const Catalog& catalog)
    : verifier_(verifier), catalog_(catalog) {}

Response IngestHandler::handle(const Request& request) {
  if (auto wrong = misdirected(request)) return std::move(*wrong);
  auto current = is_current(request);
  if (!current) {
    ++posts_failed_;
    return failure_response(current.error());
  }
  if (!*current) {
    ++certificates_refused_;
    return certificate_refused();
  }
  return take(request);
}

Response IngestHandler::take(const Request& request) {
  auto frames = ledger::split_frames(request.body);
  if (!frames) {
    ++posts_malformed_;
    return malformed_post(frames.error().message);
  }
  ++posts_;
  auto answers = verifier_.answer(*frames, request.client_common_name);
  if (!answers) {
    ++posts_failed_;
    return failure_response(answers.error());
  }
  return answers_response(*answers);
}

Result<bool> IngestHandler::is_current(const Request& request) const {
  if (request.client_certificate_sha256.empty()) return false;
  auto agent = catalog_.agent(Scope::all(), request.client_common_name);
  if (!agent) return failure(agent);
  return *agent && (*agent)->certificate_sha256 == request.client_certificate_sha256;
}

std::uint64_t IngestHandler::body_bytes_max(std::string_view, std::string_view path) const {
  return path == batches_path ? ledger::post_bytes_max : elsewhere_bytes_max;
}

IngestHandler::Counters IngestHandler::counters() const {
  return {.posts = posts_,
          .certificates_refused = certificates_refused_,
          .posts_malformed = posts_malformed_,
          .posts_failed = posts_failed_};
}

}  // namespace yunjian::collector
