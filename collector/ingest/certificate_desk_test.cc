#include "collector/ingest/certificate_desk.h"

#include <doctest/doctest.h>

#include "collector/ingest/testing/ingest_kit.h"
#include "ledger/record.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

using testing::ClientResponse;
using testing::IngestKit;
using testing::make_csr;
using testing::request_text;
using testing::TestAgent;

const std::string agent_id(32, 'a');

std::string csr_body(const std::string& csr) {
  std::string body = "{\"csr\":";
  ledger::append_json_string(body, csr);
  return body + "}";
}

std::string certificate_in(std::string_view body) {
  const auto json = ledger::parse_record(body);
  return json ? std::string((*json)->find("certificate").value_or("")) : std::string();
}

struct CertificateDeskFixture : IngestKit {
  CertificatePair current = authority.client(agent_id);
  TestAgent agent{agent_id, 1, 1};

  CertificateDeskFixture() {
    REQUIRE(catalog->put_agent({.id = agent_id,
                                .incarnation = 1,
                                .host = "web-01",
                                .unit = "tax",
                                .certificate_sha256 = sha256_of(current)}));
    REQUIRE(log.enrol(agent, "tax", "web-01"));
  }
  static std::string sha256_of(const CertificatePair& pair) {
    return read_certificate(pair.certificate)->sha256;
  }
  ClientResponse ask(const CertificatePair& by, const std::string& body) {
    auto response = ingest_client(by).exchange(
        request_text("POST", "/ingest/v1/certificate", body, "Content-Type: application/json\r\n"));
    REQUIRE(response);
    return *response;
  }
  ledger::Verdict ship(const CertificatePair& by, const ledger::Frame& frame) {
    std::string body;
    ledger::append_frame(body, frame.header, frame.body);
    const auto response = post(by, body);
    REQUIRE(response);
    REQUIRE(response->status == 200);
    return ledger::parse_answers(response->body)->front().verdict;
  }
  ledger::Frame next_batch() { return agent.seal(testing::event_lines(testing::test_start, 2)); }
  int post_status(const CertificatePair& by) { return post(by, "not frames")->status; }
};

TEST_CASE_FIXTURE(CertificateDeskFixture,
                  "the old certificate stays good until a batch came under the new one") {
  const auto made = make_csr();
  const ClientResponse first = ask(current, csr_body(made.csr));
  REQUIRE(first.status == 200);
  CHECK(first.headers.count("yunjian-time") == 1);
  const CertificatePair next{certificate_in(first.body), made.private_key};
  CHECK(read_certificate(next.certificate)->common_name == agent_id);

  CHECK(post_status(current) == 400);  // the body is looked at
  // The answer was lost: the same request has the same answer.
  CHECK(certificate_in(ask(current, csr_body(made.csr)).body) == next.certificate);

  CHECK(post_status(next) == 400);
  CHECK(post_status(current) == 400);
  CHECK(ship(next, next_batch()) == ledger::Verdict::accepted);
  CHECK(post_status(current) == 403);
  CHECK(post_status(next) == 400);
  CHECK(ask(current, csr_body(made.csr)).status == 403);
  CHECK((*catalog->agent(Scope::all(), agent_id))->certificate_sha256 == sha256_of(next));
}

TEST_CASE_FIXTURE(CertificateDeskFixture,
                  "two machines with one certificate do not take it from each other") {
  REQUIRE(ask(current, csr_body(make_csr().csr)).status == 200);
  const ClientResponse second = ask(current, csr_body(make_csr().csr));
  CHECK(second.status == 409);
  CHECK(second.body.find("two machines") != std::string::npos);
  CHECK(second.headers.count("retry-after") == 1);
}

TEST_CASE_FIXTURE(CertificateDeskFixture,
                  "of two machines the one that brings a fork loses its certificate") {
  const auto made = make_csr();
  const CertificatePair of_copy{certificate_in(ask(current, csr_body(made.csr)).body),
                                made.private_key};
  TestAgent copy{agent_id, 1, 1};
  copy.enrol("tax", "web-01");
  REQUIRE(ship(current, next_batch()) == ledger::Verdict::accepted);
  CHECK(ship(of_copy, copy.seal_here(testing::event_lines(testing::test_start, 2, "other"))) ==
        ledger::Verdict::fork);
  CHECK(post_status(of_copy) == 403);
  CHECK(ask(of_copy, csr_body(make_csr().csr)).status == 403);
  CHECK(ship(current, next_batch()) == ledger::Verdict::accepted);
}

TEST_CASE_FIXTURE(CertificateDeskFixture,
                  "the end of the certificate in use is known, and goes with a revocation") {
  const auto made = make_csr();
  const CertificatePair next{certificate_in(ask(current, csr_body(made.csr)).body),
                             made.private_key};
  REQUIRE(ship(next, next_batch()) == ledger::Verdict::accepted);
  CHECK(catalog->certificate_ends()->at(agent_id) == read_certificate(next.certificate)->not_after);
  REQUIRE(catalog->revoke_agent({.agent = agent_id, .reason = "sold"}));
  CHECK(catalog->certificate_ends()->empty());
  CHECK(catalog->revoked_agents()->at(agent_id).reason == "sold");
}

TEST_CASE_FIXTURE(CertificateDeskFixture, "a renewal that was never used gives way after an hour") {
  ledger::testing::ManualClock later(authority.now);
  CertificateDesk desk({.catalog = *catalog, .authority = authority.authority, .clock = later});
  const auto renew = [&](const std::string& csr) {
    Request request;
    request.client_common_name = agent_id;
    request.body = csr_body(csr);
    return desk.renew(request).status;
  };
  CHECK(renew(make_csr().csr) == 200);
  later.advance(std::chrono::minutes(59));
  CHECK(renew(make_csr().csr) == 409);
  later.advance(std::chrono::minutes(2));
  CHECK(renew(make_csr().csr) == 200);
}

TEST_CASE_FIXTURE(CertificateDeskFixture,
                  "a new enrolment puts the renewal out of use with its certificate") {
  const auto made = make_csr();
  const CertificatePair next{certificate_in(ask(current, csr_body(made.csr)).body),
                             made.private_key};
  const CertificatePair enrolled = authority.client(agent_id);
  REQUIRE(catalog->put_agent({.id = agent_id,
                              .incarnation = 4,
                              .host = "web-01",
                              .unit = "tax",
                              .certificate_sha256 = sha256_of(enrolled)}));
  CHECK(post_status(next) == 403);
  CHECK(post_status(current) == 403);
  CHECK(post_status(enrolled) == 400);
}

TEST_CASE_FIXTURE(CertificateDeskFixture,
                  "what is no request for a certificate is refused with what is wrong") {
  CHECK(ask(current, "[]").status == 400);
  CHECK(ask(current, "{}").body.find("csr") != std::string::npos);
  CHECK(ask(current, csr_body("-----BEGIN NOTHING-----")).status == 400);
  CHECK(ask(authority.client(std::string(32, 'b')), csr_body(make_csr().csr)).status == 403);
}

}  // namespace
}  // namespace yunjian::collector
