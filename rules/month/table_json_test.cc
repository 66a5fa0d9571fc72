#include "rules/month/table_json.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>

#include "rules/month/testing/sample_table.h"

namespace yunjian::rules {
namespace {

TEST_CASE("the JSON is one line a row, parses, and counts the verdicts") {
  const UtilizationTable table = testing::sample_table();
  const std::string json = utilization_json(table);
  CHECK(static_cast<std::size_t>(std::count(json.begin(), json.end(), '\n')) ==
        table.rows.size() + 2);
  rapidjson::Document read;
  read.Parse(json.data(), json.size());
  REQUIRE_FALSE(read.HasParseError());
  CHECK(read["rows"].Size() == table.rows.size());
  CHECK(read["verdicts"]["low"].GetUint() == 2);
  CHECK(read["verdicts"]["insufficient_data"].GetUint() == 6);
  CHECK(std::string_view(read["rules"]["version"].GetString()) == table.rules.version);
}

TEST_CASE("what was not measured is null, and percentages have two decimals") {
  UtilizationTable table = testing::sample_table();
  const auto silent = std::find_if(table.rows.begin(), table.rows.end(),
                                   [](const auto& row) { return row.host.id == "ecs-0004"; });
  table.rows = {*silent};
  const std::string json = utilization_json(table);
  CHECK(json.find(R"("cpu":{"mean_percent":null,"p95_percent":null)") != std::string::npos);
  CHECK(json.find(R"("state":"no_data","vcpus":null)") != std::string::npos);
  CHECK(json.find(R"("coverage_percent":0.00)") != std::string::npos);
  CHECK(json.find(R"("inputs":[])") != std::string::npos);
}

TEST_CASE("a fleet without hosts is still a table") {
  UtilizationTable table = testing::sample_table();
  table.rows.clear();
  rapidjson::Document read;
  read.Parse(utilization_json(table).c_str());
  REQUIRE_FALSE(read.HasParseError());
  CHECK(read["rows"].Empty());
}

TEST_CASE("names that are not UTF-8 are escaped, so that the file stays readable") {
  HostFacts host = testing::sample_host("ecs-0002");
  host.name = "bad\xff\"name";
  const auto rules = default_rule_set();
  const auto days = cn_calendar();
  REQUIRE(rules);
  REQUIRE(days);
  const Month month = std::chrono::year(2026) / 10;
  const auto table = build_utilization_table(
      {.month = month, .as_of = month_end(month), .rules = &*rules, .calendar = &*days},
      std::vector{host}, testing::sample_source());
  REQUIRE(table);
  CHECK(utilization_json(*table).find(R"("name":"bad\\xFF\"name")") != std::string::npos);
}

}  // namespace
}  // namespace yunjian::rules
