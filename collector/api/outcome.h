#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "collector/http/message.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

// What a route gives: an answer, or the problem that is told instead.
template <typename T>
class [[nodiscard]] Outcome : public tl::expected<T, Problem> {
 public:
  using tl::expected<T, Problem>::expected;
};

using Refusal = tl::unexpected<Problem>;

inline Refusal refuse(int status, std::string slug, std::string title, std::string detail) {
  Problem problem{.status = status, .slug = {}, .title = {}, .detail = {}};
  problem.slug = std::move(slug);
  problem.title = std::move(title);
  problem.detail = std::move(detail);
  return Refusal(std::move(problem));
}

inline Refusal bad_request(std::string detail) {
  return refuse(400, "bad-request", "The request is not understood", std::move(detail));
}

// The same answer for what does not exist and for what lies outside the credential's scope.
inline Refusal not_found() {
  return refuse(404, "not-found", "Not found",
                "There is nothing under this address that this credential may see.");
}

inline Refusal forbidden(std::string detail) {
  return refuse(403, "forbidden", "Not allowed", std::move(detail));
}

// An error of the layers below. Reject is left to callers, who know what was asked for.
inline Refusal storage_problem(const ledger::Error& error) {
  Problem problem{.status = 500,
                  .slug = "storage",
                  .title = "The collector's storage failed",
                  .detail = "The cause is in the collector's log; tell its operator."};
  if (error.kind == ledger::ErrorKind::corrupt) {
    problem.slug = "integrity";
    problem.title = "Stored evidence is damaged";
    problem.detail =
        "What was asked for cannot be read whole, so nothing is answered. Tell the "
        "collector's operator to run `yunjian-collector verify`.";
  } else if (error.kind == ledger::ErrorKind::retry || error.kind == ledger::ErrorKind::full) {
    problem.status = 503;
    problem.slug = "unavailable";
    problem.title = "Not now";
    problem.detail = "The collector cannot do this at the moment; ask again.";
    problem.retry = true;
    problem.retry_after_s = 5;
  }
  return Refusal(std::move(problem));
}

template <typename T>
Refusal handed_on(Outcome<T>& failed) {
  return Refusal(std::move(failed).error());
}

}  // namespace yunjian::collector
