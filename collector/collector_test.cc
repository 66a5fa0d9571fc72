#include "collector/collector.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "collector/testing/served_collector.h"
#include "ledger/checkpoint.h"
#include "ledger/successor.h"

namespace yunjian::collector {
namespace {

using testing::EnrolledHost;
using testing::event_at;
using testing::parse;
using testing::request_text;
using testing::ServedCollector;
using testing::TlsClient;

TEST_CASE_FIXTURE(ServedCollector, "a successor names the dead log in leaf 1 and keeps its CA") {
  init();
  InitOptions options = init_options();
  options.data = directory.path() + "/data2";
  options.anchor = directory.path() + "/anchor2";
  options.ca_from = data();
  options.successor_of = *files.read_file(data() + "/checkpoint");
  const auto problem = [&] {
    const auto result = init_collector(tools, options);
    return result ? std::string() : result.error().message;
  };
  CHECK(problem().find("new origin") != std::string::npos);
  options.origin = "log.test/yunjian-2";
  options.ca_from.clear();
  CHECK(problem().find("go together") != std::string::npos);
  options.ca_from = data();
  std::string checkpoint = options.successor_of;
  options.successor_of.replace(options.successor_of.find("yunjian"), 7, "another");
  CHECK_FALSE(problem().empty());
  CHECK_FALSE(*files.exists(options.data));
  options.successor_of = checkpoint;

  const auto second = init_collector(tools, options);
  REQUIRE_MESSAGE(second.has_value(), second.error().message);
  CHECK(second->ca_fingerprint == made.ca_fingerprint);
  CHECK(second->vkey != made.vkey);
  CollectorConfig next = config();
  next.data = options.data;
  next.anchor = options.anchor;
  const auto opened = Collector::open(
      tools,
      {.config = next, .boot_id = "00000000-0000-0000-0000-000000000000", .on_fatal = nullptr});
  REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
  const EvidenceLog& log = (*opened)->log();
  const auto leaf = ledger::verify_successor(*log.leaf(1), log.verifier());
  REQUIRE_MESSAGE(leaf.has_value(), leaf.error().message);
  CHECK(leaf->previous == made.vkey);
  CHECK(leaf->checkpoint == checkpoint);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "init makes everything, keeps secrets to the owner, and never overwrites") {
  init();
  CHECK(made.vkey.starts_with("log.test/yunjian+"));
  CHECK(made.ca_fingerprint == read_certificate(ca())->sha256);
  for (const std::string path : {"/keys/log.key", "/keys/cursor.key", "/tls/ca.key", "/token",
                                 "/tls/server.key", "/catalog.sqlite", "/stream.state"}) {
    CAPTURE(path);
    struct stat status {};
    REQUIRE(::stat((data() + path).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
  }
  const std::string key = *files.read_file(data() + "/keys/log.key");
  const auto again = init_collector(tools, init_options());
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().message.find("never overwrites") != std::string::npos);
  CHECK(*files.read_file(data() + "/keys/log.key") == key);
  auto elsewhere = init_options();
  elsewhere.data = directory.path() + "/other";
  CHECK_FALSE(init_collector(tools, elsewhere));  // the anchor belongs to the first
  elsewhere.anchor = elsewhere.data + "/anchor";
  CHECK_FALSE(init_collector(tools, elsewhere));
  CHECK_FALSE(*files.exists(elsewhere.data));
}

TEST_CASE_FIXTURE(
    ServedCollector,
    "a host enrols, its records are receipted, found, proven and served again after a restart") {
  init();
  serve();
  import_unit();
  const std::string enrol_token = ask({.command = "enrol-token", .fields = {{"unit", "tax"}}});
  EnrolledHost host{.fixture = *this};
  host.enrol(enrol_token);

  const auto answer = host.ship({event_at(clock.wall(), "Failed password for root from 10.0.0.7"),
                                 event_at(clock.wall(), "用户登录成功")});
  CHECK(answer.verdict == ledger::Verdict::accepted);
  const ledger::Verifier log = *ledger::Verifier::from_vkey(made.vkey);
  const auto stored = collector->log().batch(host.stream(), 0);
  REQUIRE(stored);
  const auto leaf = ledger::default_suite().hasher()->leaf(stored->frame.header);
  CHECK(ledger::verify_receipt(answer.receipt, log, leaf).has_value());

  for (int run = 0; run < 2; ++run) {
    const auto found =
        parse(get("/v1/search?q=%E7%99%BB%E5%BD%95%20and%20host:web-01", token()).body);
    REQUIRE(found["items"].Size() == 1);
    CHECK(std::string(found["items"][0]["unit"].GetString()) == "tax");
    CHECK(std::string(found["items"][0]["stream"].GetString()) == host.stream());
    const auto checkpoint = get("/checkpoint", token());
    CHECK(ledger::open_checkpoint(checkpoint.body, log)->tree.size == collector->log().size());
    restart();
  }
  CHECK(host.ship({}).verdict == ledger::Verdict::accepted);
  CHECK(ask({.command = "verify"}).starts_with("good: "));
  CHECK(fatal == 0);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "an agent that is revoked or retired ships no more; lists say so") {
  init();
  serve();
  import_unit();
  const auto enrol_token = [&] {
    return ask({.command = "enrol-token", .fields = {{"unit", "tax"}}});
  };
  const auto listed = [&](const std::string& state) {
    const std::string list = ask({.command = "agent list"});
    const std::string hosts = get("/v1/hosts", token()).body;
    return list.find(' ' + state + ' ') != std::string::npos &&
           hosts.find("\"state\":\"" + state + "\"") != std::string::npos;
  };
  const std::string spare = enrol_token();
  EnrolledHost host{.fixture = *this};
  host.enrol(enrol_token());
  CHECK(listed("never"));
  CHECK(host.ship({event_at(clock.wall(), "one")}).verdict == ledger::Verdict::accepted);
  CHECK(listed("live"));
  const std::string end =
      ledger::format_time(read_certificate(host.identity.certificate)->not_after);
  CHECK(ask({.command = "agent list"}).find(end) != std::string::npos);
  const std::string agent = host.ratchet->identity().agent;
  auto open_one = TlsClient::connect(
      {.port = collector->ingest_port(), .ca_pem = ca(), .identity = &host.identity});
  REQUIRE(open_one);
  const auto status = [&] {
    return open_one
        ->exchange(request_text("POST", "/ingest/v1/batches", "x",
                                "Content-Type: application/octet-stream\r\n"))
        ->status;
  };
  CHECK(status() == 400);
  CHECK(problem({.command = "agent revoke", .fields = {{"id", agent}}}).find("--reason") !=
        std::string::npos);
  ask({.command = "agent revoke", .fields = {{"id", host.stream()}, {"reason", "stolen"}}});
  CHECK(status() == 403);
  CHECK(listed("revoked"));
  CHECK(problem({.command = "agent revoke", .fields = {{"id", agent}, {"reason", "x"}}})
            .find("already") != std::string::npos);
  CHECK(get("/v1/access?what=agent", token()).body.find(R"(\"reason\":\"stolen\")") !=
        std::string::npos);
  // Enrolled anew it is live again; retired it is refused like that too.
  EnrolledHost anew{.fixture = *this};
  anew.enrol(ask({.command = "enrol-token", .fields = {{"agent", agent}}}));
  CHECK(anew.ship({event_at(clock.wall(), "two")}).verdict == ledger::Verdict::accepted);
  CHECK(listed("live"));
  open_one = TlsClient::connect(
      {.port = collector->ingest_port(), .ca_pem = ca(), .identity = &anew.identity});
  REQUIRE(open_one);
  CHECK(status() == 400);
  ask({.command = "host retire", .fields = {{"agent", agent}}});
  CHECK(status() == 403);
  CHECK(listed("retired"));
  // Tokens that lie about.
  CHECK(ask({.command = "enrol-token list"}).find(token_id(spare) + "  valid") !=
        std::string::npos);
  ask({.command = "enrol-token revoke", .fields = {{"id", token_id(spare)}}});
  CHECK(ask({.command = "enrol-token list"}).find(token_id(spare) + "  revoked") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(ServedCollector, "without the anchor nothing is served") {
  init();
  REQUIRE(files.remove(directory.path() + "/anchor"));
  const auto opened = open();
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ledger::ErrorKind::fatal);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "the server certificate is issued anew when other names are wanted") {
  init();
  serve();
  const std::string before = *files.read_file(data() + "/tls/server.crt");
  restart();
  CHECK(*files.read_file(data() + "/tls/server.crt") == before);
  REQUIRE(collector->stop());
  collector.reset();
  auto renamed = config();
  renamed.names = {"localhost", "127.0.0.1", "audit.test"};
  collector = std::move(*Collector::open(
      tools, {.config = renamed, .boot_id = "b", .on_fatal = [](const ledger::Error&) {}}));
  REQUIRE(collector->serve());
  CHECK(*files.read_file(data() + "/tls/server.crt") != before);
  CHECK(get("/v1/log", token()).status == 200);
}

}  // namespace
}  // namespace yunjian::collector
