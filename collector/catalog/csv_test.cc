#include "collector/catalog/csv.h"

#include <doctest/doctest.h>

namespace yunjian::collector {
namespace {

std::string problem(const auto& result) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ledger::ErrorKind::reject);
  return result.error().message;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const std::string host_header = "id,unit,system,name,vcpus,memory_gb,purpose,address\n";
const std::vector<Unit> known = {{"finance", "财政局", "east"}};

TEST_CASE("A list of units as Excel writes it is read: byte order mark, CRLF, quotes") {
  const auto units = parse_units_csv(
      "\xef\xbb\xbfid,name,county\r\nfinance,财政局,东区\r\nhealth,\"卫健委, \"\"市\"\"\",\r\n");
  REQUIRE_MESSAGE(units.has_value(), units.error().message);
  REQUIRE(units->size() == 2);
  CHECK(units->at(0).name == "财政局");
  CHECK(units->at(0).county == "东区");
  CHECK(units->at(1).name == "卫健委, \"市\"");
  CHECK(units->at(1).county == "");
}

TEST_CASE("A last line without its end and empty lines are read too") {
  CHECK(parse_units_csv("id,name,county\n\na,甲,\n\nb,乙,x")->size() == 2);
  CHECK(parse_units_csv("id,name,county\n")->empty());
}

TEST_CASE("A host's size is read in whole or partial gibibytes, empty is not known") {
  const auto hosts = parse_hosts_csv(
      host_header + "web-01,finance,门户,前端,4,16,production,10.0.0.1\nweb-02,finance,,,,0.5,,\n",
      known);
  REQUIRE_MESSAGE(hosts.has_value(), hosts.error().message);
  CHECK(hosts->at(0).vcpus == 4);
  CHECK(hosts->at(0).memory_bytes == 16ULL << 30U);
  CHECK(hosts->at(0).purpose == "production");
  CHECK(hosts->at(1).vcpus == 0);
  CHECK(hosts->at(1).memory_bytes == 1ULL << 29U);
}

TEST_CASE("Each mistake is told with its line and column, counted in characters") {
  CHECK(has(problem(parse_units_csv("")), "line 1"));
  CHECK(has(problem(parse_units_csv("id,name\n")), "id,name,county"));
  CHECK(has(problem(parse_units_csv("id,name,county,x\n")), "line 1, column 1"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,甲,\nNo Good,乙,\n")), "line 3, column 1"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,,\n")), "line 2, column 4: name"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,甲\n")), "2 values where 3"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,财政\"局\",\n")), "line 2, column 6"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,\"甲\"x,\n")), "line 2, column 7"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,甲,\"open\n\n")), "line 2, column 6"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,甲,\x01\n")), "line 2, column 6: county"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,甲,a\rb\n")), "line 2, column 7"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,甲,\nok,乙,\n")), "already in line 2"));
  CHECK(has(problem(parse_units_csv("id,name,county\nok,甲,\nb,\xb2\xc6,\n")), "line 3"));
}

TEST_CASE("A line break inside quotes does not shift the line numbers behind it") {
  const auto rows = parse_csv("a,\"x\ny\"\nb,c\n");
  REQUIRE(rows.has_value());
  CHECK(rows->at(0).at(1).value == "x\ny");
  CHECK(rows->at(1).at(0).line == 3);
  CHECK(rows->at(1).at(1).column == 3);
}

TEST_CASE("A host must belong to a known unit and carry readable sizes") {
  CHECK(has(problem(parse_hosts_csv(host_header + "h,other,,,,,,\n", known)),
            "line 2, column 3: unit: 'other'"));
  CHECK(has(problem(parse_hosts_csv(host_header + "h,finance,,,four,,,\n", known)), "vcpus"));
  CHECK(has(problem(parse_hosts_csv(host_header + "h,finance,,,4,1.2345,,\n", known)),
            "line 2, column 15: memory_gb"));
  CHECK(has(problem(parse_hosts_csv(host_header + "h,finance,,,4,-1,,\n", known)), "memory_gb"));
  CHECK(has(problem(parse_hosts_csv(host_header + "h,finance,,,4,1,prod,\n", known)), "purpose"));
  CHECK(has(problem(parse_hosts_csv(host_header + "Web,finance,,,4,1,,\n", known)), "host name"));
}

TEST_CASE("Values and files beyond their limits are refused") {
  const std::string name_at_limit(csv_field_bytes_max, 'x');
  CHECK(parse_units_csv("id,name,county\na," + name_at_limit + ",\n").has_value());
  CHECK(has(problem(parse_units_csv("id,name,county\na," + name_at_limit + "x,\n")),
            "line 2, column 3"));
  CHECK(has(problem(parse_units_csv(std::string(csv_bytes_max + 1, 'a'))), "larger"));
}

}  // namespace
}  // namespace yunjian::collector
