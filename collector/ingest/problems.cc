#include "collector/ingest/problems.h"

namespace yunjian::collector {

using ledger::ErrorKind;

Response no_such_path(const std::string& path) {
  return problem_response({.status = 404,
                           .slug = "no-such-path",
                           .title = "There is nothing here",
                           .detail = "No such path: " + path});
}

Response method_not_allowed(std::string_view allowed) {
  Response response = problem_response({.status = 405,
                                        .slug = "method-not-allowed",
                                        .title = "The path does not take this method",
                                        .detail = "Allowed: " + std::string(allowed)});
  response.headers.emplace_back("Allow", allowed);
  return response;
}

Problem failure_problem(const ledger::Error& error) {
  Problem problem{.status = 503,
                  .slug = "unavailable",
                  .title = "The collector cannot take this now",
                  .detail = error.message,
                  .retry = true,
                  .retry_after_s = 5};
  switch (error.kind) {
    case ErrorKind::retry:
      break;
    case ErrorKind::full:
      problem.slug = "storage-full";
      problem.title = "The collector has no space left";
      problem.retry_after_s = 300;
      break;
    case ErrorKind::fatal:
    case ErrorKind::corrupt:
      problem.slug = "storage-failed";
      problem.title = "The collector's storage failed";
      problem.detail = "Nothing is taken until the collector was restarted and looked after.";
      problem.retry_after_s = 60;
      break;
    case ErrorKind::reject:
      problem.status = 500;
      problem.slug = "internal-error";
      problem.title = "The collector failed to answer";
      problem.retry_after_s = 60;
      break;
  }
  return problem;
}

Response failure_response(const ledger::Error& error) {
  return problem_response(failure_problem(error));
}

}  // namespace yunjian::collector
