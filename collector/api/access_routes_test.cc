#include "collector/api/access_routes.h"

#include <rapidjson/writer.h>

#include "collector/api/testing/api_kit.h"
#include "collector/api/unit_counts.h"
#include "ledger/suite.h"

namespace yunjian::collector {
namespace {

using testing::ApiKit;
using testing::Parameters;

struct AccessRoutesFixture : ApiKit {
  // The looks that somebody is told of, newest first, over all pages.
  std::vector<std::string> looks(const std::string& who, Parameters parameters = {}) {
    std::vector<std::string> told;
    for (bool more = true; more;) {
      const Response response = get(who, "/v1/access", parameters);
      REQUIRE_MESSAGE(response.status == 200, response.body);
      const auto page = json(response);
      for (const auto& item : page["items"].GetArray()) {
        rapidjson::StringBuffer buffer;
        rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
        item.Accept(writer);
        told.emplace_back(buffer.GetString());
      }
      more = page["cursor"].IsString();
      parameters.erase("cursor");
      if (more) parameters.emplace("cursor", page["cursor"].GetString());
    }
    return told;
  }
  static bool says(const std::string& text, std::string_view word) {
    return text.find(word) != std::string::npos;
  }
};

TEST_CASE_FIXTURE(AccessRoutesFixture,
                  "a unit sees who looked at its data, the authority too, and how much") {
  REQUIRE(get("authority", "/v1/search", {{"q", "tax and login"}}).status == 200);
  for (int round = 0; round < 2; ++round) {
    const auto told = looks("tax", {{"who", "authority"}});
    REQUIRE(told.size() == 1);
    CHECK(says(told[0], R"("who":"authority")"));
    CHECK(says(told[0], R"("role":"authority")"));
    CHECK(says(told[0], R"("path":"/v1/search")"));
    CHECK(says(told[0], R"("units":{"tax":20},"results":20)"));
    CHECK(says(told[0], round == 0 ? R"("sealed":false)" : R"("sealed":true)"));
    seal();
  }
  CHECK(looks("police", {{"who", "authority"}}).empty());
  CHECK(looks("east", {{"who", "authority"}}).size() == 1);
}

TEST_CASE_FIXTURE(AccessRoutesFixture,
                  "a look at several units tells each of them its own part alone") {
  REQUIRE(get("authority", "/v1/search", {{"q", "login or case-01"}}).status == 200);
  REQUIRE(get("authority", "/v1/hosts/case-01/usage").status == 200);
  REQUIRE(get("police", "/v1/search", {{"q", "secret-of-police"}}).status == 200);
  seal();
  const auto told = looks("tax");
  std::string all;
  for (const std::string& each : told) all += each + "\n";
  CHECK(says(all, R"("units":{"tax":20},"results":20)"));
  for (const std::string word : {"case-01", "secret-of-police", "police", "login"}) {
    CAPTURE(word);
    CHECK_FALSE(says(all, word));
  }
  const auto of_police = looks("police");
  std::string theirs;
  for (const std::string& each : of_police) theirs += each + "\n";
  CHECK(says(theirs, "secret-of-police"));
  CHECK(says(theirs, "/v1/hosts/case-01/usage"));
  CHECK_FALSE(says(theirs, "tax"));
}

TEST_CASE_FIXTURE(AccessRoutesFixture,
                  "a search that found nothing is told to those it went over") {
  REQUIRE(get("authority", "/v1/search", {{"q", "no-such-word"}}).status == 200);
  const auto told = looks("tax", {{"who", "authority"}});
  REQUIRE(told.size() == 1);
  CHECK(says(told[0], R"("results":0)"));
  CHECK_FALSE(says(told[0], "no-such-word"));
}

TEST_CASE_FIXTURE(AccessRoutesFixture,
                  "administrators for audit see every look with its sealed line") {
  REQUIRE(get("tax", "/v1/search", {{"q", "login"}}).status == 200);
  REQUIRE(get("provider", "/v1/hosts").status == 200);
  const auto told = looks("audit");
  std::string all;
  for (const std::string& each : told) all += each + "\n";
  CHECK(says(all, R"("who":"tax")"));
  CHECK(says(all, R"("q":"login")"));
  CHECK(says(all, R"("who":"provider")"));
  CHECK(says(all, R"("line":"{)"));
  // Their own look is the next one's to see, and grants are told too.
  CHECK(looks("authority", {{"who", "the person audit"}}).size() >= 1);
  const auto grants = looks("audit", {{"what", "grant"}});
  CHECK(grants.size() == 16);
  CHECK(says(grants.front(), R"("kind":"token")"));
}

TEST_CASE_FIXTURE(AccessRoutesFixture,
                  "acts are canonical records: no key twice, whoever reads them") {
  REQUIRE(get("tax", "/v1/search", {{"q", "login"}}).status == 200);
  const auto lines = unsealed();
  REQUIRE(lines.size() > 20);
  for (const std::string& line : lines) {
    CAPTURE(line);
    bool canonical = false;
    REQUIRE(ledger::parse_record(line, &canonical));
    CHECK(canonical);
  }
}

TEST_CASE_FIXTURE(AccessRoutesFixture,
                  "who may not see looks is refused, foreign and absent units alike") {
  for (const std::string who : {"provider", "system", "security"}) {
    CHECK(get(who, "/v1/access").status == 403);
  }
  CHECK(get("", "/v1/access").status == 401);
  const Response foreign = get("tax", "/v1/access", {{"unit", "police"}});
  const Response absent = get("tax", "/v1/access", {{"unit", "nowhere"}});
  CHECK(foreign.status == 404);
  CHECK(foreign.body == absent.body);
}

TEST_CASE_FIXTURE(AccessRoutesFixture,
                  "pages give every look once while new ones come and are sealed") {
  for (int i = 0; i < 25; ++i) {
    REQUIRE(get("authority", "/v1/hosts", {{"limit", std::to_string(i + 1)}}).status == 200);
    log.clock.advance(std::chrono::seconds(1));
    if (i % 7 == 0) seal();
  }
  std::set<std::string> numbers;
  std::size_t given = 0;
  Parameters parameters{{"who", "authority"}, {"limit", "4"}};
  for (bool more = true; more;) {
    const auto page = json(get("audit", "/v1/access", parameters));
    for (const auto& item : page["items"].GetArray()) {
      numbers.insert(std::to_string(item["number"].GetUint64()));
      ++given;
    }
    more = page["cursor"].IsString();
    parameters.erase("cursor");
    if (more) parameters.emplace("cursor", page["cursor"].GetString());
    if (given == 8) seal();
  }
  CHECK(given == 25);
  CHECK(numbers.size() == 25);
  CHECK(get("audit", "/v1/access", {{"cursor", "AAAA"}}).status == 400);
  CHECK(get("audit", "/v1/access", {{"limit", "1001"}}).status == 400);
}

TEST_CASE_FIXTURE(AccessRoutesFixture,
                  "an export is recorded before it begins and with its hash at the end") {
  const Response response = get("authority", "/v1/exports", {{"q", "login"}});
  REQUIRE(response.status == 200);
  REQUIRE(looks("audit", {{"what", "export"}}).size() == 1);
  const std::string body = body_of(response);
  const auto told = looks("audit", {{"what", "export"}});
  REQUIRE(told.size() == 2);
  CHECK(says(told[0], R"("step":"end")"));
  CHECK(says(told[0], R"("units":{"police":20,"tax":20},"results":40)"));
  CHECK(says(told[0], ledger::to_hex(ledger::as_view(ledger::sha256(body)))));
  const auto seen = looks("tax", {{"what", "export"}});
  REQUIRE(seen.size() == 2);
  CHECK(says(seen[0], R"("units":{"tax":20},"results":20)"));
}

TEST_CASE_FIXTURE(AccessRoutesFixture, "an answer whose look cannot be recorded is not given") {
  acts_fail = true;
  for (const std::string path : {"/v1/hosts", "/v1/streams", "/v1/search"}) {
    CAPTURE(path);
    const Response refused = get("tax", path);
    CHECK(refused.status == 503);
    CHECK_FALSE(says(refused.body, "web-01"));
  }
  CHECK(get("audit", "/v1/access").status == 503);
}

TEST_CASE("counts by unit come back from their text, whole or not at all") {
  UnitCounts counts;
  for (int i = 0; i < 1000; ++i) counts.add("unit-" + std::to_string(i), 7);
  counts.add("unit-0", 3);
  Act act(ledger::Time{}, "query");
  counts.tell(act);
  const auto record = ledger::parse_record(act.line());
  REQUIRE(record);
  CHECK((*record)->find_integer("results") == 7003);
  std::size_t units = 0;
  for (const auto& field : (*record)->fields) {
    if (field.key.starts_with("units")) units += UnitCounts::parse(field.value).size();
  }
  CHECK(units == 1000);
  CHECK(UnitCounts::parse("a=1 b= c=x d=01 e=5 f").size() == 2);
}

}  // namespace
}  // namespace yunjian::collector
