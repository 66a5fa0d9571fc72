#include "collector/ingest/succession.h"

#include <doctest/doctest.h>

#include "collector/http/testing/test_server.h"
#include "collector/ingest/testing/ingest_kit.h"
#include "ledger/record.h"
#include "ledger/successor.h"

namespace yunjian::collector {
namespace {

using ledger::Verdict;
using testing::event_lines;
using testing::test_origin;
using testing::test_start;
using testing::TestAgent;

const std::string agent_id(32, 'a');
constexpr std::string_view new_origin = "log.test/second";

const ledger::Suite& suite() { return ledger::default_suite(); }

std::string signed_note(const std::string& text, const std::string& name,
                        const ledger::PrivateKey& key) {
  const ledger::Verifier signer(suite(), name, key.public_key());
  return ledger::format_note(text, {*ledger::sign_line(signer, key, text)});
}

std::string text_of(const Response& response, std::string_view key) {
  const auto json = ledger::parse_record(response.body);
  REQUIRE(json);
  return std::string((*json)->find(key).value_or(""));
}

std::string frame_of(const ledger::Frame& frame, bool with_body = true) {
  std::string post;
  ledger::append_frame(post, frame.header, with_body ? frame.body : std::string());
  return post;
}

// A dead log in which an agent sealed batches 0 to 4, and the log that goes on for it.
struct SuccessionFixture {
  ledger::testing::MemoryFileSystem files;
  ledger::testing::TemporaryDirectory directory;
  ledger::SystemClock clock;
  testing::TestAuthority authority;
  ledger::testing::SeededRandom random{77};
  std::unique_ptr<ledger::PrivateKey> key = *suite().generate(random);
  std::unique_ptr<EvidenceLog> log;
  std::unique_ptr<Catalog> catalog = *Catalog::open(directory.path() + "/catalog.sqlite");
  std::unique_ptr<BatchVerifier> verifier;
  std::unique_ptr<EnrolHandler> enrol;
  std::unique_ptr<SuccessionDesk> desk;
  TestAgent agent{agent_id, 1, 5};
  std::string enrolment = agent.enrol("tax", "web-01");
  std::vector<ledger::Frame> frames;
  std::unique_ptr<ledger::PrivateKey> next_key = *suite().generate(random);
  testing::KeyAndRequest tls = testing::make_csr();

  SuccessionFixture() {
    for (const char* path : {"/data", "/anchor"}) REQUIRE(files.make_directory(path, 0700));
    for (int i = 0; i < 5; ++i) frames.push_back(agent.seal(event_lines(test_start, 3)));
    REQUIRE(EvidenceLog::create(files, clock, options(), {*key, leaf0()}));
    open();
    REQUIRE(commit(successor_leaf()));
  }
  EvidenceLog::Options options() const {
    return {.directory = "/data",
            .anchor_path = "/anchor/anchor",
            .origin = std::string(new_origin),
            .suite = &suite(),
            .on_fatal = {}};
  }
  void open() {
    desk.reset();
    log.reset();
    auto secret = key->secret();
    log = *EvidenceLog::open(files, clock, options(), *suite().load(secret));
    verifier = std::make_unique<BatchVerifier>(*log, clock);
    enrol = std::make_unique<EnrolHandler>(
        EnrolmentOffice::Parts{*log, *catalog, authority.authority, clock, random},
        EnrolHandler::Options{.ingest_urls = {"https://collector.test:8443"}});
    desk = std::make_unique<SuccessionDesk>(SuccessionDesk::Parts{.log = *log,
                                                                  .catalog = *catalog,
                                                                  .verifier = *verifier,
                                                                  .enrol = *enrol,
                                                                  .clock = clock,
                                                                  .secret = "the collector's"});
  }
  ledger::Result<Committed> commit(std::string leaf) {
    return log->commit(testing::only(LeafEntry{std::move(leaf)}));
  }
  std::string leaf0() {
    const auto own = *suite().generate(random);
    const ledger::Enrolment opened{.origin = std::string(new_origin),
                                   .agent = std::string(32, '0'),
                                   .incarnation = 1,
                                   .unit = "collector",
                                   .host = "collector",
                                   .suite = std::string(suite().name()),
                                   .first_key = own->public_key(),
                                   .previous = std::nullopt,
                                   .enrolled = test_start};
    const std::string text = ledger::format_enrolment(opened);
    const std::string name = ledger::agent_key_name(new_origin, opened.agent);
    const ledger::Verifier by_log(suite(), std::string(new_origin), key->public_key());
    const ledger::Verifier by_own(suite(), name, own->public_key());
    return ledger::format_note(
        text, {*ledger::sign_line(by_log, *key, text), *ledger::sign_line(by_own, *own, text)});
  }
  std::string successor_leaf() const {
    const auto dead_key = testing::log_key();
    const ledger::Verifier dead(suite(), std::string(test_origin), dead_key->public_key());
    const std::string checkpoint =
        ledger::format_checkpoint({.origin = std::string(test_origin),
                                   .tree = {9, suite().hasher()->leaf("x")},
                                   .extensions = {}});
    const std::string text = ledger::format_successor(
        {.origin = std::string(new_origin),
         .previous = dead.vkey(),
         .checkpoint = signed_note(checkpoint, std::string(test_origin), *dead_key),
         .opened = test_start});
    return signed_note(text, std::string(new_origin), *key);
  }

  using Members = std::map<std::string, std::string>;
  Response ask(Members members, const std::string& by = agent_id) {
    members.try_emplace("enrolment", enrolment);
    members.try_emplace("head", frames.back().header);
    members.try_emplace("key", ledger::to_base64(next_key->public_key()));
    members.try_emplace("csr", tls.csr);
    std::string body;
    for (const auto& [name, text] : members) {
      body += body.empty() ? "{" : ",";
      ledger::append_json_string(body, name);
      body += ":";
      ledger::append_json_string(body, text);
    }
    Request request;
    request.method = "POST";
    request.path = "/ingest/v1/successor";
    request.body = body + "}";
    request.client_common_name = by;
    return desk->enrol(request);
  }
  Response first_step() { return ask({{"host", "web-01"}, {"suite", "ed25519-sha256"}}); }
  // By the new key, and by `endorser`.
  std::string signatures(const std::string& text, const ledger::PrivateKey& endorser) const {
    const std::string name = ledger::agent_key_name(new_origin, agent_id);
    const ledger::Verifier first(suite(), name, next_key->public_key());
    const ledger::Verifier second(suite(), name, endorser.public_key());
    return ledger::format_note(text, {*ledger::sign_line(first, *next_key, text),
                                      *ledger::sign_line(second, endorser, text)})
        .substr(text.size() + 1);
  }
  void change() {
    const Response first = first_step();
    CAPTURE(first.body);
    REQUIRE(first.status == 200);
    const std::string text = text_of(first, "text");
    const Response second = ask({{"signature", signatures(text, *agent.announced_key())}});
    CAPTURE(second.body);
    REQUIRE(second.status == 200);
  }
  Request frames_request(std::string body) const {
    Request request;
    request.body = std::move(body);
    request.client_common_name = agent_id;
    return request;
  }
  Response link(std::initializer_list<std::size_t> batches) {
    std::string post;
    for (const std::size_t batch : batches) post += frame_of(frames[batch], false);
    return desk->link(frames_request(post));
  }
  Verdict begin(std::size_t batch) {
    const Response response = desk->begin(frames_request(frame_of(frames[batch])));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return ledger::parse_answers(response.body)->front().verdict;
  }
  ledger::Answer ship(const ledger::Frame& frame) {
    const std::string post = frame_of(frame);
    return verifier->answer(*ledger::split_frames(post), agent_id)->front();
  }
  StreamState stream(std::uint64_t incarnation) {
    return log->stream(ledger::stream_id(agent_id, incarnation)).value();
  }
};

TEST_CASE_FIXTURE(SuccessionFixture,
                  "an agent of the dead log goes on without a token and resends") {
  CHECK(desk->is_heir(agent_id).value());
  CHECK(text_of(desk->tell(), "vkey") == log->verifier().vkey());
  change();
  CHECK_FALSE(desk->is_heir(agent_id).value());
  CHECK(stream(1).inherited);
  CHECK_FALSE(stream(2).endorsed);  // told when the header is here that announced the key
  CHECK(catalog->host(Scope::all(), "web-01").value()->unit == "tax");

  CHECK(link({4, 3}).status == 200);
  CHECK(link({2}).status == 200);
  CHECK(begin(2) == Verdict::accepted);
  CHECK(stream(1).first_batch == 2);
  for (const std::size_t batch : {2U, 3U, 4U}) {
    CHECK(ship(frames[batch]).verdict == (batch == 2 ? Verdict::duplicate : Verdict::accepted));
  }
  CHECK(stream(2).endorsed);
  CHECK(stream(1).closed);
  SUBCASE("what is older than the beginning is refused, and nothing follows the end") {
    CHECK(ship(frames[1]).verdict == Verdict::refused);
    CHECK(ship(agent.seal(event_lines(test_start, 1))).verdict == Verdict::refused);
  }
  SUBCASE("all of it is there after a restart") {
    open();
    CHECK(log->predecessor()->name() == test_origin);
    CHECK(stream(1).first_batch == 2);
    CHECK(stream(1).closed);
    CHECK(stream(2).endorsed);
    CHECK(ship(frames[3]).verdict == Verdict::duplicate);
    CHECK(link({4}).body.find("\"begun\":2") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(SuccessionFixture, "both steps may be repeated, and another key comes too late") {
  change();
  const Response again = first_step();
  REQUIRE(again.status == 200);
  CHECK(ask({{"signature", signatures(text_of(again, "text"), *agent.announced_key())}}).status ==
        200);
  next_key = *suite().generate(random);
  const Response late = first_step();
  CHECK(late.status == 409);
  CHECK(late.body.find("urn:yunjian:problem:incarnation-taken") != std::string::npos);
}

TEST_CASE_FIXTURE(SuccessionFixture,
                  "who cannot show the dead log's enrolment and its own key is refused") {
  CHECK(ask({{"host", "web-01"}, {"suite", "ed25519-sha256"}}, std::string(32, 'b')).status == 400);
  TestAgent other(agent_id, 1, 99);
  std::string forged = other.enrol("tax", "web-01");
  forged[forged.find("tax")] = 'x';
  CHECK(ask({{"enrolment", forged}, {"host", "web-01"}, {"suite", "ed25519-sha256"}}).status ==
        400);
  const Response first = first_step();
  REQUIRE(first.status == 200);
  const std::string text = text_of(first, "text");
  CHECK(ask({{"signature", signatures(text, *other.announced_key())}}).status == 400);
  const std::string alone = signatures(text, *agent.announced_key());
  CHECK(ask({{"signature", alone.substr(0, alone.find('\n') + 1)}}).status == 400);
  CHECK(log->stream(ledger::stream_id(agent_id, 2)) == std::nullopt);
}

TEST_CASE_FIXTURE(SuccessionFixture,
                  "nothing of the old stream is taken that does not lead to its end") {
  CHECK(ship(frames[4]).verdict == Verdict::refused);
  change();
  CHECK(ship(frames[4]).verdict == Verdict::refused);
  CHECK(link({3}).status == 409);     // not the end
  CHECK(link({4, 2}).status == 409);  // a hole
  CHECK(link({4, 3}).status == 200);
  CHECK(begin(2) == Verdict::refused);
  CHECK(begin(4) == Verdict::refused);
  ledger::Frame torn = frames[3];
  torn.body = "torn";
  const Response other = desk->begin(frames_request(frame_of(torn)));
  CHECK(ledger::parse_answers(other.body)->front().verdict == Verdict::refused);
  CHECK_FALSE(stream(1).begun);
  CHECK(begin(3) == Verdict::accepted);
}

TEST_CASE_FIXTURE(SuccessionFixture, "links are shown again after a restart") {
  change();
  REQUIRE(link({4, 3}).status == 200);
  open();
  const Response lost = desk->begin(frames_request(frame_of(frames[3])));
  CHECK(lost.body.find("urn:yunjian:problem:not-linked") != std::string::npos);
  REQUIRE(link({4, 3, 2, 1, 0}).status == 200);
  CHECK(begin(0) == Verdict::accepted);
}

TEST_CASE_FIXTURE(SuccessionFixture, "an agent that had sealed nothing goes on at once") {
  agent = TestAgent(agent_id, 1, 6);
  enrolment = agent.enrol("tax", "web-01");
  frames.assign(1, {});
  change();
  CHECK(stream(2).endorsed);
}

}  // namespace
}  // namespace yunjian::collector
