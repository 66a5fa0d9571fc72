#include "collector/api/witness_routes.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "collector/api/api_handler.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/record_proof.h"
#include "ledger/statement_leaves.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::collector {
namespace {

using testing::TestAgent;
using testing::TestLog;

// The log's routes over one enrolled host, with one witness and one authority configured.
struct WitnessRoutesFixture {
  WitnessRoutesFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    catalog = std::move(*Catalog::open(directory.path() + "/catalog.sqlite"));
    REQUIRE(catalog->put_units({{"tax", "税务局", ""}}));
    for (const Role role : {Role::authority, Role::provider}) {
      const TokenSpec spec{.name = "x",
                           .role = role,
                           .units = {},
                           .county = {},
                           .expires = log.clock.wall() + std::chrono::hours(24)};
      REQUIRE(catalog->add_token(std::string(to_string(role)), spec, log.clock.wall()));
    }
    REQUIRE(log.enrol(host, "tax", "web-01"));
    const auto lines = testing::event_lines(testing::test_start, 5);
    REQUIRE(log->commit(testing::only(testing::batch_entry(host.seal(lines), "tax", "web-01"))));
    records = std::make_unique<LogRecordStore>(*log);
    witness_key = ledger::default_suite().generate(random).value();
    authority_key = ledger::default_suite().generate(random).value();
    auto opened = Cosignatures::open(
        *log, {.files = log.files, .clock = log.clock, .directory = "/data/witnessed"},
        {.witnesses = {witness()}, .quorum = 1});
    REQUIRE(opened);
    cosignatures = std::move(*opened);
    lists = std::make_unique<ListFiles>(log.files, "/data/lists");
    open_api();
  }

  void open_api() {
    ApiContext context;
    context.catalog = catalog.get();
    context.log = &*log;
    context.records = records.get();
    context.clock = &log.clock;
    context.cursors = &cursors;
    context.files = &log.files;
    context.cosignatures = cosignatures.get();
    context.lists = lists.get();
    context.authorities = {authority()};
    context.commit_act = [this](std::string line) -> ledger::Result<void> {
      acts.push_back(std::move(line));
      return {};
    };
    context.commit_leaf = [this](std::string leaf) -> ledger::Result<std::uint64_t> {
      auto committed = log->commit(testing::only(LeafEntry{std::move(leaf)}));
      if (!committed) return ledger::failure(committed);
      return committed->leaves.front();
    };
    api = std::make_unique<ApiHandler>(std::move(context));
  }

  ledger::Verifier witness() const {
    return {ledger::default_suite(), "witness.test", witness_key->public_key(),
            ledger::SignatureKind::cosignature};
  }
  ledger::Verifier authority() const {
    return {ledger::default_suite(), "authority.test", authority_key->public_key()};
  }
  Response ask(const std::string& method, const std::string& path, const std::string& body = "",
               const std::string& who = "authority") {
    Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.headers["authorization"] = "Bearer " + who;
    return api->handle(request);
  }
  std::string cosigned(const std::string& note) const {
    auto parsed = ledger::parse_note(note).value();
    parsed.signatures.push_back(
        ledger::cosign_line(witness(), *witness_key, parsed.text, 1'790'000'000).value());
    return ledger::format_note(parsed.text, parsed.signatures);
  }
  std::string endorsement(std::uint64_t leaf) const {
    const std::string text =
        ledger::format_endorsement({std::string(testing::test_origin), leaf,
                                    log.log->leaf_hash(leaf).value(), log.clock.wall()});
    return ledger::format_note(text,
                               {ledger::sign_line(authority(), *authority_key, text).value()});
  }

  TestLog log;
  TestAgent host{std::string(32, 'a'), 1, 1};
  ledger::testing::TemporaryDirectory directory;
  ledger::testing::SeededRandom random{17};
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<LogRecordStore> records;
  const CursorSealer cursors{"key of the test"};
  std::unique_ptr<ledger::PrivateKey> witness_key;
  std::unique_ptr<ledger::PrivateKey> authority_key;
  std::unique_ptr<Cosignatures> cosignatures;
  std::unique_ptr<ListFiles> lists;
  std::vector<std::string> acts;
  std::unique_ptr<ApiHandler> api;
};

TEST_CASE("a cosigned candidate becomes the witnessed checkpoint") {
  WitnessRoutesFixture fixture;
  CHECK(fixture.ask("GET", "/v1/log/witnessed").status == 404);
  const Response candidate = fixture.ask("GET", "/v1/log/candidate");
  CHECK(candidate.status == 200);
  const std::string note = fixture.cosigned(candidate.body);
  const Response taken = fixture.ask("POST", "/v1/log/cosignatures", note);
  CHECK(taken.status == 200);
  CHECK(taken.body.find("\"witnessed\":3") != std::string::npos);
  CHECK(fixture.ask("GET", "/v1/log/witnessed").body == note);
  CHECK(fixture.ask("POST", "/v1/log/cosignatures", candidate.body).status == 422);
  CHECK(fixture.ask("GET", "/v1/log/cosignatures").status == 405);
}

TEST_CASE("a second history under the log's key is told as such and becomes an alarm") {
  WitnessRoutesFixture fixture;
  const std::string text = ledger::format_checkpoint(
      {std::string(testing::test_origin), {2, ledger::sha256("another")}, {}});
  const auto key = testing::log_key();
  const std::string note =
      ledger::format_note(text, {ledger::sign_line(fixture.log->verifier(), *key, text).value()});
  CHECK(fixture.ask("POST", "/v1/log/cosignatures", fixture.cosigned(note)).status == 409);
  REQUIRE(fixture.acts.size() == 1);
  CHECK(fixture.acts[0].find("split-view") != std::string::npos);
}

TEST_CASE("an endorsement of an enrolment becomes a leaf; others are refused") {
  WitnessRoutesFixture fixture;
  const std::string stream = fixture.host.stream();
  CHECK_FALSE(fixture.log->stream(stream)->endorsed);
  const std::string note = fixture.endorsement(1);
  CHECK(fixture.ask("POST", "/v1/log/endorsements", note, "provider").status == 403);
  const Response taken = fixture.ask("POST", "/v1/log/endorsements", note);
  CHECK(taken.status == 200);
  CHECK(taken.body.find("\"leaf\":3") != std::string::npos);
  CHECK(fixture.log->stream(stream)->endorsed);
  const std::string leaf = fixture.log->leaf(3).value();
  CHECK(ledger::open_note(leaf, {fixture.authority()}).has_value());
  CHECK(ledger::open_note(leaf, {fixture.log->verifier()}).has_value());
  CHECK(fixture.ask("POST", "/v1/log/endorsements", fixture.endorsement(2)).status == 422);
  std::string other = note;
  other.replace(other.find("leaf 1"), 6, "leaf 0");
  CHECK(fixture.ask("POST", "/v1/log/endorsements", other).status == 422);
  CHECK(fixture.ask("POST", "/v1/log/endorsements", "x").status == 422);
  CHECK(fixture.log->size() == 4);
}

TEST_CASE("the proof of a record holds without the collector, and is for who may read it") {
  WitnessRoutesFixture fixture;
  const std::string path = "/v1/records/" + fixture.host.stream() + "/3";
  const Response proof = fixture.ask("GET", path + "/proof");
  REQUIRE(proof.status == 200);
  const auto parsed = ledger::parse_proof(proof.body);
  REQUIRE(parsed);
  CHECK(ledger::check_proof(*parsed, fixture.log->verifier()).has_value());
  CHECK(fixture.acts.size() == 1);
  CHECK(fixture.ask("GET", path + "/proof", "", "provider").status == 404);
  CHECK(fixture.ask("GET", "/v1/records/" + fixture.host.stream() + "/9/proof").status == 404);
}

TEST_CASE("a list is served under its leaf, other leaves have none") {
  WitnessRoutesFixture fixture;
  const std::string line = fixture.host.id() + " 1 0 live\n";
  const auto head = fixture.lists->keep(line, fixture.log->suite()).value();
  const std::string text =
      ledger::format_roster({fixture.log.clock.wall(), fixture.log->size(), true, head});
  REQUIRE(fixture.log->commit(
      testing::only(LeafEntry{ledger::format_note(text, {fixture.log->sign(text).value()})})));
  CHECK(fixture.ask("GET", "/v1/log/lists/3").body == line);
  for (const std::string leaf : {"0", "2", "4", "x", "03"}) {
    CHECK(fixture.ask("GET", "/v1/log/lists/" + leaf).status == 404);
  }
}

}  // namespace
}  // namespace yunjian::collector
