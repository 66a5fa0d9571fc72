#include "collector/ingest/ingest_handler.h"

#include <doctest/doctest.h>

#include "collector/ingest/testing/ingest_kit.h"
#include "ledger/checkpoint.h"
#include "ledger/record.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

using ledger::Verdict;
using testing::ClientResponse;
using testing::event_lines;
using testing::IngestKit;
using testing::request_text;
using testing::test_start;
using testing::TestAgent;

const std::string agent_a(32, 'a');
const std::string agent_b(32, 'b');

struct IngestHandlerFixture : IngestKit {
  TestAgent agent{agent_a, 1, 1};
  CertificatePair identity = known(agent_a);

  IngestHandlerFixture() { REQUIRE(log.enrol(agent, "tax", "web-01")); }

  // A certificate that the catalog holds as the agent's current one.
  CertificatePair known(const std::string& id) {
    CertificatePair pair = authority.client(id);
    REQUIRE(catalog->put_agent({.id = id,
                                .incarnation = 1,
                                .host = "web-01",
                                .unit = "tax",
                                .certificate_sha256 = read_certificate(pair.certificate)->sha256}));
    return pair;
  }
  std::string frames(std::size_t count) {
    std::string post;
    for (std::size_t i = 0; i < count; ++i) {
      const ledger::Frame frame = agent.seal(event_lines(test_start, 3));
      ledger::append_frame(post, frame.header, frame.body);
    }
    return post;
  }
  ClientResponse must_post(const CertificatePair& by, std::string_view body) {
    auto response = post(by, body);
    REQUIRE(response);
    return *response;
  }
  std::uint64_t next_batch() { return log->stream(agent.stream())->next_batch; }
};

void check_problem(const ClientResponse& response, int status, bool retry) {
  CHECK(response.status == status);
  CHECK(response.headers.at("content-type") == "application/problem+json");
  CHECK((response.body.find(retry ? "\"retry\":true" : "\"retry\":false") != std::string::npos));
  CHECK((response.headers.count("retry-after") == 1) == retry);
}

TEST_CASE_FIXTURE(IngestHandlerFixture,
                  "a post over mutual TLS is answered with a receipt for every frame") {
  const ClientResponse response = must_post(identity, frames(3));
  CHECK(response.status == 200);
  CHECK(response.headers.at("content-type") == "application/x-ndjson");
  auto answers = ledger::parse_answers(response.body);
  REQUIRE(answers);
  REQUIRE(answers->size() == 3);
  for (std::uint64_t batch = 0; batch < 3; ++batch) {
    const ledger::Answer& answer = (*answers)[batch];
    CHECK(answer.verdict == Verdict::accepted);
    CHECK(answer.batch == batch);
    auto stored = log->batch(agent.stream(), batch);
    REQUIRE(stored);
    const ledger::Hash leaf = ledger::default_suite().hasher()->leaf(stored->frame.header);
    CHECK(ledger::verify_receipt(answer.receipt, log->verifier(), leaf));
  }
  CHECK(ingest->counters().posts == 1);
}

TEST_CASE_FIXTURE(IngestHandlerFixture,
                  "a certificate that was replaced is put out of use at once") {
  REQUIRE(must_post(identity, frames(1)).status == 200);
  const CertificatePair renewed = known(agent_a);
  const std::string next = frames(1);
  check_problem(must_post(identity, next), 403, false);
  CHECK(next_batch() == 1);
  CHECK(must_post(renewed, next).status == 200);
  CHECK(next_batch() == 2);
  CHECK(ingest->counters().certificates_refused == 1);
}

TEST_CASE_FIXTURE(IngestHandlerFixture,
                  "a revoked agent is refused at once, on its open connection too") {
  auto open_one = ingest_client(identity);
  const auto ask = [&](std::string_view method, std::string_view path, std::string_view body,
                       std::string_view type) {
    auto response = open_one.exchange(
        request_text(method, path, body, "Content-Type: " + std::string(type) + "\r\n"));
    REQUIRE(response);
    return response->status;
  };
  const std::string octets = "application/octet-stream";
  REQUIRE(ask("POST", "/ingest/v1/batches", frames(1), octets) == 200);
  REQUIRE(catalog->revoke_agent({.agent = agent_a, .incarnation = 1, .reason = "stolen"}));
  CHECK(ask("POST", "/ingest/v1/batches", frames(1), octets) == 403);
  const std::string csr = testing::make_csr().csr;
  std::string body = "{\"csr\":";
  ledger::append_json_string(body, csr);
  CHECK(ask("POST", "/ingest/v1/certificate", body + "}", "application/json") == 403);
  CHECK(ask("GET", "/ingest/v1/witnessed/" + agent.stream() + "/0", "", octets) == 403);
  CHECK(must_post(identity, frames(1)).status == 403);
  CHECK(next_batch() == 1);
  CHECK(ingest->counters().certificates_refused == 4);
}

TEST_CASE_FIXTURE(IngestHandlerFixture,
                  "a certificate from our CA that no agent holds is refused") {
  check_problem(must_post(authority.client(agent_b), frames(1)), 403, false);
  check_problem(must_post(authority.client("console"), frames(1)), 403, false);
}

TEST_CASE_FIXTURE(IngestHandlerFixture, "an agent cannot ship in the name of another") {
  const ClientResponse response = must_post(known(agent_b), frames(1));
  auto answers = ledger::parse_answers(response.body);
  REQUIRE(answers);
  CHECK(answers->front().verdict == Verdict::refused);
  CHECK(next_batch() == 0);
}

TEST_CASE_FIXTURE(IngestHandlerFixture,
                  "witnessed receipts are told to the agent whose batch it is") {
  const auto ask = [&](const std::string& rest, std::string_view method = "GET") {
    auto response =
        ingest_client(identity).exchange(request_text(method, "/ingest/v1/witnessed/" + rest, ""));
    REQUIRE(response);
    return *response;
  };
  CHECK(ask(agent.stream() + "/0").status == 204);
  witnessed = "a receipt\n";
  const ClientResponse given = ask(agent.stream() + "/0");
  CHECK(given.status == 200);
  CHECK(given.body == "a receipt\n");
  check_problem(ask(agent.stream() + "/1"), 404, false);
  check_problem(ask(agent_b + ".1/0"), 404, false);
  check_problem(ask(agent.stream()), 404, false);
  check_problem(ask(agent.stream() + "/00"), 404, false);
  check_problem(ask(agent.stream() + "/0", "POST"), 405, false);
  CHECK(ingest->counters().witnessed_given == 1);
  CHECK(ingest->counters().witnessed_waits == 1);
}

TEST_CASE_FIXTURE(IngestHandlerFixture, "a body that cannot be split into frames changes nothing") {
  const std::string whole = frames(2);
  check_problem(must_post(identity, whole.substr(0, whole.size() - 1)), 400, false);
  check_problem(must_post(identity, "x"), 400, false);
  check_problem(must_post(identity, ""), 400, false);
  CHECK(next_batch() == 0);
  CHECK(ingest->counters().posts_malformed == 3);
}

TEST_CASE_FIXTURE(IngestHandlerFixture, "wrong paths, methods and types are told apart") {
  const auto ask = [&](std::string_view method, std::string_view path, std::string_view fields) {
    auto response = ingest_client(identity).exchange(request_text(method, path, "x", fields));
    REQUIRE(response);
    return *response;
  };
  const std::string type = "Content-Type: application/octet-stream\r\n";
  check_problem(ask("POST", "/ingest/v1/other", type), 404, false);
  check_problem(ask("GET", "/ingest/v1/batches", type), 405, false);
  CHECK(ask("PUT", "/ingest/v1/batches", type).headers.at("allow") == "POST");
  check_problem(ask("POST", "/ingest/v1/batches", "Content-Type: text/plain\r\n"), 415, false);
  check_problem(ask("POST", "/ingest/v1/batches", ""), 415, false);
  check_problem(ask("POST", "/ingest/v1/batches", type + "Content-Encoding: gzip\r\n"), 415, false);
}

TEST_CASE_FIXTURE(IngestHandlerFixture, "a post beyond 8 MiB is refused before its body is sent") {
  auto client = ingest_client(identity);
  client.send(
      "POST /ingest/v1/batches HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
      "Content-Length: " +
      std::to_string(ledger::post_bytes_max + 1) + "\r\n\r\n");
  auto response = client.receive();
  REQUIRE(response);
  check_problem(*response, 413, false);
}

TEST_CASE_FIXTURE(IngestHandlerFixture,
                  "when the disk fails nobody gets a receipt and everybody is told to wait") {
  REQUIRE(must_post(identity, frames(1)).status == 200);
  log.files.fail_nth(1, ledger::testing::Fault::fail, true);
  const std::string next = frames(1);
  check_problem(must_post(identity, next), 503, true);
  check_problem(must_post(identity, next), 503, true);
  CHECK(log.fatal == 1);
  CHECK(ingest->counters().posts_failed == 2);
}

TEST_CASE_FIXTURE(IngestHandlerFixture, "a fork raises one alarm in the collector's own stream") {
  REQUIRE(must_post(identity, frames(2)).status == 200);
  TestAgent copy{agent_a, 1, 1};
  copy.enrol("tax", "web-01");
  for (int i = 0; i < 2; ++i) {
    const ledger::Frame frame = copy.seal_here(event_lines(test_start, 3, "other"));
    std::string post;
    ledger::append_frame(post, frame.header, frame.body);
    const auto answers = ledger::parse_answers(must_post(identity, post).body);
    REQUIRE(answers);
    REQUIRE(answers->front().verdict == Verdict::fork);
  }
  REQUIRE(recorded.size() == 1);
  CHECK(recorded[0].find("\"alarm\":\"fork\",\"batch\":0,\"host\":\"web-01\"") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(IngestHandlerFixture,
                  "bodies that an agent gave up raise an alarm, a text about gaps does not") {
  const auto gap = [](std::string_view kind, std::string_view cause) {
    std::string line;
    ledger::RecordWriter writer(line, test_start, kind);
    writer.text("what", "gap").text("batches", "3-9").integer("bytes", 4096);
    writer.text("cause", cause).integer("count", 70);
    writer.finish();
    return line;
  };
  std::vector<std::string> lines = event_lines(test_start, 2);
  lines.push_back(gap("agent", "spool-full"));
  lines.push_back(gap("agent", "vacuum"));
  lines.push_back(gap("event", "spool-full"));
  const ledger::Frame frame = agent.seal(lines);
  std::string post;
  ledger::append_frame(post, frame.header, frame.body);
  CHECK(must_post(identity, post).status == 200);
  CHECK(ingest->counters().gaps == 2);
  CHECK(ingest->counters().gaps_of_spool == 1);
  REQUIRE(recorded.size() == 1);
  for (const char* part : {"\"what\":\"alarm\"", "\"alarm\":\"spool-full\"", "\"batches\":\"3-9\"",
                           "\"count\":70", "\"host\":\"web-01\"", "\"kind\":\"collector\""}) {
    CAPTURE(part);
    CHECK(recorded[0].find(part) != std::string::npos);
  }
  CHECK(must_post(identity, post).status == 200);  // the same again is the same loss
  CHECK(recorded.size() == 1);
}

}  // namespace
}  // namespace yunjian::collector
