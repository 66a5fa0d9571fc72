#include "collector/http/request_budget.h"

#include <algorithm>

#include "collector/api/testing/api_kit.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::ApiKit;

constexpr ledger::Time start{std::chrono::hours(500'000)};

TEST_CASE("a bucket holds its burst, is filled at its rate, and never beyond") {
  RequestBudget budget({.per_s = 2, .burst = 3});
  for (int i = 0; i < 3; ++i) CHECK(budget.take("a", start) == 0);
  CHECK(budget.take("a", start) == 1);
  CHECK(budget.take("b", start) == 0);
  CHECK(budget.take("a", start + 500ms) == 0);
  CHECK(budget.take("a", start + 500ms) == 1);
  for (int i = 0; i < 3; ++i) CHECK(budget.take("a", start + 1h) == 0);
  CHECK(budget.take("a", start + 1h) == 1);
  // A clock that is set back gives nothing away.
  CHECK(budget.take("a", start) == 1);
  RequestBudget none({.per_s = 0});
  for (int i = 0; i < 1000; ++i) REQUIRE(none.take("a", start) == 0);
}

TEST_CASE("as many names as somebody may invent take no more memory than the limit") {
  RequestBudget budget({.per_s = 1, .burst = 1});
  for (std::size_t i = 0; i < budget_names_max + 10; ++i) {
    REQUIRE(budget.take(std::to_string(i), start) == 0);
  }
}

TEST_CASE_FIXTURE(ApiKit, "a credential beyond its budget waits, others go on") {
  ApiContext limited = context();
  limited.requests_per_s = 1;
  api = std::make_unique<ApiHandler>(std::move(limited));
  int refused = 0;
  Response last;
  for (int i = 0; i < 15; ++i) {
    const Response response = get("tax", "/v1/log");
    if (response.status == 429) {
      ++refused;
      last = response;
    }
  }
  CHECK(refused == 5);
  CHECK(std::ranges::find(last.headers, std::pair<std::string, std::string>("Retry-After", "1")) !=
        last.headers.end());
  CHECK(get("police", "/v1/log").status == 200);
  CHECK(get("authority", "/metrics").body.find("yunjian_api_too_often_total 5\n") !=
        std::string::npos);
  log.clock.advance(1s);
  CHECK(get("tax", "/v1/log").status == 200);
}

TEST_CASE_FIXTURE(ApiKit,
                  "guessing tokens is slowed, sealed once, and costs its neighbours nothing") {
  const auto before = unsealed().size();
  int unauthorized = 0;
  int slowed = 0;
  for (int i = 0; i < 1000; ++i) {
    const int status = get("guess-" + std::to_string(i), "/v1/log").status;
    unauthorized += status == 401 ? 1 : 0;
    slowed += status == 429 ? 1 : 0;
  }
  CHECK(unauthorized == 100);
  CHECK(slowed == 900);
  const auto sealed = unsealed();
  REQUIRE(sealed.size() == before + 1);
  CHECK(sealed.back().find("\"guessing\"") != std::string::npos);
  CHECK(sealed.back().find("192.0.2.7") != std::string::npos);
  CHECK(sealed.back().find("guess-") == std::string::npos);
  CHECK(get("tax", "/v1/log").status == 200);  // from the same address
}

TEST_CASE_FIXTURE(ApiKit, "a token that is revoked ends what it opened") {
  const Response tail = get("tax", "/v1/tail", {{"seconds", "600"}});
  const Response other = get("police", "/v1/tail", {{"seconds", "600"}});
  REQUIRE(tail.source);
  CHECK_FALSE(tail.source->next().broken);
  REQUIRE(*catalog->revoke_token(credential("tax").id));
  CHECK(tail.source->next().broken);
  CHECK_FALSE(other.source->next().broken);
}

}  // namespace
}  // namespace yunjian::collector
