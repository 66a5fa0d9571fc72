#include "collector/ingest/enrol_handler.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "collector/ingest/testing/ingest_kit.h"
#include "ledger/checkpoint.h"
#include "ledger/ratchet.h"
#include "ledger/record.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::ClientResponse;
using testing::IngestKit;
using testing::make_csr;

using Members = std::map<std::string, std::string>;

std::string json(const Members& members) {
  std::string out;
  for (const auto& [name, value] : members) {
    out += out.empty() ? "{" : ", ";
    ledger::append_json_string(out, name);
    out += ": ";
    ledger::append_json_string(out, value);
  }
  return out + "}";
}

rapidjson::Document parse(const ClientResponse& response) {
  rapidjson::Document document;
  document.Parse(response.body.c_str());
  REQUIRE(document.IsObject());
  return document;
}

std::string text(const ClientResponse& response, const char* name) {
  const rapidjson::Document document = parse(response);
  REQUIRE(document.HasMember(name));
  return document[name].GetString();
}

const ledger::Suite& suite() { return ledger::default_suite(); }

// A host that enrols: its keys and what it asks.
struct Applicant {
  std::string token;
  std::unique_ptr<ledger::PrivateKey> key;
  testing::KeyAndRequest tls = make_csr();

  Members first(const std::string& host = "web-01") const {
    return {{"token", token},
            {"host", host},
            {"suite", "ed25519-sha256"},
            {"key", ledger::to_base64(key->public_key())},
            {"csr", tls.csr}};
  }
  Members second(const std::string& enrolment) const {
    return {{"token", token},
            {"key", ledger::to_base64(key->public_key())},
            {"csr", tls.csr},
            {"signature", sign(enrolment, *key)}};
  }
  static std::string sign(const std::string& enrolment, const ledger::PrivateKey& by) {
    const ledger::Enrolment parsed = *ledger::parse_enrolment(enrolment);
    const ledger::Verifier name(suite(), ledger::agent_key_name(parsed.origin, parsed.agent),
                                by.public_key());
    const auto line = ledger::sign_line(name, by, enrolment);
    return ledger::format_note(enrolment, {*line}).substr(enrolment.size() + 1);
  }
};

struct EnrolHandlerFixture : IngestKit {
  int tokens = 0;

  std::string new_token(EnrolTokenSpec spec) {
    std::string secret = "secret-" + std::to_string(++tokens);
    if (spec.expires == ledger::Time{}) spec.expires = clock.wall() + 1h;
    REQUIRE(catalog->add_enrol_token(secret, spec, clock.wall()));
    return secret;
  }
  Applicant applicant(const EnrolTokenSpec& spec = {.unit = "tax"}) {
    return with_token(new_token(spec));
  }
  Applicant with_token(const std::string& token) {
    return {.token = token, .key = *suite().generate(authority.random)};
  }
  ClientResponse post_json(const Members& members) {
    return enrol("POST", "/enrol/v1", json(members));
  }
  ClientResponse reserved(const Applicant& applicant, const std::string& host = "web-01") {
    ClientResponse response = post_json(applicant.first(host));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return response;
  }
  ClientResponse enrolled(const Applicant& applicant, const std::string& host = "web-01") {
    ClientResponse response = post_json(applicant.second(text(reserved(applicant, host), "text")));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return response;
  }
  void check_problem(const ClientResponse& response, int status, const std::string& slug) {
    CAPTURE(response.body);
    CHECK(response.status == status);
    CHECK(text(response, "type") == "urn:yunjian:problem:" + slug);
    CHECK_FALSE(text(response, "detail").empty());
  }
};

// Seals an empty batch as the new agent and wraps it for the wire.
std::string first_post(const Applicant& applicant, const std::string& leaf,
                       ledger::Random& random) {
  const ledger::Enrolment enrolment = *ledger::parse_enrolment(ledger::parse_note(leaf)->text);
  ledger::testing::MemoryFileSystem files;
  const auto hasher = suite().hasher();
  auto ratchet = ledger::Ratchet::create(files, "/ratchet",
                                         {.origin = enrolment.origin,
                                          .agent = enrolment.agent,
                                          .incarnation = enrolment.incarnation,
                                          .enrolment_leaf = hasher->leaf(leaf)},
                                         *applicant.key);
  REQUIRE(ratchet);
  ledger::Ratchet::Content content;
  content.root = ledger::merkle_root(*hasher, {});
  content.boot_id = "00000000-0000-0000-0000-000000000000";
  auto header = ratchet->prepare(random, content, {});
  REQUIRE(header);
  std::string post;
  ledger::append_frame(post, *header, "");
  return post;
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "a host with a token becomes an agent whose first batch is accepted") {
  const ClientResponse ca = enrol("GET", "/enrol/v1/ca");
  CHECK(ca.status == 200);
  CHECK(read_certificate(ca.body)->sha256 == authority.authority.fingerprint());
  const auto told = ledger::parse_time(ca.headers.at("yunjian-time"));
  REQUIRE(told);
  CHECK(std::chrono::abs(clock.wall() - *told) < 1min);

  const Applicant host = applicant();
  const ClientResponse step1 = reserved(host);
  const ledger::Enrolment enrolment = *ledger::parse_enrolment(text(step1, "text"));
  CHECK(enrolment.agent == text(step1, "agent"));
  CHECK(enrolment.unit == "tax");
  CHECK(enrolment.host == "web-01");
  CHECK_FALSE(enrolment.previous.has_value());

  const ClientResponse step2 = post_json(host.second(text(step1, "text")));
  REQUIRE(step2.status == 200);
  const std::string leaf = text(step2, "leaf");
  const auto vkey = ledger::Verifier::from_vkey(text(step2, "vkey"));
  REQUIRE(vkey);
  CHECK(ledger::verify_enrolment(leaf, *vkey, std::nullopt));
  CHECK(ledger::verify_receipt(text(step2, "receipt"), *vkey, suite().hasher()->leaf(leaf)));
  CHECK(std::string(parse(step2)["ingest"][0].GetString()) == "https://collector.test:8443");
  CHECK(catalog->host(Scope::all(), "web-01")->value().unit == "tax");

  const CertificatePair identity{text(step2, "certificate"), host.tls.private_key};
  auto answer = post(identity, first_post(host, leaf, authority.random));
  REQUIRE(answer);
  auto answers = ledger::parse_answers(answer->body);
  REQUIRE(answers);
  CHECK(answers->front().verdict == ledger::Verdict::accepted);
}

TEST_CASE_FIXTURE(EnrolHandlerFixture, "each step may be repeated and says the same again") {
  const Applicant host = applicant();
  const ClientResponse first = reserved(host);
  CHECK(reserved(host).body == first.body);
  const ClientResponse done = enrolled(host);
  CHECK(reserved(host).body == first.body);
  const ClientResponse again = enrolled(host);
  CHECK(text(again, "certificate") == text(done, "certificate"));
  CHECK(text(again, "leaf") == text(done, "leaf"));
  CHECK(log->size() == 2);
}

TEST_CASE_FIXTURE(EnrolHandlerFixture, "a leaf that was committed before a crash is adopted") {
  const Applicant host = applicant();
  const std::string enrolment = text(reserved(host), "text");
  auto note = ledger::parse_note(enrolment + "\n" + Applicant::sign(enrolment, *host.key));
  REQUIRE(note);
  note->signatures.push_back(*log->sign(enrolment));
  const std::string leaf = ledger::format_note(enrolment, note->signatures);
  REQUIRE(log->commit(testing::only(LeafEntry{leaf})));
  CHECK(text(enrolled(host), "leaf") == leaf);
  CHECK(log->size() == 2);
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "a certificate that was handed out is not issued for another key") {
  Applicant host = applicant();
  const ClientResponse done = enrolled(host);
  host.tls = make_csr();
  CHECK(text(enrolled(host), "certificate") == text(done, "certificate"));
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "a token that is unknown, expired or used up enrols nobody") {
  check_problem(post_json(with_token("guess").first()), 403, "enrol-token-refused");
  check_problem(post_json(applicant({.unit = "tax", .expires = clock.wall() - 1s}).first()), 403,
                "enrol-token-refused");
  const Applicant one = applicant();
  enrolled(one);
  check_problem(post_json(with_token(one.token).first("web-02")), 403, "enrol-token-refused");
  enrolled(one);  // its own repeat is still answered
  CHECK(log->size() == 2);
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "a token that was revoked enrols nobody, not even who began with it") {
  const Applicant host = applicant();
  const std::string enrolment = text(reserved(host), "text");
  CHECK(*catalog->revoke_enrol_token(token_id(host.token)));
  CHECK_FALSE(*catalog->revoke_enrol_token("000000000000"));
  check_problem(post_json(host.second(enrolment)), 403, "enrol-token-refused");
  check_problem(post_json(host.first()), 403, "enrol-token-refused");
  CHECK(catalog->enrol_tokens()->front().revoked);
  CHECK(catalog->enrol_tokens()->front().used == 1);
  CHECK(log->size() == 1);
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "who guesses tokens is slowed down and told of; good tokens pass") {
  Members guess = with_token("guess").first();
  guess["key"] = "?";  // nothing of it is looked at
  guess["csr"] = "?";
  ClientResponse answer = post_json(guess);
  check_problem(answer, 403, "enrol-token-refused");
  // Some come back while this runs.
  const auto tries_max = static_cast<int>(EnrolHandler::guesses_max.burst) * 3;
  int tries = 1;
  for (; tries < tries_max && answer.status == 403; ++tries) answer = post_json(guess);
  CHECK(tries > static_cast<int>(EnrolHandler::guesses_max.burst));
  check_problem(answer, 429, "too-often");
  CHECK(answer.headers.count("retry-after") == 1);
  post_json(guess);
  CHECK(enrol_handler->counters().tokens_refused == static_cast<std::uint64_t>(tries) + 1);
  CHECK(enrol_handler->counters().too_often >= 1);
  REQUIRE(recorded.size() == 1);
  for (const char* part :
       {R"("what":"alarm")", R"("address":"127.0.0.1")", R"("cause":"guessing")"}) {
    CHECK(recorded[0].find(part) != std::string::npos);
  }
  enrolled(applicant());
}

TEST_CASE_FIXTURE(EnrolHandlerFixture, "a token for two uses enrols two hosts") {
  const Applicant one = applicant({.unit = "tax", .uses = 2});
  const Applicant two = with_token(one.token);
  CHECK(text(enrolled(one), "leaf") != text(enrolled(two, "web-02"), "leaf"));
}

TEST_CASE_FIXTURE(EnrolHandlerFixture, "what a host may not be enrolled as is told with a reason") {
  enrolled(applicant());
  check_problem(post_json(applicant({.unit = "police"}).first()), 409, "host-of-another-unit");
  check_problem(post_json(applicant({.unit = "nobody"}).first("web-09")), 409, "unit-unknown");
  Members wish = applicant().first("web-02");
  wish["suite"] = "sm2-sm3";
  check_problem(post_json(wish), 409, "suite-mismatch");
  wish = applicant().first("web-02");
  wish["time"] = ledger::format_time(clock.wall() - 25h);
  check_problem(post_json(wish), 409, "clock");
  wish["time"] = ledger::format_time(clock.wall() + 1h);
  CHECK(post_json(wish).status == 200);
  wish["host"] = "web-03";
  check_problem(post_json(wish), 409, "host-changed");
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "a request that is not valid is answered 400 and reserves nothing") {
  const Applicant host = applicant();
  const auto with = [&](const char* name, const std::string& value) {
    Members members = host.first();
    members[name] = value;
    return members;
  };
  for (const Members& members :
       {with("key", "?"), with("key", ""), with("key", ledger::to_base64("short")), with("csr", ""),
        with("csr", authority.server.certificate), with("host", "Web 01"), with("host", ""),
        with("host", "../x"), with("time", "yesterday")}) {
    check_problem(post_json(members), 400, "enrolment-invalid");
  }
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("{"), std::string(30'000, '['),
        std::string(R"({"key":{"a":1}})"), std::string(R"({"key":"\ud800"})")}) {
    check_problem(enrol("POST", "/enrol/v1", body), 400, "enrolment-invalid");
  }
  check_problem(post_json(host.second(text(reserved(applicant(), "web-02"), "text"))), 409,
                "not-reserved");
  CHECK(post_json(host.first()).status == 200);  // the token's one use is still there
}

TEST_CASE_FIXTURE(EnrolHandlerFixture, "signatures by anybody else are refused") {
  const Applicant host = applicant();
  const Applicant other = applicant();
  const std::string enrolment = text(reserved(host), "text");
  const std::string good = Applicant::sign(enrolment, *host.key);
  const std::string foreign = Applicant::sign(enrolment, *other.key);
  for (const std::string& signature : {std::string(), std::string("x"), foreign, foreign + good,
                                       good + foreign, good + good, "more\n\n" + good}) {
    Members members = host.second(enrolment);
    members["signature"] = signature;
    check_problem(post_json(members), 400, "enrolment-invalid");
  }
  CHECK(log->size() == 1);
  enrolled(host);
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "a token for an agent opens its next incarnation, endorsed if it signs") {
  const Applicant old = applicant();
  const ClientResponse first = enrolled(old);
  const std::string agent =
      ledger::parse_enrolment(ledger::parse_note(text(first, "leaf"))->text)->agent;

  const Applicant renewed = applicant({.unit = "tax", .agent = agent});
  const ClientResponse step1 = reserved(renewed);
  const std::string enrolment = text(step1, "text");
  CHECK(text(step1, "agent") == agent);
  CHECK(ledger::parse_enrolment(enrolment)->incarnation == 2);
  CHECK(*ledger::parse_enrolment(enrolment)->previous ==
        suite().hasher()->leaf(text(first, "leaf")));
  Members members = renewed.second(enrolment);
  members["signature"] += Applicant::sign(enrolment, *old.key);
  const ClientResponse done = post_json(members);
  REQUIRE(done.status == 200);
  CHECK(log->stream(agent + ".2")->endorsed);

  const CertificatePair former{text(first, "certificate"), old.tls.private_key};
  const CertificatePair present{text(done, "certificate"), renewed.tls.private_key};
  CHECK(post(former, "x")->status == 403);
  CHECK(post(present, first_post(renewed, text(done, "leaf"), authority.random))->status == 200);

  // The old incarnation's repeat is still answered and does not take the agent back.
  CHECK(text(enrolled(old), "certificate") == text(first, "certificate"));
  CHECK(post(former, "x")->status == 403);
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "one incarnation is opened once, whoever holds a token for it") {
  const std::string agent = ledger::parse_enrolment(text(reserved(applicant()), "text"))->agent;
  check_problem(post_json(applicant({.unit = "tax", .agent = agent}).first()), 409,
                "agent-unknown");

  const Applicant old = applicant();
  const std::string known =
      ledger::parse_enrolment(ledger::parse_note(text(enrolled(old), "leaf"))->text)->agent;
  const Applicant one = applicant({.unit = "tax", .agent = known});
  const Applicant two = applicant({.unit = "tax", .agent = known});
  const std::string text_one = text(reserved(one), "text");
  const std::string text_two = text(reserved(two), "text");
  CHECK(post_json(one.second(text_one)).status == 200);
  check_problem(post_json(two.second(text_two)), 409, "incarnation-taken");
}

TEST_CASE_FIXTURE(EnrolHandlerFixture, "wrong paths, methods and types are told apart") {
  CHECK(EnrolHandler::matches("/enrol/v1"));
  CHECK(EnrolHandler::matches("/enrol/v1/ca"));
  CHECK_FALSE(EnrolHandler::matches("/v1/search"));
  check_problem(enrol("GET", "/enrol/v1/other"), 404, "no-such-path");
  check_problem(enrol("GET", "/enrol/v1"), 405, "method-not-allowed");
  check_problem(enrol("DELETE", "/enrol/v1/ca"), 405, "method-not-allowed");
  check_problem(enrol("POST", "/enrol/v1", "{}", "text/plain"), 415, "unsupported-media-type");
}

TEST_CASE_FIXTURE(EnrolHandlerFixture,
                  "when the disk fails an enrolment is told to wait and is healed later") {
  const Applicant host = applicant();
  const std::string enrolment = text(reserved(host), "text");
  log.files.fail_nth(1, ledger::testing::Fault::fail, true);
  const ClientResponse failed = post_json(host.second(enrolment));
  check_problem(failed, 503, "storage-failed");
  CHECK(failed.headers.count("retry-after") == 1);
}

}  // namespace
}  // namespace yunjian::collector
