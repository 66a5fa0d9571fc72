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
  CHECK(rules->version == "default-2026.2");
  CHECK(rules->gate.coverage_min == 9000);
  CHECK(rules->gate.gap_max == std::chrono::hours(24));
  REQUIRE(rules->rules.size() == 7);
  CHECK(rules->rules[0].verdict == Verdict::off);
  CHECK_FALSE(rules->rules[0].gated);
  const Rule* low = rules->find(Verdict::low);
  REQUIRE(low != nullptr);
  CHECK(low->months == 3);
  CHECK(low->of == 3);
  REQUIRE(low->when.size() == 1);
  REQUIRE(low->when[0].size() == 4);
  CHECK(low->when[0][0].figure == RuleFigure::cpu_p95);
  CHECK(low->when[0][0].relation == Relation::below);
  CHECK(low->when[0][0].limit == 2000);
  CHECK(low->clear.size() == 2);
  const Rule* high = rules->find(Verdict::high);
  REQUIRE(high != nullptr);
  CHECK(high->months == 2);
  CHECK(high->of == 3);
  CHECK(high->when[1][0].figure == RuleFigure::memory_p95);
  CHECK(high->when[1][0].limit == 8500);
  CHECK(high->clear[0][2].if_measured);
  CHECK(rules->find(Verdict::normal) == nullptr);
  CHECK(rules->sizing.cpu_p95_max_public == 4000);
  CHECK(rules->verdicts.at(Verdict::low).zh == "偏低");
  CHECK(rules->basis.zh.find("系统默认") == 0);
}

TEST_CASE("a mistake in a rule file is refused with the file and the key") {
  CHECK(says(problem_with("\"coverage_percent_min\": 90", "\"coverage_percent_min\": 101"),
             "rules.json: gate.coverage_percent_min: must be a number from 0 to 100"));
  CHECK(says(problem_with("\"gap_hours_max\"", "\"gap_hour_max\""),
             "rules.json: gate.gap_hours_max: is missing"));
  CHECK(says(problem_with("\"rules\": [", "\"mild\": [], \"rules\": ["),
             "rules.json: mild: is not a key of this format"));
  CHECK(says(problem_with("\"figure\": \"off_days\"", "\"figure\": \"of_days\""),
             "rules.json: rules[0].when[0][0].figure: is not the key of a figure"));
  CHECK(says(problem_with("\"figure\": \"off_days\"", "\"figure\": \"coverage\""),
             "rules.json: rules[0].when[0][0].figure: is not the key of a figure"));
  CHECK(says(problem_with("\"at_least\": 28", "\"above\": 28"),
             "rules.json: rules[0].when[0][0].figure: needs one of below, at_least, at_most"));
  CHECK(says(problem_with("\"at_least\": 28", "\"at_least\": 28, \"below\": 40"),
             "rules.json: rules[0].when[0][0].figure: needs one of below, at_least, at_most"));
  CHECK(says(problem_with("\"verdict\": \"faked_load\"", "\"verdict\": \"off\""),
             "rules.json: rules: off stands twice"));
  CHECK(says(problem_with("\"verdict\": \"faked_load\"", "\"verdict\": \"normal\""),
             "rules.json: rules[1].verdict: is not the key of a verdict that a rule can give"));
  CHECK(says(problem_with("\"months\": 2, \"of\": 3", "\"months\": 4, \"of\": 3"),
             "rules.json: rules[3].months: must be at least 1 and at most \"of\""));
  CHECK(says(problem_with("\"zh\": \"偏低\"", "\"zh\": \"\""),
             "rules.json: verdicts.low.zh: must not be empty"));
  CHECK(says(problem_with("\"memory_headroom_percent\": 120", "\"memory_headroom_percent\": 99"),
             "rules.json: sizing.memory_headroom_percent: must be at least 100"));
  CHECK(says(problem_with("rules/v1", "rules/v2"), "rules.json: format: must be"));
  CHECK(says(problem_with("{", "["), "rules.json: line "));
}

TEST_CASE("rules by which one figure could be low and high at once are refused") {
  const std::string_view low =
      "\"months\": 3, \"of\": 3,\n     \"when\": [\n"
      "       [{\"figure\": \"cpu_p95\", \"below\": 20},\n"
      "        {\"figure\": \"cpu_busiest_day_p95\", \"below\": 40},\n"
      "        {\"figure\": \"cpu_busiest_hour\", \"below\": 40},\n"
      "        {\"figure\": \"memory_p99\"";
  const auto with_limit = [&](std::string_view limit) {
    std::string changed(low);
    changed.replace(changed.find("20"), 2, limit);
    return problem_with(low, changed);
  };
  CHECK(with_limit("80") == "");
  CHECK(says(with_limit("80.01"), "rules.json: rules: cpu_p95 is low below a limit above that"));
}

TEST_CASE("an agreement changes limits and months, and nothing else") {
  const auto rules = default_rule_set();
  REQUIRE(rules);
  const auto agreement = parse_agreement(
      "XQ-2026-017", R"({"low":{"cpu_p95":12.5,"months":2},"high":{"memory_p95":90}})");
  REQUIRE_MESSAGE(agreement, agreement.error().message);
  const auto agreed = under_agreement(*rules, *agreement);
  REQUIRE_MESSAGE(agreed, agreed.error().message);
  CHECK(agreed->agreement == "XQ-2026-017");
  CHECK(agreed->find(Verdict::low)->when[0][0].limit == 1250);
  CHECK(agreed->find(Verdict::low)->when[0][3].limit == 4000);
  CHECK(agreed->find(Verdict::low)->months == 2);
  CHECK(agreed->find(Verdict::low)->of == 3);
  CHECK(agreed->find(Verdict::high)->when[1][0].limit == 9000);
  CHECK(rules->find(Verdict::low)->when[0][0].limit == 2000);
}

TEST_CASE("an agreement that cannot be meant is refused with the place") {
  const auto rules = default_rule_set();
  REQUIRE(rules);
  const auto refused = [&](std::string_view json) {
    const auto agreement = parse_agreement("X-1", json);
    if (!agreement) return agreement.error().message;
    const auto agreed = under_agreement(*rules, *agreement);
    return agreed ? std::string() : agreed.error().message;
  };
  CHECK(refused("{}").empty());
  CHECK(says(refused(R"({"slow":{}})"), "agreement X-1: slow: is not the key of a verdict"));
  CHECK(
      says(refused(R"({"low":{"cpu":1}})"), "agreement X-1: low.cpu: is not the key of a figure"));
  CHECK(
      says(refused(R"({"low":{"cpu_p95":101}})"), "agreement X-1: low.cpu_p95: must be a number"));
  CHECK(says(refused(R"({"low":{"memory_mean":10}})"), "the rules ask for no memory_mean"));
  CHECK(says(refused(R"({"low":{"cpu_p95":81}})"), "cpu_p95 is low below a limit above that"));
  CHECK(says(refused(R"({"low":{"months":0}})"), "low cannot take 0 months"));
  CHECK(says(refused("[]"), "agreement X-1"));
}

}  // namespace
}  // namespace yunjian::rules
