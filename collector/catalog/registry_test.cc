#include "collector/catalog/registry.h"

#include <doctest/doctest.h>

#include <set>

namespace yunjian::collector {
namespace {

// Two units with a host, a system and a resource each; one size.
std::optional<std::string> unit_of(std::string_view kind, std::string_view id) {
  static const std::map<std::string, std::string, std::less<>> entered = {
      {"unit/tax", "tax"},     {"unit/water", "water"},  {"host/web-01", "tax"},
      {"host/db-01", "water"}, {"system/portal", "tax"}, {"resource/nas-1", "water"},
      {"spec/s4", ""}};
  const auto found = entered.find(std::string(kind) + "/" + std::string(id));
  return found == entered.end() ? std::nullopt : std::optional(found->second);
}

const KindDef& kind(std::string_view key) {
  const KindDef* found = find_kind(key);
  REQUIRE(found != nullptr);
  return *found;
}

std::string csv_problem(std::string_view key, std::string_view csv) {
  const auto read = parse_entries_csv(kind(key), csv, unit_of);
  return read ? "" : read.error().message;
}

std::string json_problem(std::string_view key, std::string_view json) {
  const auto read = parse_entries_json(kind(key), json, unit_of);
  return read ? "" : read.error().message;
}

bool says(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

TEST_CASE("each kind has a key of its own, fields of their own, and references that exist") {
  std::set<std::string_view> keys;
  for (const KindDef& one : registry_kinds()) {
    CHECK(keys.insert(one.key).second);
    CHECK_FALSE(one.zh.empty());
    std::set<std::string_view> names = {"id"};
    for (const FieldDef& field : one.fields) {
      CHECK(names.insert(field.name).second);
      CHECK_FALSE(field.zh.empty());
      CHECK((field.type == FieldType::choice || field.type == FieldType::reference) !=
            field.of.empty());
      if (field.type != FieldType::reference) continue;
      CHECK((field.of == "unit" || field.of == "host" || find_kind(field.of) != nullptr));
    }
  }
  CHECK(keys.size() == 17);
  CHECK(find_kind("nothing") == nullptr);
}

TEST_CASE("a list is read with its columns in any order, and belongs to the unit it names") {
  const auto read =
      parse_entries_csv(kind("exemption"),
                        "until,id,host,type,reason,approver,from\n"
                        "2026-12-31,HM-1,db-01,declared_cycle,\"年终, 决算\",李,2026-11-01\n",
                        unit_of);
  REQUIRE_MESSAGE(read, read.error().message);
  REQUIRE(read->size() == 1);
  CHECK(read->front().id == "HM-1");
  CHECK(read->front().unit == "water");
  CHECK(read->front().field("reason") == "年终, 决算");
  CHECK(read->front().field("until") == "2026-12-31");
}

TEST_CASE("the first mistake of a list is told with line, column and field") {
  CHECK(says(csv_problem("system", ""), "line 1, column 1: the file is empty"));
  CHECK(says(csv_problem("system", "id,unit\np,tax\n"),
             "line 1, column 1: the first line must name name"));
  CHECK(says(csv_problem("system", "id,unit,name,colour\n"),
             "line 1, column 14: 'colour' is no field of system"));
  CHECK(
      says(csv_problem("system", "id,unit,name,name\n"), "line 1, column 14: 'name' stands twice"));
  CHECK(says(csv_problem("system", "id,unit,name\np,tax\n"),
             "line 2, column 3: 2 values where 3 belong"));
  CHECK(says(csv_problem("system", "id,unit,name\np,tax,门户\nq,fin,财政\n"),
             "line 3, column 3: unit: there is no unit 'fin'"));
  CHECK(says(csv_problem("system", "id,unit,name\np,tax,\n"), "line 2, column 7: name: is needed"));
  CHECK(says(csv_problem("system", "id,unit,name\np,tax,a\np,tax,b\n"),
             "line 3, column 1: id: 'p' stands twice"));
  CHECK(says(csv_problem("system", "id,unit,name\n\"a b\",tax,a\n"),
             "line 2, column 1: id: 'a b' is not"));
  CHECK(says(csv_problem("system", "id,unit,name,mlps_level\np,tax,a,5\n"),
             "line 2, column 9: mlps_level: '5' is none of 1 2 3 4"));
}

TEST_CASE("values that cannot be meant are refused, each type by its own words") {
  const auto change = [](std::string_view applied, std::string_view planned) {
    return csv_problem("change", "id,title,applied,planned,impact\nC-1,升级," +
                                     std::string(applied) + "," + std::string(planned) + ",无\n");
  };
  CHECK(change("2026-11-02", "2026-11-05").empty());
  CHECK(says(change("2026-11-31", "2026-12-05"), "applied: '2026-11-31' is not a date"));
  CHECK(says(change("2026-11-05", "2026-11-02"),
             "planned: 2026-11-02 lies before applied 2026-11-05"));
  const auto spec = [](std::string_view vcpus, std::string_view price) {
    return csv_problem("spec", "id,name,vcpus,memory_gb,month_price,from\ns2,二核," +
                                   std::string(vcpus) + ",4," + std::string(price) +
                                   ",2026-01-01\n");
  };
  CHECK(spec("2", "99.5").empty());
  CHECK(says(spec("2.5", "99.5"), "vcpus: '2.5' is not a whole number"));
  CHECK(says(spec("2", "99.1234"), "month_price: '99.1234' is not a number with at most three"));
  CHECK(says(spec("2", "-1"), "month_price: '-1' is not a number"));
  CHECK(says(csv_problem("system", "id,unit,name,public\np,tax,a,maybe\n"),
             "public: 'maybe' is neither yes nor no"));
  CHECK(says(csv_problem("resource_usage", "id,resource,month,used\nu,nas-1,2026-13,1\n"),
             "month: '2026-13' is not a month"));
}

TEST_CASE("what belongs to two units at once is refused") {
  CHECK(says(csv_problem("security_event",
                         "id,unit,host,title,type,level,began\n"
                         "E-1,tax,db-01,扫描,attack_blocked,4,2026-11-02 03:04\n"),
             "host: 'db-01' belongs to unit water, not to tax"));
}

TEST_CASE("a time may be written on the clock of China, and is kept in UTC") {
  const auto read = parse_entries_csv(kind("incident"),
                                      "id,title,level,began,responsible\n"
                                      "I-1,中断,3,2026-11-02 03:04,云服务商\n",
                                      unit_of);
  REQUIRE_MESSAGE(read, read.error().message);
  CHECK(read->front().field("began") == "2026-11-01T19:04:00.000000Z");
  CHECK(read->front().unit.empty());
}

TEST_CASE("exemptions and agreements are checked for what they mean") {
  const auto exemption = [](std::string_view until) {
    return csv_problem("exemption",
                       "id,host,type,reason,approver,from,until\n"
                       "HM-1,db-01,trial,试用,李,2026-01-01," +
                           std::string(until) + "\n");
  };
  CHECK(exemption("2027-01-01").empty());
  CHECK(says(exemption("2027-01-02"), "line 2, column 34: until: exemption HM-1: it lasts longer"));
  const auto agreement = [](std::string_view limits) {
    return json_problem("agreement", R"({"id":"X","unit":"tax","signed":"2026-01-01",)"
                                     R"("from":"2026-01-01","limits":")" +
                                         std::string(limits) + "\"}");
  };
  CHECK(agreement(R"({\"low\":{\"cpu_p95\":15}})").empty());
  CHECK(says(agreement(R"({\"low\":{\"cpu_p95\":150}})"),
             "limits: agreement X: low.cpu_p95: must be"));
  CHECK(says(agreement(R"({\"low\":{\"disk_used\":15}})"),
             "limits: agreement X: the rules ask for no disk_used"));
}

TEST_CASE("JSON gives the same entries, and its mistakes are told with their place") {
  const auto read = parse_entries_json(
      kind("system"), R"([{"id":"p","unit":"tax","name":"门户","mlps_level":3,"public":true}])",
      unit_of);
  REQUIRE_MESSAGE(read, read.error().message);
  CHECK(read->front().field("mlps_level") == "3");
  CHECK(read->front().field("public") == "yes");
  CHECK(says(json_problem("system", "[{\"id\":\"p\"},"), "line 1"));
  CHECK(says(json_problem("system",
                          "[{\"id\":\"p\",\"unit\":\"tax\",\"name\":\"a\"},\n"
                          " {\"id\":\"q\",\"unit\":\"tax\"}]"),
             "line 2, column 2: name: is needed"));
  CHECK(says(json_problem("system", "[\n{\"id\":\"p\",\n\"unit\":\"nobody\",\"name\":\"a\"}]"),
             "line 3, column 15: unit: there is no unit 'nobody'"));
  CHECK(says(json_problem("system", R"([{"id":"p","unit":["tax"]}])"),
             "line 1, column 19: unit: must be a text or a number"));
  CHECK(says(json_problem("system", "[7]"), "line 1, column 2: must be an object"));
  CHECK(says(json_problem("system", R"({"id":"p","unit":"tax","name":"a\u0007"})"),
             "name: a control character"));
}

TEST_CASE("what is exported can be imported again, formulas disarmed on the way") {
  const KindDef& drill = kind("drill");
  const std::vector<RegistryEntry> entries = {{.kind = "drill",
                                               .id = "D-1",
                                               .fields = {{"date", "2026-05-01"},
                                                          {"scenario", "=HYPERLINK(\"x\")"},
                                                          {"result", "好, \"很好\"\n两行"}}}};
  const std::string csv = format_entries_csv(drill, entries);
  CHECK(csv ==
        "id,date,scenario,participants,result\n"
        "D-1,2026-05-01,\"'=HYPERLINK(\"\"x\"\")\",,\"好, \"\"很好\"\"\n两行\"\n");
  const auto from_csv = parse_entries_csv(drill, csv, unit_of);
  REQUIRE_MESSAGE(from_csv, from_csv.error().message);
  CHECK(from_csv->front().fields == entries.front().fields);
  const auto from_json = parse_entries_json(drill, format_entries_json(drill, entries), unit_of);
  REQUIRE_MESSAGE(from_json, from_json.error().message);
  CHECK(from_json->front().fields == entries.front().fields);
}

}  // namespace
}  // namespace yunjian::collector
