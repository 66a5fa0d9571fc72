#include "collector/api/account_routes.h"

#include <algorithm>

#include "collector/api/testing/api_kit.h"

namespace yunjian::collector {
namespace {

using testing::ApiKit;

struct AccountRoutesFixture : ApiKit {
  std::string id_of(const Response& response) {
    REQUIRE_MESSAGE(response.status < 300, response.body);
    return json(response)["id"].GetString();
  }
  // Hosts of the event records that a search gives.
  std::size_t messages(const std::string& who, const std::string& unit) {
    const auto found = json(get(who, "/v1/search", {{"q", unit + " and login"}}));
    return found["items"].Size();
  }
};

TEST_CASE_FIXTURE(AccountRoutesFixture,
                  "from nothing to a working account over the API, two people all along") {
  CHECK(post("security", "/v1/accounts", R"({"id":"zhao","name":"赵"})").status == 201);
  const std::string grant = id_of(
      post("security", "/v1/grants",
           R"({"to":"zhao","role":"unit","units":["tax"],"reason":"works at tax","days":30})"));
  CHECK(post("security", "/v1/grants/" + grant + "/approve").status == 403);
  CHECK(post("guard", "/v1/grants/" + grant + "/approve").status == 200);
  const auto made = json(post("guard", "/v1/tokens", R"({"account":"zhao","days":5})"));
  secrets["zhao"] = made["token"].GetString();
  CHECK(get("zhao", "/v1/me").status == 401);
  const std::string waiting = made["grant"].GetString();
  CHECK(post("guard", "/v1/grants/" + waiting + "/approve").status == 403);
  CHECK(post("security", "/v1/grants/" + waiting + "/approve").status == 200);
  const auto me = json(get("zhao", "/v1/me"));
  CHECK(std::string(me["account"].GetString()) == "zhao");
  CHECK(std::string(me["role"].GetString()) == "unit");
  CHECK(me["units"].Size() == 1);
  CHECK(messages("zhao", "tax") == 20);
  CHECK(messages("zhao", "police") == 0);
  // Its own next token needs nobody else.
  const auto next = json(post("zhao", "/v1/tokens", "{}"));
  CHECK(next["grant"].IsNull());
  secrets["zhao"] = next["token"].GetString();
  CHECK(get("zhao", "/v1/me").status == 200);
  CHECK(post("security", "/v1/accounts/zhao/close").status == 200);
  CHECK(get("zhao", "/v1/me").status == 401);
}

TEST_CASE_FIXTURE(AccountRoutesFixture,
                  "an operator reads a unit's messages while the unit lets him") {
  const std::string operator_id = credential("provider").id;
  const std::string body = R"({"kind":"messages","to":")" + operator_id +
                           R"(","units":["tax"],"reason":"incident 7","days":1})";
  CHECK(messages("provider", "tax") == 0);
  CHECK(get("provider", "/v1/records/" + tax.stream() + "/0").status == 404);
  const std::string grant = id_of(post("tax", "/v1/grants", body));
  CHECK(messages("provider", "tax") == 20);
  CHECK(messages("provider", "police") == 0);
  CHECK(json(get("provider", "/v1/search"))["items"].Size() == 24);  // with usage of both
  CHECK(get("provider", "/v1/records/" + tax.stream() + "/0").status == 200);
  CHECK(get("provider", "/v1/records/" + police.stream() + "/0").status == 404);
  CHECK(get("provider", "/v1/records/" + police.stream() + "/20").status == 200);
  CHECK(get("provider", "/v1/streams/" + tax.stream() + "/batches/0").status == 200);
  CHECK(get("provider", "/v1/streams/" + police.stream() + "/batches/0").status == 404);
  const std::string exported = body_of(get("provider", "/v1/exports"));
  CHECK(exported.find("tax login") != std::string::npos);
  CHECK(exported.find("police login") == std::string::npos);
  const auto hits = json(get("provider", "/v1/hits", {{"q", "login"}}));
  CHECK(hits["items"][0]["records"].GetUint64() == 20);
  // The unit sees the grant, another one does not.
  CHECK(json(get("tax", "/v1/grants"))["items"].Size() == 1);
  CHECK(json(get("police", "/v1/grants"))["items"].Size() == 0);
  const Response foreign = post("police", "/v1/grants/" + grant + "/revoke");
  const Response absent = post("police", "/v1/grants/000000000000/revoke");
  CHECK(foreign.status == 404);
  CHECK(foreign.body == absent.body);
  CHECK(post("tax", "/v1/grants/" + grant + "/revoke").status == 200);
  CHECK(messages("provider", "tax") == 0);
  // What is in a part of the store is held back as well as what is in the log.
  while (*log->file_step()) {
  }
  CHECK(messages("provider", "tax") == 0);
  REQUIRE(post("tax", "/v1/grants", body).status == 201);
  CHECK(messages("provider", "tax") == 20);
  CHECK(messages("provider", "police") == 0);
  log.clock.advance(std::chrono::hours(25));
  CHECK(messages("provider", "tax") == 0);
}

TEST_CASE_FIXTURE(AccountRoutesFixture, "a change that is sent again is made once") {
  const std::string body = R"({"id":"zhao","name":"赵"})";
  const Response first = post("security", "/v1/accounts", body, "key-1");
  CHECK(first.status == 201);
  const Response again = post("security", "/v1/accounts", body, "key-1");
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(post("security", "/v1/accounts", body, "key-2").status == 409);
  CHECK(post("security", "/v1/accounts", R"({"id":"qian","name":"钱"})", "key-1").status == 422);
  // Keys are each credential's own.
  CHECK(post("guard", "/v1/accounts", R"({"id":"qian","name":"钱"})", "key-1").status == 201);
  CHECK(post("security", "/v1/accounts", body, std::string(129, 'k')).status == 400);
  CHECK(post("guard", "/v1/tokens", R"({"account":"zhao"})", "key-9").status == 400);
}

TEST_CASE_FIXTURE(AccountRoutesFixture,
                  "tokens are listed to whom they belong, without their secrets") {
  const Response all = get("audit", "/v1/tokens");
  CHECK(json(all)["items"].Size() == 10);
  for (const auto& [name, secret] : secrets) {
    CHECK(all.body.find(secret) == std::string::npos);
  }
  CHECK(json(get("tax", "/v1/tokens"))["items"].Size() == 1);
  const std::string police_token = credential("police").id;
  CHECK(post("tax", "/v1/tokens/" + police_token + "/revoke").status == 404);
  CHECK(post("audit", "/v1/tokens/" + police_token + "/revoke").status == 403);
  CHECK(post("security", "/v1/tokens/" + police_token + "/revoke").status == 200);
  CHECK(get("police", "/v1/me").status == 401);
}

TEST_CASE_FIXTURE(AccountRoutesFixture,
                  "bodies that are not understood are told, and nothing changes") {
  const std::vector<std::string> bad = {
      "",
      "{}",
      R"({"to":"audit","role":"king","reason":"x","days":1})",
      R"({"to":"audit","role":"unit","reason":"x"})",
      R"({"to":"audit","role":"unit","reason":"x","days":0})",
      R"({"to":"audit","role":"unit","reason":"x","days":1,"until":"2030-01-01"})",
      R"({"to":"audit","kind":"token","reason":"x","days":1})",
      R"({"to":"audit","kind":"messages","role":"unit","reason":"x","days":1})",
      R"({"to":["audit"],"role":"unit","reason":"x","days":1})",
  };
  const auto before = catalog->grants()->size();
  for (const std::string& body : bad) {
    CAPTURE(body);
    CHECK(post("security", "/v1/grants", body).status == 400);
  }
  CHECK(catalog->grants()->size() == before);
  const Response method = api->handle(request("security", "DELETE", "/v1/grants"));
  CHECK(method.status == 405);
  CHECK(std::ranges::find(method.headers, std::pair<std::string, std::string>(
                                              "Allow", "GET, POST")) != method.headers.end());
}

}  // namespace
}  // namespace yunjian::collector
