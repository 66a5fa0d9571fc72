#include "collector/catalog/list_files.h"

#include <doctest/doctest.h>

namespace yunjian::collector {
namespace {

const std::vector<Unit> known = {{"finance", "财政局", "east"}, {"tax", "=税务局", ""}};

std::string problem(const auto& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().message;
}

TEST_CASE("units and hosts come from JSON as they come from CSV") {
  const auto units = parse_units(R"( [{"id":"finance","name":"财政局","county":"east"},
                                      {"id":"tax","name":"税务局","county":null}])");
  REQUIRE_MESSAGE(units, units.error().message);
  CHECK(units->at(0).county == "east");
  CHECK(units->at(1).name == "税务局");
  const auto hosts = parse_hosts(
      R"({"id":"web-01","unit":"tax","vcpus":4,"memory_gb":0.5,"purpose":"test"})", known);
  REQUIRE_MESSAGE(hosts, hosts.error().message);
  CHECK(hosts->front().vcpus == 4);
  CHECK(hosts->front().memory_bytes == 1ULL << 29U);
  CHECK(parse_units("id,name,county\na,甲,\n")->size() == 1);
}

TEST_CASE("a mistake in JSON is told with its line, column and field") {
  const auto units = [](std::string_view json) { return problem(parse_units(json)); };
  const auto hosts = [](std::string_view json) { return problem(parse_hosts(json, known)); };
  CHECK(units("[{\"id\":\"a\",\"name\":\"甲\"},\n{\"id\":\"B\",\"name\":\"乙\"}]")
            .starts_with("line 2, column 9: id: 'B'"));
  CHECK(units("[{\"id\":\"a\"}]") == "line 1, column 2: name: is empty");
  CHECK(units("[{\"id\":\"a\",\"name\":\"甲\"},\n{\"id\":\"a\",\"name\":\"乙\"}]") ==
        "line 2, column 9: id: 'a' stands already in line 1");
  CHECK(units("[\n{\"id\":\"a\",\"name\":\"甲\",\"town\":\"x\"}]") ==
        "line 2, column 31: 'town' is none of the fields id, name, county");
  CHECK(units("[{\"id\":\"a\",\"name\":[]}]").find("name: must be a text") != std::string::npos);
  CHECK(units("[{\"id\":\"a\",\"name\":\"x\\u0007\"}]").find("a control character") !=
        std::string::npos);
  CHECK(units("[7]") == "line 1, column 2: must be an object");
  CHECK(units("[{\"id\":\"a\"").starts_with("line 1"));
  CHECK(hosts("[\n\n{\"id\":\"h\",\"unit\":\"parks\"}]")
            .starts_with("line 3, column 24: unit: 'parks'"));
  CHECK(hosts("{\"id\":\"h\",\"unit\":\"tax\",\"vcpus\":4.5}").find("vcpus: '4.5'") !=
        std::string::npos);
}

TEST_CASE("what is exported is imported again, in both forms") {
  const std::vector<Host> hosts = {{.id = "web-01",
                                    .unit = "tax",
                                    .system = "门户, \"新\"",
                                    .name = "前端",
                                    .vcpus = 4,
                                    .memory_bytes = (16ULL << 30U) + (1ULL << 29U),
                                    .purpose = "production",
                                    .address = "10.0.0.1"},
                                   {.id = "web-02", .unit = "finance", .system = "-1"}};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    Host host{.id = "h" + std::to_string(i), .unit = "tax", .vcpus = 1};
    host.memory_bytes = (1ULL << 30U) + (i << 30U) / 1000;
    const std::vector<Host> one = {host};
    CHECK(parse_hosts(format_hosts(one, ListForm::csv), known)->front().memory_bytes ==
          host.memory_bytes);
  }
  for (const ListForm form : {ListForm::csv, ListForm::json}) {
    const auto units = parse_units(format_units(known, form));
    REQUIRE_MESSAGE(units, units.error().message);
    CHECK(list_changes(known, *units).same == 2);
    const auto read = parse_hosts(format_hosts(hosts, form), known);
    REQUIRE_MESSAGE(read, read.error().message);
    CHECK(list_changes(hosts, *read).rows.empty());
  }
}

TEST_CASE("changes are what is new or not as it was") {
  const auto changes = list_changes<Unit>(
      known, {{"finance", "财政局", "east"}, {"tax", "税务局", ""}, {"parks", "园林局", ""}});
  CHECK(changes.same == 1);
  CHECK(changes.fresh == 1);
  REQUIRE(changes.rows.size() == 2);
  CHECK(changes.rows[0].id == "tax");
}

}  // namespace
}  // namespace yunjian::collector
