#pragma once

#include "collector/api/access.h"
#include "collector/api/context.h"
#include "collector/api/inventory_routes.h"
#include "collector/api/metrics.h"
#include "collector/api/stream_routes.h"
#include "collector/http/request_budget.h"

namespace yunjian::collector {

// The document of the API, as it is served at /openapi.json.
std::string_view openapi_json();

// The audit API: finds the route, checks the bearer token, and answers with what lies in its scope.
// Every look at records is durable in the collector's own stream before its answer is handed to the
// session. Any thread, several at once.
class ApiHandler : public Handler {
 public:
  explicit ApiHandler(ApiContext context);

  Response handle(const Request& request) override;
  std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const override;
  const AnswerCounters& counters() const { return counters_; }

  // A new one also stands in openapi.json and in this folder's README; tests hold that.
  struct Route {
    std::string_view pattern;  // segments; "{}" stands for one, "*" at the end for all that follow
    Access access;
    std::function<Outcome<Response>(const Call&)> answer;
    std::string_view method = "GET";
  };
  const std::vector<Route>& route_table() const { return routes_; }

 private:
  std::vector<Route> routes();
  const Route* find(const Request& request, std::vector<std::string>& parts) const;
  Outcome<Response> answer(const Request& request);
  Outcome<Credential> credential(const Request& request);
  Outcome<void> within_budget(const Request& request, const Credential& who);
  Refusal unknown_credential(const Request& request, std::string detail);
  std::string methods_of(const std::string& path) const;

  ApiContext context_;
  BatchReader batches_;
  StreamRoutes streams_;
  AnswerCounters counters_;
  std::vector<Route> routes_;
  RequestBudget budget_;   // of a credential, or of an address without one
  RequestBudget guesses_;  // of an address: credentials that were none
  RequestBudget alarms_;   // about those, of an address
  RequestBudget all_alarms_;
};

}  // namespace yunjian::collector
