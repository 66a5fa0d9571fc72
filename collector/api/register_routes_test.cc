#include "collector/api/testing/small_api.h"

namespace yunjian::collector {
namespace {

using testing::SmallApi;

struct RegisterRoutesFixture : SmallApi {
  Response send(const std::string& who, const std::string& path, const std::string& body,
                const std::string& type = "application/json") {
    Request asked = request(who, "POST", path);
    asked.body = body;
    asked.headers["content-type"] = type;
    return api->handle(asked);
  }
  std::size_t registered() { return recorded(R"("what":"register")"); }
};

const std::string incident =
    R"({"id":"I-1","unit":"tax","title":"无法登录","level":"3","began":"2026-10-13 09:12",)"
    R"("responsible":"云服务商"})";

TEST_CASE_FIXTURE(RegisterRoutesFixture,
                  "the provider keeps its register; units see what is theirs") {
  const Response put = send("provider", "/v1/operations/incident", incident);
  REQUIRE_MESSAGE(put.status == 200, put.body);
  CHECK(json(put)["new"].GetInt() == 1);
  CHECK(json(send("provider", "/v1/operations/incident", incident))["same"].GetInt() == 1);
  CHECK(registered() == 1);
  const auto seen = json(get("tax", "/v1/operations/incident"));
  REQUIRE(seen["items"].Size() == 1);
  CHECK(std::string(seen["items"][0]["began"].GetString()) == "2026-10-13T01:12:00.000000Z");
  CHECK(json(get("police", "/v1/operations/incident"))["items"].Empty());
  const Response csv = get("provider", "/v1/operations/incident", {{"format", "csv"}});
  CHECK(csv.content_type.starts_with("text/csv"));
  CHECK(csv.body.find("I-1,tax,") != std::string::npos);
  CHECK(send("tax", "/v1/operations/incident", incident).status == 403);
  CHECK(get("provider", "/v1/operations/nothing").status == 404);
  CHECK(get("provider", "/v1/operations/exemption").status == 404);
  CHECK(json(get("tax", "/v1/operations"))["items"].Size() == 8);
}

TEST_CASE_FIXTURE(RegisterRoutesFixture,
                  "registers come as CSV too, and a mistake is told with its place") {
  const std::string head = "id,date,scenario,result\n";
  CHECK(send("provider", "/v1/operations/drill", head + "D-1,2026-10-22,切换,成功\n", "text/csv")
            .status == 200);
  const Response wrong =
      send("provider", "/v1/operations/drill", head + "D-2,2026-10-32,切换,成功\n", "text/csv");
  CHECK(wrong.status == 400);
  CHECK(wrong.body.find("line 2, column 5") != std::string::npos);
  Request check = request("provider", "POST", "/v1/operations/drill");
  check.body = head + "D-3,2026-10-23,切换,成功\n";
  check.headers["content-type"] = "text/csv; charset=utf-8";
  check.query = {{"dry_run", "true"}};
  CHECK(json(api->handle(check))["new"].GetInt() == 1);
  CHECK(registered() == 1);
  CHECK(catalog->entries(Scope::all(), "drill")->size() == 1);
}

TEST_CASE_FIXTURE(RegisterRoutesFixture,
                  "exemptions are the authority's and the county's, for their own hosts") {
  const std::string mine =
      R"({"id":"HM-1","host":"web-01","type":"declared_cycle","reason":"年终决算",)"
      R"("approver":"王局长",)"
      R"("from":"2026-11-01","until":"2027-01-31"})";
  std::string other = mine;
  other.replace(other.find("web-01"), 6, "case-01");
  CHECK(send("provider", "/v1/exemptions", mine).status == 403);
  CHECK(send("tax", "/v1/exemptions", mine).status == 403);
  CHECK(send("east", "/v1/exemptions", mine).status == 200);
  CHECK(std::string(json(get("tax", "/v1/exemptions"))["items"][0]["approver"].GetString()) ==
        "王局长");
  std::string endless = mine;
  endless.replace(endless.find("2027-01-31"), 10, "2028-01-31");
  CHECK(send("authority", "/v1/exemptions", endless).status == 400);
}

TEST_CASE_FIXTURE(RegisterRoutesFixture,
                  "an id that another county's entry has is as free as any other") {
  const std::string mine =
      R"({"id":"HM-1","host":"web-01","type":"declared_cycle","reason":"年终决算",)"
      R"("approver":"王局长","from":"2026-11-01","until":"2027-01-31"})";
  std::string other = mine;
  other.replace(other.find("web-01"), 6, "case-01");
  REQUIRE(send("authority", "/v1/exemptions", other).status == 200);
  const Response put = send("east", "/v1/exemptions", mine);
  REQUIRE_MESSAGE(put.status == 200, put.body);
  CHECK(json(put)["new"].GetInt() == 1);
  // Each is there, and none took the other's place; pages of one part them.
  CHECK(json(get("tax", "/v1/exemptions"))["items"].Size() == 1);
  const auto first = json(get("authority", "/v1/exemptions", {{"limit", "1"}}));
  REQUIRE(first["items"].Size() == 1);
  REQUIRE(first["cursor"].IsString());
  const auto second = json(get("authority", "/v1/exemptions",
                               {{"limit", "1"}, {"cursor", first["cursor"].GetString()}}));
  REQUIRE(second["items"].Size() == 1);
  CHECK(std::string(first["items"][0]["id"].GetString()) == "HM-1");
  CHECK(std::string(first["items"][0]["host"].GetString()) == "case-01");
  CHECK(std::string(second["items"][0]["id"].GetString()) == "HM-1");
  CHECK(std::string(second["items"][0]["host"].GetString()) == "web-01");
  std::string changed = mine;
  changed.replace(changed.find("2027-01-31"), 10, "2026-12-31");
  CHECK(json(send("east", "/v1/exemptions", changed))["changed"].GetInt() == 1);
  CHECK(json(get("police", "/v1/exemptions"))["items"][0]["until"] == "2027-01-31");
}

TEST_CASE_FIXTURE(RegisterRoutesFixture,
                  "a host, unit or system of somebody else answers as an absent one does") {
  REQUIRE(send("authority", "/v1/inventory/system",
               R"([{"id":"case-files","unit":"police","name":"档案","mlps_level":"3"}])")
              .status == 200);
  const std::string exemption =
      R"({"id":"HM-1","host":"%","type":"declared_cycle","reason":"年终决算","approver":"王局长",)"
      R"("from":"2026-11-01","until":"2027-01-31"})";
  const std::string agreement =
      R"({"id":"A-1","unit":"tax","system":"%","signed":"2026-10-01","from":"2026-11-01"})";
  const std::string on_host =
      R"({"id":"A-1","unit":"tax","host":"%","signed":"2026-10-01","from":"2026-11-01"})";
  const std::string of_unit =
      R"({"id":"A-1","unit":"%","signed":"2026-10-01","from":"2026-11-01"})";
  struct Case {
    std::string path, body, foreign, absent;
  };
  const std::vector<Case> cases = {
      {"/v1/exemptions", exemption, "case-01", "none-01"},
      {"/v1/inventory/agreement", agreement, "case-files", "case-filed"},
      {"/v1/inventory/agreement", on_host, "case-01", "none-01"},
      {"/v1/inventory/agreement", of_unit, "police", "nobody"}};
  for (const Case& each : cases) {
    for (const std::string dry_run : {"true", "false"}) {
      const auto answer = [&](const std::string& id) {
        Request asked = request("east", "POST", each.path);
        asked.query = {{"dry_run", dry_run}};
        asked.body = each.body;
        asked.body.replace(asked.body.find('%'), 1, id);
        Response response = api->handle(asked);
        // Which id he asked about is all that may differ.
        for (auto at = response.body.find(id); at != std::string::npos;) {
          response.body.replace(at, id.size(), "%");
          at = response.body.find(id, at);
        }
        return response;
      };
      const Response foreign = answer(each.foreign);
      const Response absent = answer(each.absent);
      CAPTURE(foreign.body);
      CHECK(foreign.status == 400);
      CHECK(foreign.status == absent.status);
      CHECK(foreign.body == absent.body);
      CHECK(foreign.headers == absent.headers);
    }
  }
}

TEST_CASE_FIXTURE(RegisterRoutesFixture,
                  "units and hosts are lists like the others, kept by two roles") {
  const std::string units = R"([{"id":"parks","name":"园林局","county":"east"}])";
  CHECK(send("tax", "/v1/inventory/unit", units).status == 403);
  CHECK(send("east", "/v1/inventory/unit", units).status == 403);
  Request checked = request("provider", "POST", "/v1/inventory/unit");
  checked.query = {{"dry_run", "true"}};
  checked.body = units;
  const Response dry = api->handle(checked);
  CHECK(dry.status == 200);
  CHECK(json(dry)["new"].GetUint64() == 1);
  CHECK(get("authority", "/v1/inventory/unit").body.find("parks") == std::string::npos);
  CHECK(send("provider", "/v1/inventory/unit", units).status == 200);
  CHECK(registered() == 1);
  const Response again = send("authority", "/v1/inventory/unit", units);
  CHECK(json(again)["same"].GetUint64() == 1);

  const Response wrong = send("provider", "/v1/inventory/host",
                              "[{\"id\":\"p-1\",\"unit\":\"parks\"},\n"
                              "{\"id\":\"p-2\",\"unit\":\"nobody\"}]");
  CHECK(wrong.status == 400);
  CHECK(wrong.body.find("line 2, column 27: unit: 'nobody'") != std::string::npos);
  CHECK(get("authority", "/v1/inventory/host").body.find("p-1") == std::string::npos);
  CHECK(send("provider", "/v1/inventory/host",
             R"({"id":"p-1","unit":"parks","vcpus":2,"memory_gb":4.5})")
            .status == 200);
  const std::string list = get("authority", "/v1/inventory/host", {{"format", "csv"}}).body;
  CHECK(list.starts_with("id,unit,system,name,vcpus,memory_gb,purpose,address\n"));
  CHECK(list.find("p-1,parks,,,2,4.5,,\n") != std::string::npos);
  // Of other units nothing is seen.
  CHECK(get("tax", "/v1/inventory/host").body.find("p-1") == std::string::npos);
  CHECK(get("tax", "/v1/inventory/unit").body.find("parks") == std::string::npos);
}

TEST_CASE_FIXTURE(RegisterRoutesFixture,
                  "the inventory is kept over the API, and nothing is done unrecorded") {
  const std::string system = R"([{"id":"portal","unit":"tax","name":"门户","mlps_level":"3"}])";
  CHECK(send("authority", "/v1/inventory/system", system).status == 200);
  CHECK(std::string(json(get("tax", "/v1/inventory/system"))["items"][0]["name"].GetString()) ==
        "门户");
  CHECK(get("tax", "/v1/inventory/incident").status == 404);
  acts_fail = true;
  std::string changed = system;
  changed.replace(changed.find("门户"), std::string("门户").size(), "新门户");
  CHECK(send("authority", "/v1/inventory/system", changed).status == 503);
  CHECK((*catalog->entry(Scope::all(), "system", "portal"))->field("name") == "门户");
  CHECK(api->body_bytes_max("POST", "/v1/operations/duty") == 4U << 20U);
  CHECK(api->body_bytes_max("POST", "/v1/findings/x") == 64U << 10U);
}

}  // namespace
}  // namespace yunjian::collector
