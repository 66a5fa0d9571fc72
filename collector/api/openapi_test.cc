#include <algorithm>
#include <regex>
#include <set>

#include "collector/api/testing/api_kit.h"

namespace yunjian::collector {
namespace {

using testing::ApiKit;

// What handlers of their own answer: enrolment, and what agents send. Their lists are compared in
// collector/routes_test.cc, which may know them.
bool is_of_the_api(std::string_view path) {
  return !path.starts_with("/enrol/") && !path.starts_with("/ingest/");
}

struct OpenapiFixture : ApiKit {
  rapidjson::Document document;

  OpenapiFixture() {
    const Response response = get("", "/openapi.json");
    REQUIRE(response.status == 200);
    document = json(response);
  }

  // "get /v1/records/{}/{}" -> its operation.
  std::map<std::string, const rapidjson::Value*> operations() {
    std::map<std::string, const rapidjson::Value*> found;
    for (const auto& path : document["paths"].GetObject()) {
      if (!is_of_the_api(path.name.GetString())) continue;
      std::string pattern = std::regex_replace(std::string(path.name.GetString()),
                                               std::regex(R"(\{[a-z_]+\})"), "{}");
      // A path that holds slashes.
      if (std::string(path.name.GetString()).ends_with("/{path}")) {
        pattern.replace(pattern.size() - 2, 2, "*");
      }
      for (const auto& operation : path.value.GetObject()) {
        found.emplace(std::string(operation.name.GetString()) + " " + pattern, &operation.value);
      }
    }
    return found;
  }
  static std::string key_of(const ApiHandler::Route& route) {
    std::string key = route.method == "GET" ? "get " : "post ";
    return key + std::string(route.pattern);
  }
  const rapidjson::Value& resolved(const rapidjson::Value& value) {
    if (!value.HasMember("$ref")) return value;
    const std::string pointer = std::string(value["$ref"].GetString()).substr(1);
    const rapidjson::Value* at = &document;
    std::size_t begin = 1;
    while (begin <= pointer.size()) {
      const auto end = std::min(pointer.find('/', begin), pointer.size());
      const std::string name = pointer.substr(begin, end - begin);
      REQUIRE_MESSAGE(at->HasMember(name.c_str()), pointer);
      at = &(*at)[name.c_str()];
      begin = end + 1;
    }
    return *at;
  }
  void resolve_all(const rapidjson::Value& value) {
    if (value.IsArray()) {
      for (const auto& each : value.GetArray()) resolve_all(each);
    }
    if (!value.IsObject()) return;
    resolved(value);
    for (const auto& member : value.GetObject()) resolve_all(member.value);
  }
  std::set<std::string> parameters(const rapidjson::Value& operation, const std::string& in) {
    std::set<std::string> names;
    if (!operation.HasMember("parameters")) return names;
    for (const auto& each : operation["parameters"].GetArray()) {
      const auto& parameter = resolved(each);
      if (parameter["in"].GetString() == in) names.insert(parameter["name"].GetString());
    }
    return names;
  }
};

TEST_CASE_FIXTURE(OpenapiFixture, "the document and the route table name the same addresses") {
  std::set<std::string> documented;
  for (const auto& [key, operation] : operations()) documented.insert(key);
  std::set<std::string> answered;
  for (const auto& route : api->route_table()) answered.insert(key_of(route));
  CHECK(documented == answered);
  CHECK(operations().size() == api->route_table().size());
}

TEST_CASE_FIXTURE(OpenapiFixture, "the document names the roles that a route lets in") {
  const auto documented = operations();
  for (const auto& route : api->route_table()) {
    CAPTURE(key_of(route));
    const auto& operation = *documented.at(key_of(route));
    std::set<std::string> told;
    for (const auto& role : operation["x-roles"].GetArray()) told.insert(role.GetString());
    std::set<std::string> let_in;
    for (const auto& role : document["components"]["schemas"]["role"]["enum"].GetArray()) {
      if (route.access.allows(*parse_role(role.GetString()))) let_in.insert(role.GetString());
    }
    CHECK(told == let_in);
    CHECK(operation.HasMember("security") == route.access.open);
  }
}

// A route tells the parameters it knows when it is asked for one that it does not.
TEST_CASE_FIXTURE(OpenapiFixture,
                  "the document names the parameters that a route reads, and no others") {
  const std::set<std::string> reads_none = {"/healthz", "/openapi.json"};
  const auto documented = operations();
  std::size_t checked = 0;
  for (const auto& route : api->route_table()) {
    CAPTURE(key_of(route));
    if (reads_none.contains(std::string(route.pattern))) continue;
    std::string path(route.pattern);
    if (path == "/v1/operations/{}") path = "/v1/operations/drill";
    if (path == "/v1/inventory/{}") path = "/v1/inventory/system";
    path = std::regex_replace(path, std::regex(R"(\{\})"), "0");
    path = std::regex_replace(path, std::regex(R"(\*)"), "0/000");
    Request asked = request("authority", std::string(route.method), path);
    if (!route.access.allows(Role::authority)) continue;
    asked.query = {{"no-such-parameter", "1"}};
    const Response response = api->handle(asked);
    REQUIRE_MESSAGE(response.status == 400, response.body);
    const std::string detail = json(response)["detail"].GetString();
    std::smatch known;
    REQUIRE(std::regex_search(detail, known, std::regex("known: (.*)\\.$")));
    std::set<std::string> read;
    const std::string list = known[1];
    const std::regex name("[a-z_-]+");
    for (std::sregex_iterator word(list.begin(), list.end(), name), end; word != end; ++word) {
      if (word->str() != "none") read.insert(word->str());
    }
    CHECK(read == parameters(*documented.at(key_of(route)), "query"));
    ++checked;
  }
  CHECK(checked + reads_none.size() == api->route_table().size());
}

TEST_CASE_FIXTURE(OpenapiFixture,
                  "the document is whole: references lead somewhere, names are unique") {
  CHECK(std::string(document["openapi"].GetString()) == "3.1.0");
  resolve_all(document);
  std::set<std::string> ids;
  for (const auto& path : document["paths"].GetObject()) {
    const std::string text = path.name.GetString();
    std::set<std::string> placeholders;
    const std::regex name(R"(\{([a-z_]+)\})");
    for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
      placeholders.insert((*at)[1].str());
    }
    for (const auto& operation : path.value.GetObject()) {
      CAPTURE(text);
      CHECK(ids.insert(operation.value["operationId"].GetString()).second);
      CHECK(operation.value["summary"].GetStringLength() > 0);
      CHECK(operation.value["responses"].HasMember("default"));
      CHECK(parameters(operation.value, "path") == placeholders);
    }
  }
}

}  // namespace
}  // namespace yunjian::collector
