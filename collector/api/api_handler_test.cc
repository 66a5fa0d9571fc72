#include "collector/api/api_handler.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/testing/temporary_directory.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;

std::string usage_line(ledger::Time time, std::string_view kind) {
  std::string line;
  ledger::RecordWriter writer(line, time, kind);
  writer.text("source", "host");
  writer.finish();
  return line;
}

std::string kind_of(const std::string& line) {
  return std::string((*ledger::parse_record(line))->find("kind").value_or("-"));
}

// The audit API over a log of two units: tax with web-01, police with case-01, each with twenty
// events, a minute of usage and an hour.
struct ApiHandlerFixture {
  TestLog log;
  ledger::testing::TemporaryDirectory directory;
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<LogRecordStore> records;
  const CursorSealer cursors{"key of the test"};
  std::unique_ptr<ApiHandler> api;
  TestAgent tax{std::string(32, 'a'), 1, 1};
  TestAgent police{std::string(32, 'b'), 1, 2};
  bool acts_fail = false;
  std::vector<std::string> acts;

  ApiHandlerFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    catalog = std::move(*Catalog::open(directory.path() + "/catalog.sqlite"));
    REQUIRE(catalog->put_units({{"tax", "税务局", "east"}, {"police", "公安局", "west"}}));
    REQUIRE(catalog->put_hosts({{.id = "web-01", .unit = "tax"},
                                {.id = "case-01", .unit = "police"},
                                {.id = "new-01", .unit = "tax"}}));
    fill(tax, "tax", "web-01");
    fill(police, "police", "case-01");
    token("authority", Role::authority);
    token("provider", Role::provider);
    token("tax", Role::unit, {"tax"});
    token("police", Role::unit, {"police"});
    token("east", Role::county, {}, "east");
    records = std::make_unique<LogRecordStore>(*log);
    open_api({});
  }

  void open_api(ApiContext context) {
    context.catalog = catalog.get();
    context.log = &*log;
    context.records = records.get();
    context.clock = &log.clock;
    context.cursors = &cursors;
    context.files = &log.files;
    context.scratch = "/data/scratch";
    context.commit_act = [this](std::string line) -> ledger::Result<void> {
      if (acts_fail) return ledger::fail(ledger::ErrorKind::fatal, "the disk is gone");
      acts.push_back(std::move(line));
      return {};
    };
    api = std::make_unique<ApiHandler>(std::move(context));
  }

  void fill(TestAgent& agent, const std::string& unit, const std::string& host) {
    REQUIRE(log.enrol(agent, unit, host));
    auto lines = testing::event_lines(test_start, 20, unit + " login");
    lines.push_back(usage_line(test_start + 60s, "usage"));
    lines.push_back(usage_line(test_start + 3600s, "usage_hour"));
    REQUIRE(log->commit(testing::only(testing::batch_entry(agent.seal(lines), unit, host))));
  }

  void token(const std::string& name, Role role, std::vector<std::string> units = {},
             const std::string& county = "") {
    const TokenSpec spec{.name = name,
                         .role = role,
                         .units = std::move(units),
                         .county = county,
                         .expires = log.clock.wall() + 24h};
    REQUIRE(catalog->add_token(name + "-secret", spec, log.clock.wall()));
  }

  using Parameters = std::multimap<std::string, std::string>;
  Response get(const std::string& who, const std::string& path, Parameters parameters = {},
               const std::string& accept = "") {
    Request request;
    request.method = "GET";
    request.path = path;
    request.query = std::move(parameters);
    request.peer = "192.0.2.7";
    if (!who.empty()) request.headers["authorization"] = "Bearer " + who + "-secret";
    if (!accept.empty()) request.headers["accept"] = accept;
    return api->handle(request);
  }

  rapidjson::Document json(const Response& response) {
    CAPTURE(response.body);
    rapidjson::Document document;
    document.Parse(response.body.data(), response.body.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
  }

  // Hosts of the records that a search answers, one for each record.
  std::vector<std::string> hosts_found(const std::string& who, Parameters parameters = {}) {
    const Response response = get(who, "/v1/search", std::move(parameters));
    const auto document = json(response);
    REQUIRE(response.status == 200);
    std::vector<std::string> hosts;
    for (const auto& item : document["items"].GetArray()) {
      hosts.emplace_back(item["host"].GetString());
    }
    return hosts;
  }

  std::vector<std::string> every_path() const {
    return {"/v1/search",
            "/v1/records/" + tax.stream() + "/0",
            "/v1/hosts",
            "/v1/hosts/web-01/usage",
            "/v1/streams",
            "/v1/streams/" + tax.stream() + "/batches/0",
            "/v1/log",
            "/checkpoint",
            "/tile/0/000.p/1",
            "/metrics",
            "/v1/reports/2026-09/utilization.json",
            "/v1/reports/2026-09/utilization.xlsx"};
  }
};

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "without a valid token every address answers 401, known or not") {
  auto paths = every_path();
  paths.emplace_back("/no/such/address");
  for (const auto& path : paths) {
    CAPTURE(path);
    const Response none = get("", path);
    CHECK(none.status == 401);
    CHECK(none.content_type == "application/problem+json");
    CHECK(get("stranger", path).status == 401);
  }
  CHECK(acts.empty());
  CHECK(get("", "/healthz").status == 200);
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "an expired or revoked token is worth nothing at once") {
  REQUIRE(get("tax", "/v1/hosts").status == 200);
  const auto tokens = catalog->tokens();
  REQUIRE(tokens);
  for (const auto& info : *tokens) {
    if (info.spec.name == "tax") REQUIRE(*catalog->revoke_token(info.id));
  }
  CHECK(get("tax", "/v1/hosts").status == 401);
  REQUIRE(get("police", "/v1/hosts").status == 200);
  log.clock.advance(25h);
  CHECK(get("police", "/v1/hosts").status == 401);
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "a search finds the records of the credential's units and no others") {
  CHECK(hosts_found("authority").size() == 44);
  CHECK(hosts_found("tax") == std::vector<std::string>(22, "web-01"));
  CHECK(hosts_found("east") == std::vector<std::string>(22, "web-01"));
  CHECK(hosts_found("police") == std::vector<std::string>(22, "case-01"));
  CHECK(hosts_found("police", {{"q", "tax"}}).empty());
  CHECK(hosts_found("police", {{"q", "host: web-01"}}).empty());
  CHECK(hosts_found("authority", {{"q", "host: web-01 and login"}}).size() == 20);
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "the provider sees usage of all units and not one log message") {
  const auto document = json(get("provider", "/v1/search"));
  CHECK(document["items"].Size() == 4);
  for (const auto& item : document["items"].GetArray()) {
    CHECK(kind_of(item["line"].GetString()).starts_with("usage"));
  }
  CHECK(hosts_found("provider", {{"q", "login"}}).empty());
  CHECK(get("provider", "/v1/records/" + tax.stream() + "/0").status == 404);
  CHECK(get("provider", "/v1/records/" + tax.stream() + "/20").status == 200);
  CHECK(get("provider", "/v1/streams/" + tax.stream() + "/batches/0").status == 403);
  CHECK(get("provider", "/v1/hosts/web-01/usage").status == 200);
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "what is foreign and what does not exist answer alike, byte for byte") {
  const std::vector<std::pair<std::string, std::string>> foreign_and_absent = {
      {"/v1/records/" + tax.stream() + "/0", "/v1/records/" + std::string(32, 'f') + ".1/0"},
      {"/v1/records/" + tax.stream() + "/0", "/v1/records/" + police.stream() + "/999"},
      {"/v1/hosts/web-01/usage", "/v1/hosts/nowhere/usage"},
      {"/v1/streams/" + tax.stream() + "/batches/0",
       "/v1/streams/" + std::string(32, 'f') + ".1/batches/0"},
      {"/v1/streams/" + tax.stream() + "/batches/0", "/v1/nothing"},
  };
  for (const auto& [foreign, absent] : foreign_and_absent) {
    CAPTURE(foreign);
    const Response one = get("police", foreign);
    const Response other = get("police", absent);
    CHECK(one.status == 404);
    CHECK(one.body == other.body);
    CHECK(one.headers == other.headers);
  }
  const auto hosts = json(get("police", "/v1/hosts"));
  CHECK(hosts["items"].Size() == 1);
  const auto streams = json(get("police", "/v1/streams"));
  CHECK(streams["items"].Size() == 1);
  CHECK(get("police", "/metrics").status == 403);
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "pages in either order give every record once, whatever arrives meanwhile") {
  for (const std::string order : {"asc", "desc"}) {
    CAPTURE(order);
    const auto expected = json(get("tax", "/v1/search", {{"order", order}}));
    std::vector<std::string> numbers;
    Parameters parameters{{"order", order}, {"limit", "5"}};
    for (bool more = true; more;) {
      const auto page = json(get("tax", "/v1/search", parameters));
      for (const auto& item : page["items"].GetArray()) {
        numbers.push_back(std::to_string(item["number"].GetUint64()));
      }
      more = page["cursor"].IsString();
      parameters.erase("cursor");
      if (more) parameters.emplace("cursor", page["cursor"].GetString());
      // Newer records for the newest-first walk, older ones for the other: neither may show.
      const auto time = order == "desc" ? test_start + 24h : test_start - 24h;
      REQUIRE(log->commit(testing::only(
          testing::batch_entry(tax.seal(testing::event_lines(time, 1)), "tax", "web-01"))));
    }
    std::vector<std::string> wanted;
    for (const auto& item : expected["items"].GetArray()) {
      wanted.push_back(std::to_string(item["number"].GetUint64()));
    }
    CHECK(numbers == wanted);
  }
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "a cursor that was made up, changed or given for another question is refused") {
  const auto page = json(get("tax", "/v1/search", {{"limit", "3"}}));
  const std::string cursor = page["cursor"].GetString();
  CHECK(get("tax", "/v1/search", {{"cursor", cursor}}).status == 200);
  CHECK(get("tax", "/v1/search", {{"cursor", cursor}, {"q", "x"}}).status == 400);
  CHECK(get("tax", "/v1/search", {{"cursor", cursor}, {"order", "asc"}}).status == 400);
  CHECK(get("tax", "/v1/hosts", {{"cursor", cursor}}).status == 400);
  CHECK(get("tax", "/v1/search", {{"cursor", ""}}).status == 400);
  CHECK(get("tax", "/v1/search", {{"cursor", "AAAA"}}).status == 400);
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    std::string changed = cursor;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK(get("tax", "/v1/search", {{"cursor", changed}}).status == 400);
  }
  // Somebody else's cursor shows nothing that is not one's own.
  CHECK(hosts_found("police", {{"cursor", cursor}}).size() <= 22);
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "a page ends at its limits") {
  CHECK(hosts_found("tax", {{"limit", "22"}}).size() == 22);
  CHECK(json(get("tax", "/v1/search", {{"limit", "22"}}))["cursor"].IsNull());
  CHECK(get("tax", "/v1/search", {{"limit", "10000"}}).status == 200);
  CHECK(get("tax", "/v1/search", {{"limit", "10001"}}).status == 400);
  CHECK(get("tax", "/v1/search", {{"limit", "0"}}).status == 400);
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "a time range is half-open and read in any offset") {
  const auto at = [](ledger::Time time) { return ledger::format_time(time); };
  CHECK(hosts_found("tax", {{"from", at(test_start)}, {"to", at(test_start + 5s)}}).size() == 5);
  CHECK(hosts_found("tax", {{"from", at(test_start)}, {"to", at(test_start)}}).empty());
  CHECK(hosts_found("tax", {{"from", "2026-01-01"}, {"to", "2027-01-01T00:00:00+08:00"}}).size() ==
        22);
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "mistakes in parameters are told and nothing is guessed") {
  const std::vector<Parameters> wrong = {
      {{"x", "1"}},
      {{"q", "a"}, {"q", "b"}},
      {{"q", "(a"}},
      {{"from", "yesterday"}},
      {{"from", "2026-01-02"}, {"to", "2026-01-01"}},
      {{"order", "up"}},
      {{"limit", "-1"}},
      {{"limit", "01"}},
  };
  for (const auto& parameters : wrong) {
    const Response response = get("tax", "/v1/search", parameters);
    CAPTURE(response.body);
    CHECK(response.status == 400);
    CHECK(json(response)["detail"].GetStringLength() > 10);
  }
  CHECK(get("tax", "/v1/hosts/web-01/usage", {{"step", "day"}}).status == 400);
  CHECK(get("tax", "/checkpoint", {{"x", "1"}}).status == 400);
  Request post;
  post.method = "POST";
  post.path = "/v1/search";
  post.headers["authorization"] = "Bearer tax-secret";
  CHECK(api->handle(post).status == 405);
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "NDJSON is the same answer, one item a line") {
  const Response lines = get("tax", "/v1/search", {{"limit", "3"}}, "application/x-ndjson");
  CHECK(lines.content_type == "application/x-ndjson");
  CHECK(std::count(lines.body.begin(), lines.body.end(), '\n') == 4);
  CHECK(lines.body.ends_with("}\n"));
  const std::string last = lines.body.substr(lines.body.rfind('\n', lines.body.size() - 2) + 1);
  rapidjson::Document end;
  end.Parse(last.c_str());
  CHECK(end["cursor"].IsString());
  CHECK(end["scanned"]["records"].GetUint64() > 0);
  const auto object = json(get("tax", "/v1/search", {{"limit", "3"}}));
  CHECK(lines.body.find(object["items"][0]["line"].GetString()) == std::string::npos);
  CHECK(object["items"].Size() == 3);
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "a line that is not UTF-8 is given escaped, in an answer that is JSON") {
  REQUIRE(log->commit(
      testing::only(testing::batch_entry(tax.seal({"bad \xff\\ line"}), "tax", "web-01"))));
  const auto found = json(get("tax", "/v1/search", {{"q", "bad"}}));
  REQUIRE(found["items"].Size() == 1);
  CHECK(std::string(found["items"][0]["encoding"].GetString()) == "escaped");
  CHECK(*ledger::unescape_bytes(found["items"][0]["line"].GetString()) == "bad \xff\\ line");
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "who looked at what is durable before the answer is given") {
  const std::vector<std::string> looks = {
      "/v1/search", "/v1/records/" + tax.stream() + "/0", "/v1/hosts/web-01/usage",
      "/v1/streams/" + tax.stream() + "/batches/0", "/v1/reports/2026-09/utilization.json"};
  for (const auto& path : looks) {
    CAPTURE(path);
    acts.clear();
    acts_fail = false;
    REQUIRE(get("tax", path).status == 200);
    CHECK(acts.size() == 1);
  }
  acts_fail = true;
  open_api({});
  for (const auto& path : looks) {
    CAPTURE(path);
    const Response refused = get("tax", path);
    CHECK(refused.status == 503);
    CHECK(refused.body.find("login") == std::string::npos);
  }
  for (const auto& path : {"/checkpoint", "/v1/log", "/tile/0/000.p/1", "/healthz"}) {
    CHECK(get("tax", path).status == 200);
  }
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "a recorded look says who, from where, what and how much") {
  REQUIRE(get("tax", "/v1/search", {{"q", "login"}, {"from", "2026-01-01"}}).status == 200);
  bool canonical = false;
  const auto act = ledger::parse_record(acts.at(0), &canonical);
  REQUIRE(act);
  CHECK(canonical);
  const auto value = [&](std::string_view key) { return (*act)->find(key).value_or("-"); };
  CHECK(value("kind") == "collector");
  CHECK(value("what") == "query");
  CHECK(value("who") == "tax");
  CHECK(value("role") == "unit");
  CHECK(value("scope") == "tax");
  CHECK(value("q") == "login");
  CHECK(value("from") == "2026-01-01");
  CHECK(value("address") == "192.0.2.7");
  CHECK((*act)->find_integer("results") == 20);
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "batches of a stream are recorded together, twice as many each time") {
  const std::string path = "/v1/streams/" + tax.stream() + "/batches/0";
  for (int i = 0; i < 5; ++i) REQUIRE(get("tax", path).status == 200);
  REQUIRE(acts.size() == 3);  // one, two and four batches
  CHECK((*ledger::parse_record(acts[2]))->find_integer("batches") == 4);
  CHECK((*ledger::parse_record(acts[2]))->find_integer("results") == 88);
  REQUIRE(get("authority", path).status == 200);
  CHECK(acts.size() == 4);
  log.clock.advance(61min);
  REQUIRE(get("tax", path).status == 200);
  CHECK(acts.size() == 5);
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "a batch is the frame that came over the wire") {
  const Response response = get("tax", "/v1/streams/" + tax.stream() + "/batches/0");
  CHECK(response.content_type == "application/octet-stream");
  const auto frames = ledger::split_frames(response.body);
  REQUIRE(frames);
  const auto stored = log->batch(tax.stream(), 0);
  CHECK(frames->at(0).header == stored->frame.header);
  CHECK(frames->at(0).body == stored->frame.body);
  CHECK(get("tax", "/v1/streams/" + tax.stream() + "/batches/1").status == 404);
  CHECK(get("tax", "/v1/streams/" + tax.stream() + "/batches/01").status == 404);
  CHECK(get("tax", "/v1/streams/x/batches/0").status == 404);
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "batches of leaves come in the order of the log, as far as one may see") {
  const auto given = [&](const std::string& who, std::uint64_t first) {
    const Response response = get(who, "/v1/log/batches/" + std::to_string(first));
    REQUIRE(response.status == 200);
    std::vector<std::string> headers;
    if (response.body.empty()) return headers;
    const auto frames = ledger::split_frames(response.body);
    REQUIRE(frames);
    for (const auto& frame : *frames) {
      headers.emplace_back(frame.header);
    }
    return headers;
  };
  std::vector<std::string> wanted;
  for (std::uint64_t i = 0; i < log->size(); ++i) {
    const auto leaf = log->leaf(i);
    if (leaf->starts_with("yunjian/batch/v1\n")) wanted.push_back(*leaf);
  }
  REQUIRE(wanted.size() >= 2);
  const std::size_t acts_before = acts.size();
  CHECK(given("authority", 0) == wanted);
  CHECK(acts.size() > acts_before);  // a look at each stream
  const auto own = given("tax", 0);
  REQUIRE(!own.empty());
  CHECK(own.size() < wanted.size());
  for (const std::string& header : own) {
    CHECK(header.find("agent " + tax.id() + "\n") != std::string::npos);
  }
  CHECK(given("authority", log->size() - 1).size() <= 1);
  CHECK(get("authority", "/v1/log/batches/" + std::to_string(log->size())).status == 404);
  CHECK(get("authority", "/v1/log/batches/00").status == 404);
  CHECK(given("provider", 0).empty());
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "usage of a host comes in minutes or hours") {
  const auto minutes = json(get("tax", "/v1/hosts/web-01/usage"));
  REQUIRE(minutes["items"].Size() == 1);
  CHECK(kind_of(minutes["items"][0]["line"].GetString()) == "usage");
  const auto hours = json(get("tax", "/v1/hosts/web-01/usage", {{"step", "hour"}}));
  REQUIRE(hours["items"].Size() == 1);
  CHECK(kind_of(hours["items"][0]["line"].GetString()) == "usage_hour");
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "a host is live, silent, or never was heard of") {
  const auto state = [&](const std::string& host) {
    const auto hosts = json(get("authority", "/v1/hosts"));
    for (const auto& item : hosts["items"].GetArray()) {
      if (item["id"].GetString() == host) return std::string(item["state"].GetString());
    }
    return std::string("absent");
  };
  CHECK(state("web-01") == "live");
  CHECK(state("new-01") == "never");
  log.clock.advance(silent_after);
  CHECK(state("web-01") == "silent");
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "hosts and streams come in pages") {
  std::vector<std::string> ids;
  Parameters parameters{{"limit", "2"}};
  for (bool more = true; more;) {
    const auto page = json(get("authority", "/v1/hosts", parameters));
    for (const auto& item : page["items"].GetArray()) ids.emplace_back(item["id"].GetString());
    more = page["cursor"].IsString();
    parameters.erase("cursor");
    if (more) parameters.emplace("cursor", page["cursor"].GetString());
  }
  CHECK(ids == std::vector<std::string>{"case-01", "new-01", "web-01"});
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "the log is served as the tile protocol asks") {
  const Response checkpoint = get("tax", "/checkpoint");
  CHECK(checkpoint.content_type == "text/plain; charset=utf-8");
  CHECK(checkpoint.body == log->checkpoint());
  CHECK(checkpoint.headers ==
        std::vector<std::pair<std::string, std::string>>{{"Cache-Control", "no-store"}});
  const std::string width = std::to_string(log->size());
  const Response tile = get("tax", "/tile/0/000.p/" + width);
  CHECK(tile.content_type == "application/octet-stream");
  CHECK(tile.body.size() == 32 * log->size());
  CHECK(tile.headers[0].second.find("immutable") != std::string::npos);
  CHECK(get("tax", "/tile/entries/000.p/" + width).status == 200);
  CHECK(get("tax", "/tile/0/000").status == 404);
  CHECK(get("tax", "/tile/0/000.p/200").status == 404);
  CHECK(get("tax", "/tile/0/0").status == 404);
  CHECK(json(get("tax", "/v1/log"))["size"].GetUint64() == log->size());
}

TEST_CASE_FIXTURE(ApiHandlerFixture,
                  "log and metrics can be opened to all by configuration, records cannot") {
  open_api({.log_open = true, .metrics_open = true});
  for (const auto& path : {"/checkpoint", "/v1/log", "/tile/0/000.p/1", "/metrics"}) {
    CHECK(get("", path).status == 200);
  }
  CHECK(get("", "/v1/search").status == 401);
  CHECK(get("", "/v1/streams").status == 401);
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "metrics count answers and streams") {
  REQUIRE(get("tax", "/v1/search", {{"x", "1"}}).status == 400);
  const Response metrics = get("authority", "/metrics");
  CHECK(metrics.body.find("yunjian_api_answers_total{status=\"4xx\"} 1\n") != std::string::npos);
  CHECK(metrics.body.find("yunjian_records 44\n") != std::string::npos);
  CHECK(metrics.body.find("yunjian_api_credentials_refused_total 0\n") != std::string::npos);
  REQUIRE(get("stranger", "/v1/me").status == 401);
  REQUIRE(get("", "/v1/me").status == 401);  // nothing was tried
  CHECK(get("authority", "/metrics").body.find("yunjian_api_credentials_refused_total 1\n") !=
        std::string::npos);
  CHECK(metrics.body.find("yunjian_streams_silent 0\n") != std::string::npos);
}

TEST_CASE_FIXTURE(ApiHandlerFixture, "a month's table holds the hosts of the credential's units") {
  log.clock.advance(24h);
  token("tax again", Role::unit, {"tax"});
  const auto table = json(get("tax again", "/v1/reports/2026-09/utilization.json"));
  CHECK(table["hosts"].GetUint64() == 1);
  CHECK(get("tax again", "/v1/reports/2026-13/utilization.json").status == 404);
  CHECK(get("tax again", "/v1/reports/2026-09/utilization.docx").status == 404);
  CHECK(get("tax again", "/v1/reports/2030-01/utilization.json").status == 400);
}

}  // namespace
}  // namespace yunjian::collector
