#include "collector/api/json_body.h"

#include <doctest/doctest.h>

namespace yunjian::collector {
namespace {

Outcome<JsonBody> read(std::string_view body) {
  return JsonBody::read(body, {"name", "days", "units", "from"});
}

TEST_CASE("a body gives its members, each of its kind") {
  auto body = read(R"({"name":"李\u0000","days":7,"units":["a","b"],"from":"2026-11-22"})");
  REQUIRE(body);
  CHECK(*body->text("name") == std::string("李\0", 4));
  CHECK(*body->number("days") == 7);
  CHECK(*body->list("units") == std::vector<std::string>{"a", "b"});
  CHECK(body->time("from")->has_value());
  CHECK_FALSE(body->text("days"));
  CHECK_FALSE(body->number("name"));
  CHECK_FALSE(body->list("name"));
  CHECK_FALSE(body->time("name"));
}

TEST_CASE("what is absent or null is nothing, unless it is needed") {
  auto body = read(R"({"name":null})");
  REQUIRE(body);
  CHECK(body->text("name")->empty());
  CHECK_FALSE(body->has("name"));
  CHECK_FALSE(body->needed_text("name"));
  CHECK_FALSE(body->number("days")->has_value());
  CHECK(body->list("units")->empty());
}

TEST_CASE("what is not exactly such an object is refused") {
  for (const std::string_view bad : {"",
                                     "[]",
                                     "7",
                                     "null",
                                     "\"name\"",
                                     "{",
                                     "{}}",
                                     "{\"name\":}",
                                     "{name:1}",
                                     "{\"name\":1,}",
                                     R"({"other":1})",
                                     R"({"other":null})",
                                     R"({"name":"a","name":"b"})",
                                     R"({"name":null,"name":"b"})",
                                     R"({"name":"b","name":null})",
                                     R"({"name":{}})",
                                     R"({"units":[["a"]]})",
                                     R"({"units":[1]})",
                                     R"({"units":[null]})",
                                     R"({"days":-1})",
                                     R"({"days":1.5})",
                                     R"({"days":1e3})",
                                     R"({"days":99999999999999999999})",
                                     R"({"name":"\ud800"})",
                                     "{\"name\":\"\xff\"}",
                                     "{\"name\":\"a\nb\"}",
                                     "{\"name\":NaN}",
                                     R"({"name":"a"}x)"}) {
    CAPTURE(bad);
    const auto body = read(bad);
    REQUIRE_FALSE(body);
    CHECK(body.error().status == 400);
  }
}

TEST_CASE("depth and length have limits, at the limit it is taken") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(read(nested(json_depth_max + 1)).error().detail.find("deeper") != std::string::npos);
  CHECK(read(nested(json_depth_max)).error().detail.find("deeper") == std::string::npos);
  CHECK(read(nested(30'000)).error().status == 400);
  CHECK(read("{\"name\":\"" + nested(100) + "\"}"));
  std::string list = "{\"units\":[\"a\"";
  for (std::size_t i = 1; i < json_list_max; ++i) list += ",\"a\"";
  CHECK(read(list + "]}")->list("units")->size() == json_list_max);
  CHECK_FALSE(read(list + ",\"a\"]}"));
}

}  // namespace
}  // namespace yunjian::collector
