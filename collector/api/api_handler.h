#pragma once

#include "collector/api/context.h"
#include "collector/api/inventory_routes.h"
#include "collector/api/metrics.h"
#include "collector/api/stream_routes.h"

namespace yunjian::collector {

// The audit API: finds the route, checks the bearer token, and answers with what lies in its scope.
// Every look at records is durable in the collector's own stream before its answer is handed to the
// session. Any thread, several at once.
class ApiHandler : public Handler {
 public:
  explicit ApiHandler(ApiContext context);

  Response handle(const Request& request) override;
  std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const override;
  const AnswerCounters& counters() const { return counters_; }

 private:
  // Who may use a route at all; the scope narrows what it then shows.
  enum class Access { everybody, credential, whole_city };
  struct Route {
    std::string_view pattern;  // segments; "{}" stands for one, "*" at the end for all that follow
    Access access;
    std::function<Outcome<Response>(const Call&)> answer;
    std::string_view method = "GET";
  };

  std::vector<Route> routes();
  const Route* find(const Request& request, std::vector<std::string>& parts) const;
  Outcome<Response> answer(const Request& request);
  Outcome<Credential> credential(const Request& request, Access access) const;

  ApiContext context_;
  BatchReader batches_;
  StreamRoutes streams_;
  AnswerCounters counters_;
  std::vector<Route> routes_;
};

}  // namespace yunjian::collector
