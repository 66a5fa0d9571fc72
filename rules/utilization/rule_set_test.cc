#include "rules/utilization/rule_set.h"

#include <doctest/doctest.h>

namespace yunjian::rules {
namespace {

// What the parser says about the default file with `from` replaced by `to`.
std::string problem_with(std::string_view from, std::string_view to) {
  std::string json(default_rules_json());
  const std::size_t at = json.find(from);
  REQUIRE(at != std::string::npos);
  json.replace(at, from.size(), to);
  const auto parsed = parse_rule_set(json, "rules.json");
  return parsed ? "" : parsed.error().message;
}

bool says(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

TEST_CASE("the built-in rules are read as their file states them") {
  const auto rules = default_rule_set();
  REQUIRE_MESSAGE(rules, rules.error().message);
  CHECK(rules->version == "default-2026.1");
  CHECK(rules->gate.coverage_min == 9000);
  CHECK(rules->gate.gap_max == std::chrono::hours(24));
  REQUIRE(rules->low.size() == 4);
  CHECK(rules->low[0].figure == RuleFigure::cpu_p95);
  CHECK(rules->low[0].relation == Relation::below);
  CHECK(rules->low[0].limit == 2000);
  REQUIRE(rules->high.size() == 2);
  CHECK(rules->high[1].figure == RuleFigure::memory_p95);
  CHECK(rules->high[1].limit == 8500);
  CHECK(rules->verdicts.at(Verdict::low).zh == "偏低");
  CHECK(rules->basis.zh.find("系统默认") == 0);
}

TEST_CASE("a mistake in a rule file is refused with the file and the key") {
  CHECK(says(problem_with("\"coverage_percent_min\": 90", "\"coverage_percent_min\": 101"),
             "rules.json: gate.coverage_percent_min: must be a number from 0 to 100"));
  CHECK(says(problem_with("\"gap_hours_max\"", "\"gap_hour_max\""),
             "rules.json: gate.gap_hours_max: is missing"));
  CHECK(says(problem_with("\"low\": [", "\"mild\": [], \"low\": ["),
             "rules.json: mild: is not a key of this format"));
  CHECK(says(problem_with("\"cpu_busiest_hour\", \"below", "\"cpu_busiest\", \"below"),
             "rules.json: low[2].figure: is not the key of a load figure"));
  CHECK(says(problem_with("\"cpu_busiest_hour\", \"below", "\"days\", \"below"),
             "rules.json: low[2].figure: is not the key of a load figure"));
  CHECK(says(problem_with("\"at_least_percent\": 80", "\"below_percent\": 80"),
             "rules.json: high[0].at_least_percent: is missing"));
  CHECK(says(problem_with("\"zh\": \"偏低\"", "\"zh\": \"\""),
             "rules.json: verdicts.low.zh: must not be empty"));
  CHECK(says(problem_with("rules/v1", "rules/v2"), "rules.json: format: must be"));
  CHECK(says(problem_with("{", "["), "rules.json: line "));
}

TEST_CASE("rules by which one figure could be low and high at once are refused") {
  CHECK(problem_with("\"below_percent\": 20", "\"below_percent\": 80") == "");
  CHECK(says(problem_with("\"below_percent\": 20", "\"below_percent\": 80.01"),
             "rules.json: low: cpu_p95 is low below a limit above that for high"));
}

}  // namespace
}  // namespace yunjian::rules
