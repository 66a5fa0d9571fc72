// Every address that the collector answers stands in the document of the API, and no other.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>

#include "collector/api/api_handler.h"
#include "collector/ingest/enrol_handler.h"
#include "collector/ingest/ingest_handler.h"

namespace yunjian::collector {
namespace {

std::string key_of(std::string_view method, std::string_view path) {
  std::string key = std::string(method) + " " +
                    std::regex_replace(std::string(path), std::regex(R"(\{[a-z_]+\})"), "{}");
  std::transform(
      key.begin(), key.begin() + static_cast<std::ptrdiff_t>(method.size()), key.begin(),
      [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  // A path that holds slashes.
  if (path.ends_with("/{path}")) key.replace(key.size() - 2, 2, "*");
  return key;
}

TEST_CASE("the document names what all handlers answer, and nothing else") {
  rapidjson::Document document;
  document.Parse(openapi_json().data(), openapi_json().size());
  REQUIRE_FALSE(document.HasParseError());
  std::set<std::string> documented;
  for (const auto& path : document["paths"].GetObject()) {
    for (const auto& operation : path.value.GetObject()) {
      documented.insert(key_of(operation.name.GetString(), path.name.GetString()));
    }
  }
  std::set<std::string> answered;
  const ApiHandler api{ApiContext{}};
  for (const auto& route : api.route_table()) answered.insert(key_of(route.method, route.pattern));
  for (const auto& route : EnrolHandler::routes()) {
    answered.insert(key_of(route.method, route.pattern));
  }
  for (const auto& route : IngestHandler::routes()) {
    answered.insert(key_of(route.method, route.pattern));
  }
  CHECK(documented == answered);
  CHECK(IngestHandler::routes().size() == 6);
}

}  // namespace
}  // namespace yunjian::collector
