#include <doctest/doctest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <cstdlib>
#include <filesystem>

#include "collector/catalog/catalog.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;

const ledger::Time now = ledger::parse_time("2026-11-22T08:00:00.000000Z").value();

struct FindingStoreFixture {
  FindingStoreFixture() {
    std::string pattern = std::filesystem::temp_directory_path() / "finding-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    open();
    REQUIRE(catalog->put_units({{"tax", "税务局", "east"}, {"water", "水利局", "west"}}));
    REQUIRE(
        catalog->put_hosts({{.id = "web-01", .unit = "tax"}, {.id = "db-01", .unit = "water"}}));
  }
  ~FindingStoreFixture() { std::filesystem::remove_all(directory); }
  void open() {
    catalog.reset();
    auto opened = Catalog::open(directory / "catalog.sqlite");
    REQUIRE_MESSAGE(opened, opened.error().message);
    catalog = std::move(*opened);
  }
  std::filesystem::path directory;
  std::unique_ptr<Catalog> catalog;
};

Finding finding_of(const std::string& host, const std::string& unit) {
  return {.id = host + ":reclaim:2026-10",
          .host = host,
          .unit = unit,
          .verdict = "low",
          .state = "flagged",
          .month = "2026-10",
          .opened = now,
          .changed = now,
          .details = {{"explanation_zh", "偏低：…"}, {"saving_fen", "120000"}}};
}

TEST_CASE("entries are found again by kind, id and scope, also by another process") {
  FindingStoreFixture fixture;
  REQUIRE(fixture.catalog->put_entries(
      {{.kind = "system", .id = "portal", .unit = "tax", .fields = {{"name", "门户"}}},
       {.kind = "system", .id = "dam", .unit = "water", .fields = {{"name", "水库 \"甲\""}}},
       {.kind = "spec", .id = "s4", .fields = {{"vcpus", "4"}}},
       {.kind = "drill", .id = "D-1", .fields = {{"date", "2026-05-01"}}},
       {.kind = "incident", .id = "I-1", .fields = {{"title", "中断"}}}}));
  fixture.open();
  const Scope tax = Scope::units({"tax"});
  CHECK(fixture.catalog->entries(Scope::all(), "system")->size() == 2);
  REQUIRE(fixture.catalog->entries(tax, "system")->size() == 1);
  CHECK(fixture.catalog->entries(tax, "system")->front().field("name") == "门户");
  CHECK_FALSE(fixture.catalog->entry(tax, "system", "dam")->has_value());
  CHECK((*fixture.catalog->entry(Scope::all(), "system", "dam"))->field("name") == "水库 \"甲\"");
  CHECK(fixture.catalog->entries(tax, "spec")->size() == 1);   // sizes are for everybody
  CHECK(fixture.catalog->entries(tax, "drill")->size() == 1);  // and so is what all take part in
  CHECK(fixture.catalog->entries(tax, "incident")->empty());   // the whole cloud's own are not
  REQUIRE(fixture.catalog->put_entries({{.kind = "spec", .id = "s4", .fields = {{"vcpus", "8"}}}}));
  CHECK(fixture.catalog->entries(Scope::all(), "spec")->front().field("vcpus") == "8");
}

TEST_CASE("an exemption's id is its unit's own, also in a catalog from when it was the city's") {
  FindingStoreFixture fixture;
  const auto entry = [](const std::string& unit) {
    return RegistryEntry{
        .kind = "exemption", .id = "HM-1", .unit = unit, .fields = {{"host", unit + "-01"}}};
  };
  {
    soci::session sql(soci::sqlite3, "dbname=" + (fixture.directory / "catalog.sqlite").string());
    sql << "INSERT INTO entry(kind, id, unit, fields)"
           " VALUES ('exemption', 'HM-1', 'tax', '{\"host\":\"old-01\"}')";
  }
  fixture.open();
  REQUIRE(fixture.catalog->put_entries({entry("water")}));
  const auto both = *fixture.catalog->entries(Scope::all(), "exemption");
  REQUIRE(both.size() == 2);
  CHECK(both[0].id == "HM-1");
  CHECK(both[0].field("host") == "old-01");
  CHECK(both[1].field("host") == "water-01");
  REQUIRE(fixture.catalog->put_entries({entry("tax")}));
  CHECK(fixture.catalog->entries(Scope::all(), "exemption")->size() == 2);
  CHECK(fixture.catalog->entries(Scope::units({"tax"}), "exemption")->front().field("host") ==
        "tax-01");
}

TEST_CASE("the owner of a unit, a host and an entry is known, and absence too") {
  FindingStoreFixture fixture;
  REQUIRE(fixture.catalog->put_entries({{.kind = "system", .id = "portal", .unit = "tax"}}));
  CHECK(fixture.catalog->owner(Scope::all(), "unit", "tax").value() == "tax");
  CHECK(fixture.catalog->owner(Scope::all(), "host", "db-01").value() == "water");
  CHECK(fixture.catalog->owner(Scope::all(), "system", "portal").value() == "tax");
  for (const auto& [kind, id] :
       {std::pair("unit", "tax"), {"host", "db-01"}, {"system", "portal"}}) {
    CHECK_FALSE(fixture.catalog->owner(Scope::units({"east"}), kind, id)->has_value());
  }
  CHECK_FALSE(fixture.catalog->owner(Scope::all(), "unit", "none")->has_value());
  CHECK_FALSE(fixture.catalog->owner(Scope::all(), "host", "none")->has_value());
  CHECK_FALSE(fixture.catalog->owner(Scope::all(), "spec", "none")->has_value());
}

TEST_CASE("a finding keeps every step, and two at once cannot both be taken") {
  FindingStoreFixture fixture;
  Finding finding = finding_of("web-01", "tax");
  REQUIRE(fixture.catalog->put_finding(
      finding, {.number = 0, .time = now, .act = "flag", .who = "collector", .state = "flagged"}));
  finding.state = "reviewed";
  finding.due = "2026-11-25";
  const FindingEvent review{.number = 1,
                            .time = now + 1h,
                            .act = "review",
                            .who = "token 5f0c",
                            .state = "reviewed",
                            .reason = "核对"};
  REQUIRE(fixture.catalog->put_finding(finding, review));
  const auto again = fixture.catalog->put_finding(finding, review);
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ledger::ErrorKind::retry);
  fixture.open();
  const auto kept = fixture.catalog->finding(Scope::all(), finding.id);
  REQUIRE(kept->has_value());
  CHECK((*kept)->state == "reviewed");
  CHECK((*kept)->due == "2026-11-25");
  CHECK((*kept)->details == finding.details);
  const auto events = fixture.catalog->finding_events(finding.id);
  REQUIRE(events->size() == 2);
  CHECK((*events)[1].reason == "核对");
  CHECK((*events)[1].time == now + 1h);
}

TEST_CASE("findings are seen within the scope and found by what they are") {
  FindingStoreFixture fixture;
  Finding closed = finding_of("db-01", "water");
  closed.state = "reclaimed";
  REQUIRE(fixture.catalog->put_finding(finding_of("web-01", "tax"), {.act = "flag"}));
  REQUIRE(fixture.catalog->put_finding(closed, {.act = "flag"}));
  const Scope tax = Scope::units({"tax"});
  CHECK(fixture.catalog->findings(Scope::all(), {})->size() == 2);
  CHECK(fixture.catalog->findings(tax, {})->size() == 1);
  CHECK(fixture.catalog->findings(Scope::all(), {.open_only = true})->size() == 1);
  CHECK(fixture.catalog->findings(Scope::all(), {.state = "reclaimed"})->front().host == "db-01");
  CHECK(fixture.catalog->findings(Scope::all(), {.month = "2026-09"})->empty());
  CHECK_FALSE(fixture.catalog->finding(tax, closed.id)->has_value());
}

TEST_CASE("months are kept as they were judged, and a month judged again takes its place") {
  FindingStoreFixture fixture;
  REQUIRE(fixture.catalog->put_outcomes(
      {{.host = "web-01", .month = "2026-09", .size = "4x8", .verdict = "low", .clears = "high"},
       {.host = "web-01", .month = "2026-08", .size = "4x8", .verdict = "normal"},
       {.host = "db-01", .month = "2026-10", .size = "8x16", .verdict = "high"}}));
  REQUIRE(fixture.catalog->put_outcomes({{.host = "web-01",
                                          .month = "2026-09",
                                          .size = "4x8",
                                          .verdict = "idle",
                                          .exempt = "trial"}}));
  const auto kept = fixture.catalog->outcomes("2026-08", "2026-10");
  REQUIRE(kept->size() == 2);
  CHECK((*kept)[0].month == "2026-08");
  CHECK((*kept)[1].verdict == "idle");
  CHECK((*kept)[1].exempt == "trial");
  CHECK((*kept)[1].clears.empty());
}

TEST_CASE("a repeated request gets the answer it got before, for a day") {
  FindingStoreFixture fixture;
  const RepeatedKey key{.credential = "5f0c", .key = "k-1"};
  CHECK_FALSE(fixture.catalog->repeated_answer(key)->has_value());
  REQUIRE(fixture.catalog->keep_answer(
      key, {.request_sha256 = "aa", .status = 201, .body = "{\"a\":1}"}, now));
  REQUIRE(fixture.catalog->keep_answer(key, {.request_sha256 = "bb"}, now));
  const auto kept = fixture.catalog->repeated_answer(key);
  REQUIRE(kept->has_value());
  CHECK((*kept)->request_sha256 == "aa");
  CHECK((*kept)->status == 201);
  CHECK((*kept)->body == "{\"a\":1}");
  CHECK_FALSE(fixture.catalog->repeated_answer({.credential = "else", .key = "k-1"})->has_value());
  REQUIRE(fixture.catalog->keep_answer({.credential = "x", .key = "y"}, {}, now + 25h));
  CHECK_FALSE(fixture.catalog->repeated_answer(key)->has_value());
}

}  // namespace
}  // namespace yunjian::collector
