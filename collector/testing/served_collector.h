#pragma once

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/admin_socket.h"
#include "collector/api/json.h"
#include "collector/collector.h"
#include "collector/http/testing/test_server.h"
#include "collector/init.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/temporary_directory.h"
#include "ledger/wire.h"

namespace yunjian::collector::testing {

inline rapidjson::Document parse(const std::string& text) {
  CAPTURE(text);
  rapidjson::Document document;
  document.Parse(text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

// A collector on the real file system, with real TLS, SQLite and clock.
struct ServedCollector {
  ledger::testing::TemporaryDirectory directory;
  ledger::PosixFileSystem files;
  ledger::SystemClock clock;
  ledger::SystemRandom random;
  const OwnStream::Tools tools{.files = files, .clock = clock, .random = random};
  InitResult made;
  std::unique_ptr<Collector> collector;
  int fatal = 0;

  std::string data() const { return directory.path() + "/data"; }
  InitOptions init_options() const {
    return {.data = data(),
            .origin = "log.test/yunjian",
            .anchor = directory.path() + "/anchor",
            .names = {"localhost", "127.0.0.1"},
            .suite = &ledger::default_suite()};
  }
  CollectorConfig config() const {
    CollectorConfig config;
    config.data = data();
    config.anchor = directory.path() + "/anchor";
    config.ingest_listen = {.address = "127.0.0.1", .port = 0};
    config.api_listen = {.address = "127.0.0.1", .port = 0};
    config.ingest_urls = {"https://127.0.0.1:1"};
    return config;
  }
  void init() {
    auto result = init_collector(tools, init_options());
    REQUIRE_MESSAGE(result.has_value(), result.error().message);
    made = *result;
  }
  ledger::Result<std::unique_ptr<Collector>> open() {
    return Collector::open(tools, {.config = config(),
                                   .boot_id = "00000000-0000-0000-0000-000000000000",
                                   .on_fatal = [this](const ledger::Error&) { ++fatal; }});
  }
  void serve() {
    auto opened = open();
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
    collector = std::move(*opened);
    const auto served = collector->serve();
    REQUIRE_MESSAGE(served.has_value(), served.error().message);
  }
  void restart() {
    REQUIRE(collector->stop());
    collector.reset();
    serve();
  }
  std::string ca() { return *files.read_file(data() + "/tls/ca.crt"); }
  std::string token() {
    std::string text = *files.read_file(data() + "/token");
    return text.substr(0, text.size() - 1);
  }
  ClientResponse exchange(const std::string& request) {
    auto client = TlsClient::connect({.port = collector->api_port(), .ca_pem = ca()});
    REQUIRE_MESSAGE(client.has_value(), client.error().message);
    auto response = client->exchange(request);
    REQUIRE_MESSAGE(response.has_value(), response.error().message);
    return *response;
  }
  ClientResponse get(const std::string& target, const std::string& bearer) {
    return exchange(request_text("GET", target, "", "Authorization: Bearer " + bearer + "\r\n"));
  }
  std::string ask(const AdminRequest& request) {
    auto answer = ask_admin(data() + "/admin.sock", request);
    REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
    REQUIRE(answer->has_value());
    std::string out = (*answer)->out;
    if (out.ends_with('\n')) out.pop_back();
    return out;
  }
  std::string problem(const AdminRequest& request) {
    auto answer = ask_admin(data() + "/admin.sock", request);
    REQUIRE_FALSE(answer.has_value());
    return answer.error().message;
  }
  void import_unit() {
    ask({.command = "unit import", .fields = {{"csv", "id,name,county\ntax,税务局,east\n"}}});
  }
};

// A host that enrols over the network and then ships batches, as its agent would.
struct EnrolledHost {
  ServedCollector& fixture;
  const ledger::Suite& suite = ledger::default_suite();
  std::unique_ptr<ledger::PrivateKey> key = *suite.generate(fixture.random);
  KeyAndRequest tls = make_csr();
  CertificatePair identity = {};
  ledger::Hash leaf = {};
  ledger::testing::MemoryFileSystem files = {};
  std::optional<ledger::Ratchet> ratchet = {};

  std::string post(const std::map<std::string, std::string>& members) {
    Json json;
    json.begin_object();
    for (const auto& [name, value] : members) json.member(name, std::string_view(value));
    json.end_object();
    const auto response = fixture.exchange(
        request_text("POST", "/enrol/v1", json.take(), "Content-Type: application/json\r\n"));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return response.body;
  }

  void enrol(const std::string& token) {
    std::map<std::string, std::string> members = {{"token", token},
                                                  {"host", "web-01"},
                                                  {"suite", std::string(suite.name())},
                                                  {"key", ledger::to_base64(key->public_key())},
                                                  {"csr", tls.csr}};
    const std::string text = parse(post(members))["text"].GetString();
    const auto enrolment = *ledger::parse_enrolment(text);
    const ledger::Verifier name(suite, ledger::agent_key_name(enrolment.origin, enrolment.agent),
                                key->public_key());
    members.erase("host");
    members.erase("suite");
    members["signature"] =
        ledger::format_note(text, {*ledger::sign_line(name, *key, text)}).substr(text.size() + 1);
    const auto done = parse(post(members));
    identity = {.certificate = done["certificate"].GetString(), .private_key = tls.private_key};
    leaf = suite.hasher()->leaf(done["leaf"].GetString());
    auto created = ledger::Ratchet::create(files, "/ratchet",
                                           {.origin = enrolment.origin,
                                            .agent = enrolment.agent,
                                            .incarnation = enrolment.incarnation,
                                            .enrolment_leaf = leaf},
                                           *key);
    REQUIRE(created);
    ratchet.emplace(std::move(*created));
  }

  std::string stream() const {
    return ledger::stream_id(ratchet->identity().agent, ratchet->identity().incarnation);
  }

  // Seals and ships lines; the answer.
  ledger::Answer ship(const std::vector<std::string>& lines) {
    const auto hasher = suite.hasher();
    ledger::BatchBody body(*hasher);
    for (const auto& line : lines) REQUIRE(body.add(line));
    std::string encoded;
    ledger::BodyEncoder encoder;
    REQUIRE(encoder.encode(body.lines(), encoded));
    auto header = ratchet->prepare(fixture.random,
                                   {.root = body.root(),
                                    .records = body.records(),
                                    .sealed = fixture.clock.wall(),
                                    .boot_id = "00000000-0000-0000-0000-000000000000",
                                    .boot_ms = 1,
                                    .flags = {}},
                                   {});
    REQUIRE(header);
    REQUIRE(ratchet->commit());
    std::string post_body;
    ledger::append_frame(post_body, *header, encoded);
    auto client = TlsClient::connect(
        {.port = fixture.collector->ingest_port(), .ca_pem = fixture.ca(), .identity = &identity});
    REQUIRE_MESSAGE(client.has_value(), client.error().message);
    auto response = client->exchange(request_text("POST", "/ingest/v1/batches", post_body,
                                                  "Content-Type: application/octet-stream\r\n"));
    REQUIRE(response);
    CAPTURE(response->body);
    REQUIRE(response->status == 200);
    return ledger::parse_answers(response->body)->at(0);
  }
};

inline std::string event_at(ledger::Time time, std::string_view message) {
  std::string line;
  ledger::RecordWriter writer(line, time, "event");
  writer.text("source", "file").text("log", "/var/log/auth.log").message(message);
  writer.finish();
  return line;
}

}  // namespace yunjian::collector::testing
