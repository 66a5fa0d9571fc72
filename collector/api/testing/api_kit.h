#pragma once

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collector/api/account_office.h"
#include "collector/api/api_handler.h"
#include "collector/api/repeats.h"
#include "collector/report/pack_store.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/record.h"
#include "ledger/testing/seeded_random.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::collector::testing {

using Parameters = std::multimap<std::string, std::string>;

// Units tax (host web-01, county east) and police (case-01, west), each with twenty events that say
// "<unit> login", a minute of usage and an hour. Tokens "<name>-secret" of no account: authority,
// inspector (a second authority), provider, tax, police, east (county); of accounts: system,
// security, guard (a second one for security), audit. One thread.
class ApiKit {
 public:
  ApiKit() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    catalog = std::move(*Catalog::open(directory.path() + "/catalog.sqlite"));
    REQUIRE(catalog->put_units({{"tax", "税务局", "east"}, {"police", "公安局", "west"}}));
    REQUIRE(
        catalog->put_hosts({{.id = "web-01", .unit = "tax"}, {.id = "case-01", .unit = "police"}}));
    fill(tax, "tax", "web-01");
    fill(police, "police", "case-01");
    records = std::make_unique<LogRecordStore>(*log);
    office = std::make_unique<AccountOffice>(AccountOffice::Parts{
        .catalog = *catalog,
        .clock = log.clock,
        .random = random,
        .record = [this](std::string line) { return commit(std::move(line)); }});
    repeats = std::make_unique<Repeats>(*catalog, log.clock);
    auto opened = Cosignatures::open(
        *log, {.files = log.files, .clock = log.clock, .directory = "/data/witnessed"}, {});
    REQUIRE(opened);
    cosignatures = std::move(*opened);
    lists = std::make_unique<ListFiles>(log.files, "/data/lists");
    api = std::make_unique<ApiHandler>(context());
    add_tokens();
  }

  ApiContext context() {
    return {.catalog = catalog.get(),
            .log = &*log,
            .records = records.get(),
            .clock = &log.clock,
            .cursors = &cursors,
            .files = &log.files,
            .scratch = "/data/scratch",
            .commit_act = [this](std::string line) { return commit(std::move(line)); },
            .accounts = office.get(),
            .changing = catalog.get(),
            .repeats = repeats.get(),
            .acts = &acts,
            .packs = &packs,
            .cosignatures = cosignatures.get(),
            .lists = lists.get()};
  }

  Request request(const std::string& who, const std::string& method, const std::string& path) {
    Request request;
    request.method = method;
    request.path = path;
    request.peer = "192.0.2.7";
    if (!who.empty()) request.headers["authorization"] = "Bearer " + secret(who);
    return request;
  }
  Response get(const std::string& who, const std::string& path, Parameters parameters = {}) {
    Request asked = request(who, "GET", path);
    asked.query = std::move(parameters);
    return api->handle(asked);
  }
  Response post(const std::string& who, const std::string& path, const std::string& body = "",
                const std::string& key = "") {
    Request asked = request(who, "POST", path);
    asked.body = body;
    if (!key.empty()) asked.headers["idempotency-key"] = key;
    return api->handle(asked);
  }
  // The whole body of an answer, also of one that is made while it is sent.
  static std::string body_of(const Response& response) {
    if (!response.source) return response.body;
    std::string all;
    for (bool last = false; !last;) {
      auto piece = response.source->next();
      REQUIRE_FALSE(piece.broken);
      all += piece.bytes;
      last = piece.last;
    }
    return all;
  }
  static rapidjson::Document json(const Response& response) {
    CAPTURE(response.body);
    rapidjson::Document document;
    document.Parse(response.body.data(), response.body.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
  }

  // What the collector does about once a minute.
  void seal() {
    const auto lines = log->unsealed_own_records();
    if (lines.empty()) return;
    REQUIRE(log->commit(only(batch_entry(log.own.seal(lines), "collector", "collector"))));
  }
  std::vector<std::string> unsealed() { return log->unsealed_own_records(); }

  std::string secret(const std::string& who) {
    const auto found = secrets.find(who);
    return found == secrets.end() ? who + "-secret" : found->second;
  }
  Credential credential(const std::string& who) {
    auto found = catalog->credential(secret(who), log.clock.wall());
    REQUIRE(found);
    REQUIRE(found->has_value());
    return **found;
  }

  TestLog log;
  ledger::testing::TemporaryDirectory directory;
  ledger::testing::SeededRandom random{7};
  const CursorSealer cursors{"key of the test"};
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<LogRecordStore> records;
  std::unique_ptr<AccountOffice> office;
  std::unique_ptr<Repeats> repeats;
  std::mutex acts;
  PackStore packs{log.files, "/data/reports"};
  std::unique_ptr<Cosignatures> cosignatures;
  std::unique_ptr<ListFiles> lists;
  std::unique_ptr<ApiHandler> api;
  TestAgent tax{std::string(32, 'a'), 1, 1};
  TestAgent police{std::string(32, 'b'), 1, 2};
  std::map<std::string, std::string> secrets;  // of accounts
  bool acts_fail = false;

 private:
  ledger::Result<void> commit(std::string line) {
    if (acts_fail) return ledger::fail(ledger::ErrorKind::full, "the disk is full");
    auto done = log->commit(only(OwnRecord{std::move(line)}));
    if (!done) return ledger::failure(done);
    return {};
  }

  static std::string usage_line(ledger::Time time, std::string_view kind, const std::string& unit) {
    std::string line;
    ledger::RecordWriter writer(line, time, kind);
    writer.text("source", unit + "-host");
    writer.finish();
    return line;
  }

  void fill(TestAgent& agent, const std::string& unit, const std::string& host) {
    using namespace std::chrono_literals;
    REQUIRE(log.enrol(agent, unit, host));
    auto lines = event_lines(test_start, 20, unit + " login");
    lines.push_back(usage_line(test_start + 60s, "usage", unit));
    lines.push_back(usage_line(test_start + 3600s, "usage_hour", unit));
    REQUIRE(log->commit(only(batch_entry(agent.seal(lines), unit, host))));
  }

  void add_token(const std::string& name, Role role, std::vector<std::string> units = {},
                 const std::string& county = "") {
    const TokenSpec spec{.name = name,
                         .role = role,
                         .units = std::move(units),
                         .county = county,
                         .expires = log.clock.wall() + std::chrono::days(30)};
    REQUIRE(catalog->add_token(name + "-secret", spec, log.clock.wall()));
  }

  void add_tokens() {
    add_token("authority", Role::authority);
    add_token("inspector", Role::authority);
    add_token("provider", Role::provider);
    add_token("tax", Role::unit, {"tax"});
    add_token("police", Role::unit, {"police"});
    add_token("east", Role::county, {}, "east");
    const Doer founder = doer_of(credential("authority"), "192.0.2.1");
    const Doer second = doer_of(credential("inspector"), "192.0.2.2");
    appoint("security", Role::security, founder, second);
    appoint("guard", Role::security, founder, second);
    const Doer first = doer_of(credential("security"), "192.0.2.3");
    const Doer guard = doer_of(credential("guard"), "192.0.2.4");
    appoint("system", Role::system, first, guard);
    appoint("audit", Role::audit, first, guard);
  }

  void appoint(const std::string& name, Role role, const Doer& first, const Doer& second) {
    REQUIRE(office->add_account(first, name, "the person " + name));
    const auto grant = office->propose(first, {.to = name,
                                               .role = role,
                                               .reason = "test",
                                               .until = log.clock.wall() + std::chrono::days(30)});
    REQUIRE(grant);
    REQUIRE(office->approve(second, grant->id));
    const auto token = office->make_token(first, name, 30);
    REQUIRE(token);
    REQUIRE(office->approve(second, token->grant));
    secrets[name] = token->secret;
  }
};

}  // namespace yunjian::collector::testing
