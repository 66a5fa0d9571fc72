#include "agent/old_streams.h"

#include <doctest/doctest.h>

#include "agent/sealer.h"
#include "agent/ship/testing/small_collector.h"
#include "agent/succession.h"
#include "ledger/record.h"
#include "ledger/successor.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::agent {
namespace {

using ledger::testing::MemoryFileSystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::SmallCollector;

constexpr const char* agent_id = "00112233445566778899aabbccddeeff";
const std::string old_directory = std::string("/state/old/") + agent_id + ".1";

// What an earlier incarnation left: batches 0 to 2, sealed.
struct Left {
  MemoryFileSystem files;
  ledger::testing::ManualClock clock{ledger::Time(seconds(1'795'334'400))};
  ledger::testing::SeededRandom random{7};
  ledger::testing::SeededRandom ship_random{8};
  SmallCollector collector;
  AgentIdentity identity{.origin = "log.example", .agent = agent_id, .incarnation = 2};
  std::vector<std::string> records;

  Left() {
    for (const char* path : {"/state", "/state/old"}) {
      REQUIRE(files.make_directory(path, 0700));
    }
    REQUIRE(files.make_directory(old_directory, 0700));
    identity.vkey = collector.verifier().vkey();
    AgentIdentity former = identity;
    former.incarnation = 1;
    REQUIRE(write_identity(files, StatePaths(old_directory), former));
    auto key = ledger::default_suite().generate(random);
    REQUIRE(ledger::Ratchet::create(files, old().ratchet,
                                    {.origin = "log.example", .agent = agent_id, .incarnation = 1},
                                    **key));
    auto spool = Spool::open(files, old().spool, {});
    auto sealer = Sealer::open(*ledger::Ratchet::open(files, old().ratchet), parts(*spool));
    REQUIRE(sealer);
    for (int i = 0; i < 3; ++i) REQUIRE((*sealer)->seal({}, {}));
  }
  static StatePaths old() { return StatePaths(old_directory); }
  Sealer::Parts parts(Spool& spool) {
    return {.spool = &spool,
            .clock = &clock,
            .random = &random,
            .boot_id = "6f7b2f5e-0000-4000-8000-000000000001"};
  }
  // A batch whose frame is there and whose commit is not: a crash between the steps of a seal.
  void crash_before_commit() {
    auto ratchet = ledger::Ratchet::open(files, old().ratchet);
    ledger::Ratchet::Content content;
    content.root = ledger::merkle_root(*ratchet->suite().hasher(), {});
    content.boot_id = "6f7b2f5e-0000-4000-8000-000000000001";
    auto header = ratchet->prepare(random, content, {});
    REQUIRE(header);
    append({.batch = 3, .sealed = clock.wall(), .records = 0, .header = *header});
  }
  void append(const SpoolEntry& entry) {
    auto spool = Spool::open(files, old().spool, {});
    REQUIRE(spool);
    REQUIRE(spool->append(entry));
  }

  // Ships until the shipper is the present stream's.
  void deliver() {
    auto streams = find_old_streams(files, StatePaths("/state"), identity);
    REQUIRE(streams);
    Shipper shipper(std::make_unique<testing::SmallUploader>(collector),
                    ReceiptBook(collector.verifier()), ship_random,
                    ShipperOptions{.stream = identity.stream(),
                                   .backoff = {.base = milliseconds(1), .cap = milliseconds(4)}});
    OldStreams old_streams({.files = &files,
                            .shipper = &shipper,
                            .suite = &ledger::default_suite(),
                            .streams = *streams});
    const auto limit = std::chrono::steady_clock::now() + seconds(20);
    for (auto more = old_streams.deliver(clock.wall(), records);;
         more = old_streams.deliver(clock.wall(), records)) {
      REQUIRE_MESSAGE(more.has_value(), (more ? "" : more.error().message));
      REQUIRE(std::chrono::steady_clock::now() < limit);
      if (!*more) break;
    }
    REQUIRE(old_streams.sealed());
  }
};

TEST_CASE("What an earlier incarnation sealed is shipped, then it is settled") {
  Left left;
  left.deliver();
  CHECK(left.collector.accepted().size() == 3);
  CHECK(left.records.empty());
  CHECK(find_old_streams(left.files, StatePaths("/state"), left.identity)->empty());
}

TEST_CASE("A seal that a crash left in doubt is settled before it is shipped") {
  Left left;
  left.crash_before_commit();
  left.deliver();
  CHECK(left.collector.accepted().size() == 4);
  const auto ratchet = ledger::Ratchet::open(left.files, Left::old().ratchet);
  CHECK_FALSE(ratchet->in_doubt());
  CHECK(ratchet->next_batch() == 4);
}

TEST_CASE("A frame that the sealing state has not committed stays on the host, and is named") {
  Left left;
  const auto before = left.files.content(Left::old().ratchet);
  left.crash_before_commit();
  left.files.overwrite(Left::old().ratchet, *before);  // an older copy was put back
  left.deliver();
  CHECK(left.collector.accepted().size() == 3);
  REQUIRE(left.records.size() == 1);
  CHECK(left.records[0].find("\"reason\":\"not-committed\"") != std::string::npos);
  CHECK(left.records[0].find("\"batches\":\"3\"") != std::string::npos);
}

TEST_CASE("A stream that the collector takes no more stands in nobody's way, and is named") {
  Left left;
  const auto refuse = [](std::string_view) -> ledger::Result<PostAnswer> {
    PostAnswer answer{.status = 200, .body = {}};
    ledger::append_answer(answer.body, {.stream = ledger::stream_id(agent_id, 1),
                                        .batch = 0,
                                        .verdict = ledger::Verdict::refused,
                                        .problem = "the stream is retired"});
    return answer;
  };
  for (int i = 0; i < 1000; ++i) left.collector.plan(refuse);
  left.deliver();
  CHECK(left.collector.accepted().empty());
  CHECK(left.collector.posts() == 5);
  REQUIRE(left.records.size() == 1);
  CHECK(left.records[0].find("\"batches\":\"0-2\",\"cause\":\"not-shipped\"") != std::string::npos);
  CHECK(left.records[0].find("\"reason\":\"refused\"") != std::string::npos);
  CHECK(find_old_streams(left.files, StatePaths("/state"), left.identity)->empty());
}

TEST_CASE("Another log gets what is held only when it goes on for the dead one") {
  Left left;
  left.deliver();
  REQUIRE(left.files.remove(old_directory + "/settled"));
  AgentIdentity former = left.identity;
  former.incarnation = 1;
  former.vkey = "dead.example+00000000+AAAA";
  REQUIRE(write_identity(left.files, Left::old(), former));
  SUBCASE("not otherwise") {
    left.deliver();
    REQUIRE(left.records.empty());  // all of it had receipts
    CHECK(left.collector.posts() == 1);
  }
  SUBCASE("then from the batch that it begins with, whatever has a receipt of the dead one") {
    REQUIRE(replace_file(left.files, Left::old().inherited,
                         "{\"vkey\":\"" + left.identity.vkey + "\",\"batch\":1}", 0644));
    left.deliver();
    CHECK(left.collector.posts() == 2);
    CHECK(left.records.empty());
  }
}

// ---- offers

struct Offer {
  ledger::testing::SeededRandom random{3};
  std::unique_ptr<ledger::PrivateKey> dead_key = *ledger::default_suite().generate(random);
  std::unique_ptr<ledger::PrivateKey> key = *ledger::default_suite().generate(random);
  ledger::Verifier dead{ledger::default_suite(), "dead.example", dead_key->public_key()};
  ledger::Verifier log{ledger::default_suite(), "next.example", key->public_key()};
  AgentIdentity identity{.origin = "dead.example", .agent = agent_id, .vkey = dead.vkey()};

  std::string checkpoint(std::uint64_t size, const std::string& root) const {
    const std::string text =
        ledger::format_checkpoint({.origin = "dead.example",
                                   .tree = {size, ledger::default_suite().hasher()->leaf(root)},
                                   .extensions = {}});
    return ledger::format_note(text, {*ledger::sign_line(dead, *dead_key, text)});
  }
  std::string problem(const std::string& named) const {
    const std::string text = ledger::format_successor(
        {.origin = "next.example", .previous = dead.vkey(), .checkpoint = named, .opened = {}});
    std::string body = R"({"type":"urn:yunjian:problem:successor","vkey":)";
    ledger::append_json_string(body, log.vkey());
    body += ",\"leaf\":";
    ledger::append_json_string(body,
                               ledger::format_note(text, {*ledger::sign_line(log, *key, text)}));
    return body + "}";
  }
};

TEST_CASE("An offer is good when it is by the key it names and names our log") {
  const Offer offer;
  const std::string problem = offer.problem(offer.checkpoint(9, "a"));
  CHECK(read_offer(problem, offer.identity, "")->vkey == offer.log.vkey());
  CHECK(read_offer(problem, offer.identity, offer.checkpoint(12, "b")));  // it names an older one
  AgentIdentity other = offer.identity;
  other.vkey = offer.log.vkey();
  CHECK_FALSE(read_offer(problem, other, ""));
  std::string forged = problem;
  forged[forged.find("opened") + 9] = '9';
  CHECK_FALSE(read_offer(forged, offer.identity, ""));
  CHECK_FALSE(read_offer("{}", offer.identity, ""));
}

TEST_CASE("An offer that contradicts the checkpoint this agent was given is refused") {
  const Offer offer;
  const auto read =
      read_offer(offer.problem(offer.checkpoint(9, "a")), offer.identity, offer.checkpoint(9, "b"));
  REQUIRE_FALSE(read);
  CHECK(read.error().message.find("tell the authority") != std::string::npos);
}

}  // namespace
}  // namespace yunjian::agent
