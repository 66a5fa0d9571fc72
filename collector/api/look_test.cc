// Every answer with data of units leaves only when its look was recorded; when that fails, nothing
// leaves. A new route has to be put into one of the two tables.
#include <set>

#include "collector/api/testing/api_kit.h"

namespace yunjian::collector {
namespace {

using testing::ApiKit;
using testing::Parameters;

// What is no data: how the collector does, the log as it is witnessed, the caller's own credential,
// the words of the registers.
const std::set<std::string> exempt = {
    "/healthz",         "/openapi.json", "/metrics",          "/checkpoint",
    "/tile/*",          "/v1/log",       "/v1/log/candidate", "/v1/log/witnessed",
    "/v1/log/lists/{}", "/v1/me",        "/v1/operations"};

struct Asked {
  std::string pattern;
  std::string path;
  Parameters parameters = {};
};

struct LookFixture : ApiKit {
  std::vector<std::string> lines;  // of the own stream
  bool fails = false;

  LookFixture() {
    const Finding finding{.id = "web-01:x",
                          .host = "web-01",
                          .unit = "tax",
                          .verdict = "low",
                          .state = "flagged",
                          .month = "2026-10"};
    REQUIRE(catalog->put_finding(finding, {.act = "flag", .who = "x", .state = "flagged"}));
    for (const std::string kind : {"exemption", "incident", "system"}) {
      REQUIRE(catalog->put_entries(
          {{.kind = kind, .id = "tax-entry", .unit = "tax", .fields = {{"title", "税务局"}}}}));
    }
    keep_pack();
    watch();
  }

  // A handler that has counted nothing yet.
  void watch() {
    ApiContext watched = context();
    watched.commit_act = [this](std::string line) -> ledger::Result<void> {
      if (fails) return ledger::fail(ledger::ErrorKind::full, "the disk is full");
      lines.push_back(std::move(line));
      return {};
    };
    api = std::make_unique<ApiHandler>(std::move(watched));
  }

  void keep_pack() {
    const rules::Month month = *rules::parse_month("2026-09");
    const auto place = packs.begin(month, "making");
    REQUIRE(place);
    const std::string bytes = "税务局";
    REQUIRE(packs.put(*place, "city.json", bytes));
    ledger::ReportManifest manifest{.origin = log->verifier().name(), .month = "2026-09"};
    manifest.as_of = testing::test_start;
    manifest.rules = manifest.calendar = "v1";
    manifest.files = {{"city.json", bytes.size(), log->suite().hasher()->plain(bytes)}};
    const std::string text = ledger::format_report_manifest(manifest);
    const auto signature = log->sign(text);
    REQUIRE(signature);
    const std::string note = ledger::format_note(text, {*signature});
    const auto kept = packs.finish(*place, manifest, note);
    REQUIRE_MESSAGE(kept.has_value(), kept.error().message);
  }

  std::vector<Asked> data() const {
    const std::string stream = tax.stream();
    return {{"/v1/log/batches/{}", "/v1/log/batches/0"},
            {"/v1/search", "/v1/search"},
            {"/v1/search", "/v1/search", {{"q", "no-such-word"}}},
            {"/v1/hits", "/v1/hits", {{"step", "1d"}}},
            {"/v1/facets", "/v1/facets"},
            {"/v1/fields", "/v1/fields"},
            {"/v1/exports", "/v1/exports"},
            {"/v1/exports", "/v1/exports", {{"format", "csv"}}},
            {"/v1/tail", "/v1/tail", {{"seconds", "600"}}},
            {"/v1/records/{}/{}", "/v1/records/" + stream + "/0"},
            {"/v1/records/{}/{}/proof", "/v1/records/" + stream + "/0/proof"},
            {"/v1/hosts", "/v1/hosts"},
            {"/v1/hosts/{}/usage", "/v1/hosts/web-01/usage"},
            {"/v1/findings", "/v1/findings"},
            {"/v1/findings/{}", "/v1/findings/web-01:x"},
            {"/v1/exemptions", "/v1/exemptions"},
            {"/v1/exemptions", "/v1/exemptions", {{"format", "csv"}}},
            {"/v1/operations/{}", "/v1/operations/incident"},
            {"/v1/operations/{}", "/v1/operations/incident", {{"format", "csv"}}},
            {"/v1/inventory/{}", "/v1/inventory/system"},
            {"/v1/inventory/{}", "/v1/inventory/system", {{"format", "csv"}}},
            {"/v1/inventory/{}", "/v1/inventory/unit"},
            {"/v1/inventory/{}", "/v1/inventory/host", {{"format", "csv"}}},
            {"/v1/reports", "/v1/reports"},
            {"/v1/reports/{}/pack/*", "/v1/reports/2026-09/pack/manifest"},
            {"/v1/reports/{}/pack/*", "/v1/reports/2026-09/pack/city.json"},
            {"/v1/reports/{}/{}", "/v1/reports/2026-09/utilization.json"},
            {"/v1/streams", "/v1/streams"},
            {"/v1/streams/{}/batches/{}", "/v1/streams/" + stream + "/batches/0"},
            {"/v1/access", "/v1/access"},
            {"/v1/accounts", "/v1/accounts"},
            {"/v1/grants", "/v1/grants"},
            {"/v1/tokens", "/v1/tokens"}};
  }

  void more_records() {
    log.clock.advance(std::chrono::seconds(5));
    REQUIRE(log->commit(testing::only(testing::batch_entry(
        tax.seal(testing::event_lines(testing::test_start, 3, "tax login")), "tax", "web-01"))));
    log.clock.advance(std::chrono::seconds(5));
  }
};

TEST_CASE_FIXTURE(LookFixture, "every route is known to give data or to give none") {
  std::set<std::string> told = exempt;
  for (const Asked& each : data()) told.insert(each.pattern);
  std::set<std::string> answered;
  for (const auto& route : api->route_table()) {
    if (route.method == "GET") answered.emplace(route.pattern);
  }
  CHECK(told == answered);
}

TEST_CASE_FIXTURE(LookFixture, "no data leaves before the look at it was recorded") {
  for (const Asked& each : data()) {
    CAPTURE(each.path);
    lines.clear();
    const Response response = get("authority", each.path, each.parameters);
    REQUIRE_MESSAGE(response.status == 200, response.body);
    REQUIRE_FALSE(lines.empty());
    for (const std::string words :
         {R"("who":"authority")", R"("role":"authority")", R"("address":"192.0.2.7")"}) {
      CHECK(lines.front().find(words) != std::string::npos);
    }
    CHECK(lines.front().find("\"path\":\"" + each.path + "\"") != std::string::npos);
    if (!response.source || each.pattern == "/v1/tail") continue;
    const std::size_t begun = lines.size();
    CHECK_FALSE(body_of(response).empty());
    CHECK(lines.size() > begun);
  }
}

TEST_CASE_FIXTURE(LookFixture,
                  "when looks cannot be recorded nothing leaves, however often it is asked") {
  fails = true;
  for (const Asked& each : data()) {
    CAPTURE(each.path);
    for (int i = 0; i < 4; ++i) {
      const Response response = get("authority", each.path, each.parameters);
      CHECK(response.status == 503);
      CHECK_FALSE(response.source);
      CHECK(json(response)["type"] == "urn:yunjian:problem:unrecorded");
      for (const auto& [name, value] : response.headers) CHECK(name != "Content-Disposition");
      for (const std::string mark : {"web-01", "税务局", "login", "police", "tax-entry"}) {
        CHECK(response.body.find(mark) == std::string::npos);
      }
    }
  }
  CHECK(lines.empty());
}

TEST_CASE_FIXTURE(LookFixture,
                  "an answer under way breaks off when what it gives cannot be recorded") {
  for (const Parameters& parameters : std::vector<Parameters>{{}, {{"format", "csv"}}}) {
    const Response given = get("authority", "/v1/exports", parameters);
    REQUIRE(given.source);
    fails = true;
    const auto piece = given.source->next();
    CHECK(piece.broken);
    CHECK(piece.bytes.empty());
    fails = false;
  }
  const Response tail = get("authority", "/v1/tail", {{"seconds", "600"}});
  REQUIRE(tail.source);
  more_records();
  fails = true;
  const auto piece = tail.source->next();
  CHECK(piece.broken);
  CHECK(piece.bytes.empty());
}

TEST_CASE_FIXTURE(LookFixture, "a look at a list says of which units it told something") {
  REQUIRE(get("authority", "/v1/findings").status == 200);
  CHECK(lines.back().find(R"("units":"tax=1")") != std::string::npos);
  REQUIRE(get("authority", "/v1/inventory/system", {{"format", "csv"}}).status == 200);
  CHECK(lines.back().find(R"("units":"tax=1")") != std::string::npos);
  CHECK(lines.back().find(R"("format":"csv")") != std::string::npos);
  REQUIRE(get("security", "/v1/accounts").status == 200);
  CHECK(lines.back().find(R"("what":"accounts")") != std::string::npos);
  CHECK(lines.back().find(R"("results":4)") != std::string::npos);
}

}  // namespace
}  // namespace yunjian::collector
