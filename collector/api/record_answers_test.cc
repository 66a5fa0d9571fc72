#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <atomic>

#include "collector/api/api_handler.h"
#include "collector/api/coverage.h"
#include "collector/api/record_csv.h"
#include "collector/query/record_deriver.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;

std::string sshd_line(ledger::Time time, const std::string& message) {
  std::string line;
  ledger::RecordWriter writer(line, time, "event");
  writer.text("source", "journal").text("process.name", "sshd").message(message).finish();
  return line;
}

// The audit API over thirty logins, one a second, two of three failed.
struct RecordAnswersFixture {
  TestLog log;
  ledger::testing::TemporaryDirectory directory;
  const Deriver deriver = make_deriver(rules::Classifier::builtin());
  const CursorSealer cursors{"key of the test"};
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<LogRecordStore> records;
  std::unique_ptr<ApiHandler> api;
  TestAgent agent{std::string(32, 'a'), 1, 1};
  std::atomic<bool> cancelled{false};
  std::vector<std::string> acts;

  RecordAnswersFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    catalog = std::move(*Catalog::open(directory.path() + "/catalog.sqlite"));
    REQUIRE(catalog->put_units({{"tax", "税务局", "east"}}));
    REQUIRE(catalog->put_hosts({{.id = "web-01", .unit = "tax"}}));
    token("tax", Role::unit, {"tax"});
    token("police", Role::unit, {"police"});
    token("provider", Role::provider, {});
    REQUIRE(log.enrol(agent, "tax", "web-01"));
    std::vector<std::string> lines;
    for (int i = 0; i < 30; ++i) {
      const std::string tried = i % 3 == 0 ? "Accepted" : "Failed";
      lines.push_back(sshd_line(
          test_start + std::chrono::seconds(i),
          tried + " password for user" + std::to_string(i % 2) + " from 10.20.0.1 port 22 ssh2"));
    }
    commit(lines);
    records = std::make_unique<LogRecordStore>(*log, &deriver);
    api = std::make_unique<ApiHandler>(
        ApiContext{.catalog = catalog.get(),
                   .log = &*log,
                   .records = records.get(),
                   .deriver = &deriver,
                   .clock = &log.clock,
                   .cursors = &cursors,
                   .files = &log.files,
                   .scratch = "/data/scratch",
                   .commit_act = [this](std::string line) -> ledger::Result<void> {
                     acts.push_back(std::move(line));
                     return {};
                   }});
  }

  void commit(const std::vector<std::string>& lines) {
    REQUIRE(log->commit(testing::only(testing::batch_entry(agent.seal(lines), "tax", "web-01"))));
  }

  void token(const std::string& name, Role role, std::vector<std::string> units) {
    const TokenSpec spec{.name = name,
                         .role = role,
                         .units = std::move(units),
                         .county = "",
                         .expires = log.clock.wall() + 24h};
    REQUIRE(catalog->add_token(name + "-secret", spec, log.clock.wall()));
  }

  using Parameters = std::multimap<std::string, std::string>;
  Response get(const std::string& path, Parameters parameters = {},
               const std::string& who = "tax") {
    Request request;
    request.method = "GET";
    request.path = path;
    request.query = std::move(parameters);
    request.headers["authorization"] = "Bearer " + who + "-secret";
    request.cancelled = &cancelled;
    return api->handle(request);
  }

  rapidjson::Document json(const std::string& text) {
    CAPTURE(text);
    rapidjson::Document document;
    document.Parse(text.data(), text.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
  }
  rapidjson::Document ask(const std::string& path, Parameters parameters = {}) {
    const Response response = get(path, std::move(parameters));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return json(response.body);
  }

  std::vector<std::string> all_lines(const Response& response) {
    REQUIRE(response.status == 200);
    REQUIRE(response.source);
    std::string text;
    for (bool last = false; !last;) {
      auto piece = response.source->next();
      REQUIRE_FALSE(piece.broken);
      text += piece.bytes;
      last = piece.last;
    }
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }
};

TEST_CASE_FIXTURE(RecordAnswersFixture, "an item says what was derived from its line") {
  const auto found = ask("/v1/search", {{"limit", "1"}, {"order", "asc"}});
  const auto& item = found["items"][0];
  CHECK(item["class_uid"].GetUint() == 3002);
  CHECK(item["status_id"].GetUint() == 1);
  CHECK(std::string(item["actor.user.name"].GetString()) == "user0");
  CHECK(std::string(item["src_endpoint.ip"].GetString()) == "10.20.0.1");
  const auto record = ask("/v1/records/" + agent.stream() + "/1");
  CHECK(record["status_id"].GetUint() == 2);
  CHECK(ask("/v1/search", {{"q", "class_uid: 3002 and status_id: 2"}})["items"].Size() == 20);
}

TEST_CASE_FIXTURE(RecordAnswersFixture, "explain tells what the store can look up") {
  const auto found = ask("/v1/search", {{"q", "status_id: 2 and password"}, {"explain", "true"}});
  CHECK(std::string(found["explain"]["fields"][0].GetString()) == "status_id");
  CHECK(std::string(found["explain"]["words"][0][0].GetString()) == "password");
  CHECK(found["explain"]["lines_read"].GetBool());
  CHECK_FALSE(ask("/v1/search", {{"q", "status_id: 2"}}).HasMember("explain"));
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "hits count by time and value, and the steps begin at the given midnight") {
  const auto by_time = ask("/v1/hits", {{"step", "10s"}});
  REQUIRE(by_time["items"].Size() >= 3);
  std::uint64_t sum = 0;
  for (const auto& item : by_time["items"].GetArray()) sum += item["records"].GetUint64();
  CHECK(sum == 30);
  const auto by_user = ask("/v1/hits", {{"field", "actor.user.name"}, {"q", "status_id: 1"}});
  REQUIRE(by_user["items"].Size() == 2);
  CHECK(std::string(by_user["items"][0]["value"].GetString()) == "user0");
  CHECK(by_user["items"][0]["records"].GetUint64() == 5);
  const auto by_day = ask("/v1/hits", {{"step", "1d"}, {"offset", "+08:00"}});
  REQUIRE(by_day["items"].Size() == 1);
  const std::string day = by_day["items"][0]["time"].GetString();
  CHECK(day.substr(10) == "T16:00:00.000000Z");
  CHECK(get("/v1/hits", {{"step", "1w"}}).status == 400);
  CHECK(get("/v1/hits", {{"offset", "8"}}).status == 400);
  CHECK(get("/v1/hits", {{"field", "number"}}).status == 400);
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "hits count by host, unit and stream, and the look says whose they were") {
  for (const auto& [field, value] : {std::pair<std::string, std::string>{"host", "web-01"},
                                     {"unit", "tax"},
                                     {"stream", agent.stream()}}) {
    CAPTURE(field);
    acts.clear();
    const auto counted = ask("/v1/hits", {{"field", field}, {"q", "status_id: 1"}});
    REQUIRE(counted["items"].Size() == 1);
    CHECK(std::string(counted["items"][0]["value"].GetString()) == value);
    CHECK(counted["items"][0]["records"].GetUint64() == 10);
    REQUIRE(acts.size() == 1);
    CHECK(acts[0].find(R"("results":10,)") != std::string::npos);
    CHECK(acts[0].find(R"("units":"tax=10")") != std::string::npos);
  }
  acts.clear();
  ask("/v1/facets", {{"fields", "kind,host"}});
  CHECK(acts.at(0).find(R"("units":"tax=30")") != std::string::npos);
  acts.clear();
  ask("/v1/fields");
  CHECK(acts.at(0).find(R"("units":"tax=30")") != std::string::npos);
}

TEST_CASE_FIXTURE(RecordAnswersFixture, "facets give the most frequent values, and what has none") {
  const auto found = ask("/v1/facets", {{"fields", "status_id,audit.type"}, {"limit", "1"}});
  const auto& status = found["items"][0];
  CHECK(status["distinct"].GetUint64() == 2);
  CHECK(status["values"].Size() == 1);
  CHECK(std::string(status["values"][0]["value"].GetString()) == "2");
  CHECK(status["values"][0]["records"].GetUint64() == 20);
  CHECK(found["items"][1]["absent"].GetUint64() == 30);
  CHECK(ask("/v1/facets")["items"].Size() == 5);
  CHECK(get("/v1/facets", {{"fields", "a,b,c,d,e,f,g,h,i,j,k"}}).status == 400);
  CHECK(get("/v1/facets", {{"fields", ""}}).status == 400);
}

TEST_CASE_FIXTURE(RecordAnswersFixture, "fields tells which fields there are and of what type") {
  const auto found = ask("/v1/fields");
  const auto of = [&](std::string_view name) -> const rapidjson::Value& {
    for (const auto& item : found["items"].GetArray()) {
      if (item["field"].GetString() == name) return item;
    }
    FAIL(name);
    return found["items"][0];
  };
  CHECK(std::string(of("message")["type"].GetString()) == "text");
  CHECK(of("class_uid")["derived"].GetBool());
  CHECK(std::string(of("class_uid")["type"].GetString()) == "number");
  CHECK(of("process.name")["records"].GetUint64() == 30);
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "an export gives every record once in order and says what it gave") {
  commit({sshd_line(test_start + 40s, "Failed password for x from 10.20.0.1 port 1 ssh2")});
  const auto lines = all_lines(get("/v1/exports"));
  REQUIRE(lines.size() == 32);
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    CHECK(json(lines[i])["number"].GetUint64() == i);
  }
  const auto end = json(lines.back());
  CHECK(end["complete"].GetBool());
  CHECK(end["records"].GetUint64() == 31);
  const auto& stream = end["streams"][0];
  CHECK(stream["stream"].GetString() == agent.stream());
  CHECK(stream["first"].GetUint64() == 0);
  CHECK(stream["last"].GetUint64() == 30);
  CHECK(stream["absent"].Size() == 0);
  REQUIRE(acts.size() == 2);
  CHECK(acts[0].find(R"("what":"export")") != std::string::npos);
  CHECK(acts[1].find(R"("results":31)") != std::string::npos);
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "an export goes on behind the last record that the client holds") {
  const auto rest = all_lines(get("/v1/exports", {{"after", agent.stream() + "/27"}}));
  REQUIRE(rest.size() == 3);
  CHECK(json(rest[0])["number"].GetUint64() == 28);
  CHECK(json(rest[2])["resumed"].GetBool());
  CHECK(get("/v1/exports", {{"after", agent.stream() + "/99"}}).status == 404);
  CHECK(get("/v1/exports", {{"after", agent.stream() + "/0"}}, "police").status == 404);
  CHECK(get("/v1/exports", {{"after", agent.stream() + "/0"}}, "provider").status == 404);
  CHECK(get("/v1/exports", {{"after", "x"}}).status == 400);
}

TEST_CASE_FIXTURE(RecordAnswersFixture, "an export of a query tells which numbers it left out") {
  const auto lines = all_lines(get("/v1/exports", {{"q", "status_id: 1"}, {"to", "2999-01-01"}}));
  const auto end = json(lines.back());
  CHECK(end["records"].GetUint64() == 10);
  CHECK(end["streams"][0]["absent"].Size() == 9);
  CHECK(end["streams"][0]["absent"][0][0].GetUint64() == 1);
  CHECK(end["streams"][0]["absent"][0][1].GetUint64() == 2);
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "CSV guards what a spreadsheet would run, and ends with the statement") {
  commit({sshd_line(test_start + 40s, "=cmd|' /C calc'!A0, \"quoted\"")});
  const auto lines = all_lines(get("/v1/exports", {{"format", "csv"}}));
  REQUIRE(lines.size() == 33);
  CHECK(lines[0].starts_with("\xef\xbb\xbfstream,number,host,"));
  CHECK(lines[1].find(",web-01,tax,") != std::string::npos);
  CHECK(lines[31].find(",\"'=cmd|' /C calc'!A0, \"\"quoted\"\"\",") != std::string::npos);
  CHECK(lines[32].starts_with("#complete,\"{"));
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "an export whose client has gone ends, and does not look whole") {
  const Response response = get("/v1/exports");
  REQUIRE(response.source);
  cancelled = true;
  CHECK(response.source->next().broken);
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "a search whose client has gone, or that took too long, is told as such") {
  cancelled = true;
  const Response response = get("/v1/search", {{"q", "password"}});
  CHECK(response.status == 503);
  CHECK(response.body.find("too-long") != std::string::npos);
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "a tail gives what is committed after it began, once, and goes on by cursor") {
  const Response response = get("/v1/tail", {{"q", "late"}, {"seconds", "60"}});
  REQUIRE(response.source);
  CHECK(response.source->next().bytes.empty());
  log.clock.advance(1s);
  commit({sshd_line(test_start - 24h, "late one"), sshd_line(test_start, "other")});
  log.clock.advance(5s);
  std::string text;
  for (int i = 0; i < 5; ++i) text += response.source->next().bytes;
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find("late one") != std::string::npos);
  cancelled = true;
  const auto end = response.source->next();
  CHECK(end.last);
  const std::string cursor = json(end.bytes)["cursor"].GetString();
  cancelled = false;
  commit({sshd_line(test_start, "late two")});
  log.clock.advance(5s);
  const Response next = get("/v1/tail", {{"q", "late"}, {"cursor", cursor}});
  REQUIRE(next.source);
  const auto piece = next.source->next();
  CHECK(piece.bytes.find("late two") != std::string::npos);
  CHECK(piece.bytes.find("late one") == std::string::npos);
  CHECK(get("/v1/tail", {{"q", "other"}, {"cursor", cursor}}).status == 400);
}

TEST_CASE_FIXTURE(RecordAnswersFixture,
                  "there are only so many tails at once, and an ended one makes room") {
  std::vector<Response> running;
  for (std::uint64_t i = 0; i < tails_max; ++i) running.push_back(get("/v1/tail"));
  const Response refused = get("/v1/tail");
  CHECK(refused.status == 429);
  running.pop_back();
  CHECK(get("/v1/tail").status == 200);
}

TEST_CASE_FIXTURE(RecordAnswersFixture, "another unit and the provider get none of it") {
  CHECK(json(get("/v1/hits", {}, "police").body)["items"].Size() == 0);
  CHECK(json(get("/v1/hits", {}, "provider").body)["items"].Size() == 0);
  CHECK(json(get("/v1/fields", {}, "police").body)["items"].Size() == 0);
  CHECK(all_lines(get("/v1/exports", {}, "police")).size() == 1);
  CHECK(all_lines(get("/v1/exports", {}, "provider")).size() == 1);
  CHECK(json(get("/v1/facets", {{"fields", "kind"}}, "provider").body)["items"][0]["distinct"]
            .GetUint64() == 0);
}

TEST_CASE("What an export covered is told whatever order the numbers came in") {
  Coverage coverage;
  for (const std::uint64_t number : {5U, 3U, 4U, 9U, 1U, 4U}) coverage.add("s", number);
  Json json;
  coverage.write(json);
  CHECK(json.take() ==
        R"([{"stream":"s","first":1,"last":9,"records":6,"exact":true,"absent":[[2,2],[6,8]]}])");
}

}  // namespace
}  // namespace yunjian::collector
