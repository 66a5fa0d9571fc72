#include "rules/data_file.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace yunjian::rules {
namespace {

std::string message_of(std::string_view json) {
  const auto parsed = parse_data_file(json);
  return parsed ? "" : parsed.error().message;
}

// What a reader of {"name": text, "limit": hundredths} says about `json`.
std::string problem_of(std::string_view json) {
  const auto parsed = parse_data_file(json);
  REQUIRE(parsed);
  DataProblem problem;
  DataObject file(*parsed, "", problem);
  DataObject inner = file.object("inner");
  inner.text("name");
  inner.hundredths("limit", 10000);
  inner.finish();
  file.finish();
  const auto result = problem.result("test.json");
  return result ? "" : result.error().message;
}

TEST_CASE("a data file that is not JSON is refused with line and column") {
  CHECK(message_of("{\n  \"a\": 1,\n  \"b\" 2\n}").starts_with("line 3, column 7: "));
  CHECK(message_of("") != "");
  CHECK(message_of("{} {}") != "");
  CHECK(message_of("{\"a\": \"\xff\"}") != "");
}

// Compared with all keys before it, as once was, this takes minutes.
TEST_CASE("an object of very many keys is read as fast as one of few") {
  std::string json = "{";
  for (int i = 0; i < 200'000; ++i) json += "\"" + std::to_string(i) + "\":1,";
  const auto begun = std::chrono::steady_clock::now();
  const auto whole = parse_data_file(json + "\"end\":1}", json.size() + 10);
  REQUIRE(whole);
  CHECK(whole->members.size() == 200'001);
  const auto twice = parse_data_file(json + "\"7\":1}", json.size() + 10);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message.find("\"7\" stands twice") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(20));
}

TEST_CASE("a key that stands twice is refused, not silently overwritten") {
  CHECK(message_of("{\"limit\": 1, \"limit\": 2}").find("\"limit\" stands twice") !=
        std::string::npos);
}

TEST_CASE("a data file is refused beyond its limits") {
  std::string deep(data_file_depth_max, '[');
  CHECK(parse_data_file(deep + std::string(data_file_depth_max, ']')));
  CHECK_FALSE(parse_data_file("[" + deep + std::string(data_file_depth_max + 1, ']')));
  CHECK(parse_data_file("[]" + std::string(data_file_bytes_max - 2, ' ')));
  CHECK_FALSE(parse_data_file("[]" + std::string(data_file_bytes_max - 1, ' ')));
  std::string wide = "[1";
  for (std::size_t i = 2; i < data_file_values_max; ++i) wide += ",1";
  CHECK(parse_data_file(wide + "]"));
  CHECK_FALSE(parse_data_file(wide + ",1]"));
}

TEST_CASE("what is wrong in an object is named by its path") {
  CHECK(problem_of(R"({"inner": {"name": "x", "limit": 12.5}})") == "");
  CHECK(problem_of(R"({"inner": {"name": "x"}})") ==
        "test.json: inner.limit: is missing; it must be a number");
  CHECK(problem_of(R"({"inner": {"name": 7, "limit": 1}})") ==
        "test.json: inner.name: must be a text");
  CHECK(problem_of(R"({"inner": {"name": "x", "limit": 1, "limits": 2}})") ==
        "test.json: inner.limits: is not a key of this format");
  CHECK(problem_of(R"([])") == "test.json: the file: must be an object");
}

TEST_CASE("a number is exact to two decimals and within its range") {
  const auto parsed = parse_data_file(R"({"a": 0.1, "b": 12.55, "c": 90, "d": 100.00})");
  REQUIRE(parsed);
  DataProblem problem;
  DataObject file(*parsed, "", problem);
  CHECK(file.hundredths("a", 10000) == 10);
  CHECK(file.hundredths("b", 10000) == 1255);
  CHECK(file.hundredths("c", 10000) == 9000);
  CHECK(file.hundredths("d", 10000) == 10000);
  CHECK(problem.result("x"));
  for (const char* bad : {"100.01", "-1", "1e1", "0.125"}) {
    const std::string json = R"({"inner": {"name": "x", "limit": )" + std::string(bad) + "}}";
    CHECK(problem_of(json).find("inner.limit") != std::string::npos);
  }
}

}  // namespace
}  // namespace yunjian::rules
