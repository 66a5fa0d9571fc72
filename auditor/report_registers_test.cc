#include <doctest/doctest.h>
#include <fmt/format.h>

#include "auditor/testing/lying_provider.h"
#include "rules/month/register_json.h"

namespace yunjian::auditor {
namespace {

using testing::Provider;
using testing::tells;
using testing::told;

// A month with an incident of a unit and a change of the whole cloud; they stand in operations.json
// as `rows` has them, by table.
struct Registers : Provider {
  Registers() {
    whole_month();
    record({.kind = "incident",
            .id = "I-1",
            .unit = "tax",
            .fields = {{"unit", "tax"},
                       {"title", "登录失败"},
                       {"level", "3"},
                       {"began", "2026-11-13T01:12:00.000000Z"},
                       {"responsible", "云服务商"}}});
    record({.kind = "incident",
            .id = "I-0",
            .unit = "tax",
            .fields = {
                {"unit", "tax"}, {"title", "上月的"}, {"began", "2026-10-13T01:12:00.000000Z"}}});
    record({.kind = "change",
            .id = "C-1",
            .fields = {{"title", "扩容"}, {"applied", "2026-11-09"}, {"planned", "2026-11-10"}}});
    record({.kind = "unit", .id = "water", .unit = "water", .fields = {{"name", "水务局"}}});
    record({.kind = "incident",
            .id = "I-9",
            .unit = "water",
            .fields = {{"unit", "water"}, {"began", "2026-11-14T01:12:00.000000Z"}}});
    rows["incident"] = incident;
    rows["change"] = change;
  }

  void deliver_registers() {
    build();
    for (const std::string path : {"operations.json", "unit/tax/operations.json"}) {
      std::string tables;
      const bool is_city = path == "operations.json";
      for (const auto kind : rules::operations_kinds) {
        const bool others = kind == "incident" && (is_city || tells_of_others);
        const std::string more = others ? std::string(",") + foreign : std::string();
        tables += fmt::format(R"({}{{"table":"{}","rows":[{}{}]}})", tables.empty() ? "" : ",",
                              kind, rows[std::string(kind)], more);
      }
      files[path] = fmt::format(R"({{"sections":[{{"tables":[{}]}}]}})", tables);
    }
    sign();
    commit();
  }

  static constexpr const char* incident =
      R"({"id":"I-1","unit":"tax","system":null,"title":"登录失败","level":"3",)"
      R"("began":"2026-11-13T01:12:00.000000Z","resolved":null,"responsible":"云服务商"})";
  static constexpr const char* change =
      R"x({"id":"C-1","title":"扩容","applied":"2026-11-09","planned":"2026-11-10",)x"
      R"x("notice":{"zh":"不足 3 个工作日（第二十三条）",)x"
      R"x("en":"less than three working days (Art. 23)"}})x";
  static constexpr const char* foreign =
      R"({"id":"I-9","unit":"water","began":"2026-11-14T01:12:00.000000Z"})";
  std::map<std::string, std::string> rows;
  bool tells_of_others = false;  // in the unit's report
};

TEST_CASE("registers that say what was entered are equal, in every scope") {
  Registers provider;
  provider.deliver_registers();
  const auto result = provider.check();
  CHECK_MESSAGE(result.findings.exit_code(true) == 0, told(result));
  CHECK(result.registers == 2);
}

TEST_CASE("a register that says other than what was entered is told by its cell") {
  struct Lie {
    const char* kind;
    std::string_view there;
    const char* instead;
    const char* told;
  };
  constexpr Lie lies[] = {
      {"incident", R"("level":"3")", R"("level":"4")", "incident I-1 level: 4 -> 3"},
      {"incident", R"("began":"2026-11-13T01:12:00.000000Z")", R"("began":null)",
       "incident I-1 began: - -> 2026-11-13T01:12:00.000000Z"},
      {"incident", R"("resolved":null)", R"("resolved":"2026-11-13T02:00:00.000000Z")",
       "incident I-1 resolved: 2026-11-13T02:00:00.000000Z -> -"},
      {"incident", R"("id":"I-1")", R"("id":"I-7")", "incident I-7 row: there -> -"},
      {"incident", R"("id":"I-1")", R"("id":"I-0")", "incident I-1 row: - -> there"},
      {"change", "less than three", "three", "change C-1 notice: "},
      {"change", "不足", "不少于", "change C-1 notice: "},
      {"change", R"("planned":"2026-11-10")", R"("planned":"2026-11-30")",
       "change C-1 planned: 2026-11-30 -> 2026-11-10"}};
  for (const Lie& lie : lies) {
    CAPTURE(lie.told);
    Registers provider;
    std::string& rows = provider.rows[lie.kind];
    const std::size_t at = rows.find(lie.there);
    REQUIRE(at != rows.npos);
    rows.replace(at, lie.there.size(), lie.instead);
    provider.deliver_registers();
    const auto result = provider.check();
    CHECK(result.findings.exit_code(true) == 1);
    CHECK_MESSAGE(tells(result, lie.told), told(result));
    CHECK(tells(result, "unit/tax/operations.json"));
  }
}

TEST_CASE("a unit's report with an entry of another unit is told") {
  Registers provider;
  provider.tells_of_others = true;
  provider.deliver_registers();
  const auto result = provider.check();
  CHECK_MESSAGE(tells(result, "incident I-9 row: there -> -"), told(result));
  CHECK(tells(result, "unit/tax/operations.json"));
}

TEST_CASE("an entry that a report leaves out, and a table that it has not, are told") {
  Registers provider;
  provider.rows["incident"] = R"({"id":"I-8"})";
  provider.deliver_registers();
  CHECK(tells(provider.check(), "incident I-1 row: - -> there"));

  Registers other;
  other.deliver_registers();
  std::string& text = other.files["operations.json"];
  text.replace(text.find(R"("table":"drill")"), 15, R"("table":"drilx")");
  other.sign();
  other.commit();
  CHECK(tells(other.check(), "operations.json: the report cannot be read"));
}

}  // namespace
}  // namespace yunjian::auditor
