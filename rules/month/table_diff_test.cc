#include "rules/month/table_diff.h"

#include <doctest/doctest.h>

#include "rules/month/table_json.h"
#include "rules/month/testing/sample_table.h"

namespace yunjian::rules {
namespace {

std::vector<CellDifference> differences(const std::string& first, const std::string& second) {
  auto found = table_differences(first, second);
  REQUIRE_MESSAGE(found, found.error().message);
  return std::move(*found);
}

std::string without_line_of(std::string json, std::string_view host) {
  const auto at = json.find("{\"host\":\"" + std::string(host));
  REQUIRE(at != std::string::npos);
  return json.erase(at, json.find('\n', at) + 1 - at);
}

TEST_CASE("equal tables have no difference; one changed figure is named with host and cell") {
  UtilizationTable table = testing::sample_table();
  const std::string json = utilization_json(table);
  CHECK(differences(json, json).empty());
  UtilizationTable changed = table;
  *changed.rows[1].cpu.p95 += 10;
  changed.rows[1].expected -= std::chrono::seconds(3600);
  const auto found = differences(json, utilization_json(changed));
  REQUIRE(found.size() == 3);  // coverage follows from the time expected
  const std::string host = table.rows[1].host.id;
  CHECK(found[0].host == host);
  CHECK(found[0].cell == "expected_s");
  CHECK(found[2].cell == "cpu.p95_percent");
  CHECK(describe(found[2]).starts_with(host + " cpu.p95_percent: "));
}

TEST_CASE("a host that is left out, added or told twice is found") {
  const std::string json = utilization_json(testing::sample_table());
  const std::string fewer = without_line_of(json, "ecs-0003");
  auto found = differences(json, fewer);
  REQUIRE(found.size() == 1);
  CHECK(describe(found[0]) == "ecs-0003 row: there -> -");
  CHECK(describe(differences(fewer, json)[0]) == "ecs-0003 row: - -> there");
  const auto at = json.find("{\"host\":\"ecs-0003");
  std::string twice = json;
  twice.insert(at, json.substr(at, json.find('\n', at) + 1 - at));
  CHECK_FALSE(table_differences(json, twice));
}

TEST_CASE("the head counts too, and other white space is told as such") {
  UtilizationTable table = testing::sample_table();
  const std::string json = utilization_json(table);
  table.calendar_version = "other";
  CHECK(differences(json, utilization_json(table))[0].cell == "calendar");
  std::string spaced = json;
  spaced.insert(spaced.find("\"part\":"), " ");
  CHECK(differences(json, spaced)[0].cell == "form");
}

TEST_CASE("what is no table is refused") {
  const std::string json = utilization_json(testing::sample_table());
  for (const std::string& bad : {std::string("{}"), json.substr(0, json.size() / 2), json + "x"}) {
    CHECK_FALSE(table_differences(json, bad));
  }
}

}  // namespace
}  // namespace yunjian::rules
