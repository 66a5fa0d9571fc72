#include "collector/api/testing/small_api.h"

namespace yunjian::collector {
namespace {

using testing::SmallApi;

struct FindingRoutesFixture : SmallApi {
  FindingRoutesFixture() {
    put("web-01:reclaim:2026-10", "web-01", "tax", "low");
    put("case-01:expand:2026-10", "case-01", "police", "high");
  }
  void put(const std::string& id, const std::string& host, const std::string& unit,
           const std::string& verdict) {
    const Finding finding{.id = id,
                          .host = host,
                          .unit = unit,
                          .verdict = verdict,
                          .state = "flagged",
                          .month = "2026-10",
                          .opened = log.clock.wall(),
                          .changed = log.clock.wall(),
                          .details = {{"why_zh", "偏低"}}};
    REQUIRE(catalog->put_finding(finding, {.act = "flag", .who = "collector", .state = "flagged"}));
  }
  Response act(const std::string& who, const std::string& body, const std::string& key = "") {
    return post(who, "/v1/findings/web-01:reclaim:2026-10", body, key);
  }
  std::string state() { return (*catalog->finding(Scope::all(), "web-01:reclaim:2026-10"))->state; }
};

TEST_CASE_FIXTURE(FindingRoutesFixture,
                  "a finding goes its road act by act, each sealed before it moves") {
  const Response reviewed = act("provider", R"({"act":"review"})");
  REQUIRE(reviewed.status == 200);
  const auto answer = json(reviewed);
  CHECK(std::string(answer["state"].GetString()) == "reviewed");
  CHECK(std::string(answer["state_name"]["zh"].GetString()) == "供应商已复核");
  CHECK(answer["due"].IsString());
  REQUIRE(answer["steps"].Size() == 2);
  CHECK(std::string(answer["steps"][1]["by"].GetString()) == "provider");
  CHECK(recorded(R"("what":"finding")") == 1);
  CHECK(recorded(R"("act":"review")") == 1);
  CHECK(act("authority", R"({"act":"issue"})").status == 200);
  CHECK(act("authority", R"({"act":"notify"})").status == 200);
  const Response disputed = act("tax", R"({"act":"dispute","reason":"十一月有申报高峰"})");
  REQUIRE(disputed.status == 200);
  CHECK(std::string(json(disputed)["steps"][4]["reason"].GetString()) == "十一月有申报高峰");
  CHECK(state() == "disputed");
}

TEST_CASE_FIXTURE(FindingRoutesFixture,
                  "what is not allowed now or to this role is refused with the reason") {
  const Response early = act("tax", R"({"act":"agree"})");
  CHECK(early.status == 409);
  CHECK(early.body.find("allowed: review, withdraw") != std::string::npos);
  const Response other = act("authority", R"({"act":"review"})");
  CHECK(other.status == 409);
  CHECK(other.body.find("review is for the provider, not for the authority") != std::string::npos);
  const Response silent = act("authority", R"({"act":"withdraw"})");
  CHECK(silent.status == 409);
  CHECK(silent.body.find("needs a reason") != std::string::npos);
  CHECK(act("police", R"({"act":"agree"})").status == 404);
  for (const char* body :
       {"", "[]", "{}", R"({"act":"burn"})", R"({"act":1})", R"({"acts":"x"})"}) {
    CHECK(act("provider", body).status == 400);
  }
  CHECK(state() == "flagged");
  CHECK(recorded(R"("what":"finding")") == 0);
}

TEST_CASE_FIXTURE(FindingRoutesFixture,
                  "the same key is one act; an act that cannot be recorded is not done") {
  const Response first = act("provider", R"({"act":"review"})", "k-1");
  const Response again = act("provider", R"({"act":"review"})", "k-1");
  CHECK(first.status == 200);
  CHECK(again.status == 200);
  CHECK(again.body == first.body);
  CHECK(recorded(R"("act":"review")") == 1);
  CHECK(act("provider", R"({"act":"issue"})", "k-1").status == 422);
  acts_fail = true;
  CHECK(act("authority", R"({"act":"issue"})").status == 503);
  acts_fail = false;
  CHECK(state() == "reviewed");
}

TEST_CASE_FIXTURE(FindingRoutesFixture,
                  "lists show what is one's own, with what one may do, page by page") {
  const auto ids = [&](const std::string& who, SmallApi::Parameters parameters) {
    std::string all;
    const auto answer = json(get(who, "/v1/findings", std::move(parameters)));
    for (const auto& item : answer["items"].GetArray())
      all += std::string(item["id"].GetString()) + " ";
    return all;
  };
  CHECK(ids("tax", {}) == "web-01:reclaim:2026-10 ");
  CHECK(ids("east", {}) == "web-01:reclaim:2026-10 ");
  CHECK(ids("authority", {}) == "case-01:expand:2026-10 web-01:reclaim:2026-10 ");
  CHECK(ids("authority", {{"host", "case-01"}}) == "case-01:expand:2026-10 ");
  CHECK(ids("authority", {{"state", "issued"}}).empty());
  CHECK(get("authority", "/v1/findings", {{"state", "x"}}).status == 400);
  const auto page = json(get("authority", "/v1/findings", {{"limit", "1"}}));
  REQUIRE(page["cursor"].IsString());
  CHECK(ids("authority", {{"limit", "1"}, {"cursor", page["cursor"].GetString()}}) ==
        "web-01:reclaim:2026-10 ");
  const auto mine = json(get("provider", "/v1/findings/web-01:reclaim:2026-10"));
  REQUIRE(mine["allowed"].Size() == 1);
  CHECK(std::string(mine["allowed"][0].GetString()) == "review");
  CHECK(get("police", "/v1/findings/web-01:reclaim:2026-10").status == 404);
}

}  // namespace
}  // namespace yunjian::collector
