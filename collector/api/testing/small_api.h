#pragma once

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "collector/api/api_handler.h"
#include "collector/api/repeats.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::collector::testing {

// The API over a catalog with the units tax (host web-01, county east) and police (case-01, west)
// and tokens "<name>-secret": authority, provider, tax, police, east (county). One thread.
class SmallApi {
 public:
  using Parameters = std::multimap<std::string, std::string>;

  SmallApi() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    catalog = std::move(*Catalog::open(directory.path() + "/catalog.sqlite"));
    REQUIRE(catalog->put_units({{"tax", "税务局", "east"}, {"police", "公安局", "west"}}));
    REQUIRE(
        catalog->put_hosts({{.id = "web-01", .unit = "tax"}, {.id = "case-01", .unit = "police"}}));
    records = std::make_unique<LogRecordStore>(*log);
    repeats = std::make_unique<Repeats>(*catalog, log.clock);
    api = std::make_unique<ApiHandler>(
        ApiContext{.catalog = catalog.get(),
                   .log = &*log,
                   .records = records.get(),
                   .clock = &log.clock,
                   .cursors = &cursors,
                   .files = &log.files,
                   .scratch = "/data/scratch",
                   .commit_act = [this](std::string line) { return commit(std::move(line)); },
                   .changing = catalog.get(),
                   .repeats = repeats.get(),
                   .acts = &acts});
    token("authority", Role::authority);
    token("provider", Role::provider);
    token("tax", Role::unit, {"tax"});
    token("police", Role::unit, {"police"});
    token("east", Role::county, {}, "east");
  }

  Request request(const std::string& who, const std::string& method, const std::string& path) {
    Request asked;
    asked.method = method;
    asked.path = path;
    asked.peer = "192.0.2.7";
    asked.headers["authorization"] = "Bearer " + who + "-secret";
    return asked;
  }
  Response get(const std::string& who, const std::string& path, Parameters parameters = {}) {
    Request asked = request(who, "GET", path);
    asked.query = std::move(parameters);
    return api->handle(asked);
  }
  Response post(const std::string& who, const std::string& path, const std::string& body,
                const std::string& key = "") {
    Request asked = request(who, "POST", path);
    asked.body = body;
    if (!key.empty()) asked.headers["idempotency-key"] = key;
    return api->handle(asked);
  }
  static rapidjson::Document json(const Response& response) {
    CAPTURE(response.body);
    rapidjson::Document document;
    document.Parse(response.body.data(), response.body.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
  }
  // Acts that hold these words.
  std::size_t recorded(std::string_view words) {
    std::size_t found = 0;
    for (const std::string& line : log->unsealed_own_records()) {
      if (line.find(words) != std::string::npos) ++found;
    }
    return found;
  }

  TestLog log;
  ledger::testing::TemporaryDirectory directory;
  const CursorSealer cursors{"key of the test"};
  std::mutex acts;
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<LogRecordStore> records;
  std::unique_ptr<Repeats> repeats;
  std::unique_ptr<ApiHandler> api;
  bool acts_fail = false;

 private:
  ledger::Result<void> commit(std::string line) {
    if (acts_fail) return ledger::fail(ledger::ErrorKind::full, "the disk is full");
    auto done = log->commit(only(OwnRecord{std::move(line)}));
    if (!done) return ledger::failure(done);
    return {};
  }
  void token(const std::string& name, Role role, std::vector<std::string> units = {},
             const std::string& county = "") {
    const TokenSpec spec{.name = name,
                         .role = role,
                         .units = std::move(units),
                         .county = county,
                         .expires = log.clock.wall() + std::chrono::days(30)};
    REQUIRE(catalog->add_token(name + "-secret", spec, log.clock.wall()));
  }
};

}  // namespace yunjian::collector::testing
