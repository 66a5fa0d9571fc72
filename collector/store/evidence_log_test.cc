#include "collector/store/evidence_log.h"

#include <doctest/doctest.h>

#include "collector/store/testing/log_kit.h"
#include "ledger/checkpoint.h"

namespace yunjian::collector {
namespace {

using ledger::ErrorKind;
using testing::batch_entry;
using testing::event_lines;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;

const std::string agent_a(32, 'a');
const std::string agent_b(32, 'b');

struct EvidenceLogFixture {
  TestLog log;
  TestAgent agent{agent_a, 1, 1};

  EvidenceLogFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    REQUIRE(log.enrol(agent, "tax", "web-01"));
  }
  Committed commit_batch(std::size_t lines = 3) {
    const ledger::Frame frame = agent.seal(event_lines(test_start, lines));
    auto committed = log->commit(only(batch_entry(frame, "tax", "web-01")));
    REQUIRE(committed);
    return *committed;
  }
};

TEST_CASE("a committed batch has a receipt that verifies and comes back byte for byte") {
  EvidenceLogFixture fixture;
  const ledger::Frame frame = fixture.agent.seal(event_lines(test_start, 3));
  const auto committed = fixture.log->commit(only(batch_entry(frame, "tax", "web-01")));
  REQUIRE(committed);
  REQUIRE(committed->leaves == std::vector<std::uint64_t>{2});
  CHECK(committed->received == test_start);

  const auto receipt = fixture.log->receipt(2);
  REQUIRE(receipt);
  const ledger::Hash hash = ledger::default_suite().hasher()->leaf(frame.header);
  const auto checkpoint = ledger::verify_receipt(*receipt, fixture.log->verifier(), hash);
  REQUIRE(checkpoint);
  CHECK(checkpoint->tree.size == 3);

  const auto stored = fixture.log->batch(fixture.agent.stream(), 0);
  REQUIRE(stored);
  CHECK(stored->frame.header == frame.header);
  CHECK(stored->frame.body == frame.body);
  CHECK(stored->leaf == 2);
  CHECK(stored->unit == "tax");
  CHECK_FALSE(stored->hollow);
}

TEST_CASE("a batch is proven under an earlier checkpoint too, when that covers it") {
  EvidenceLogFixture fixture;
  const ledger::Frame first = fixture.agent.seal(event_lines(test_start, 3));
  REQUIRE(fixture.log->commit(only(batch_entry(first, "tax", "web-01"))));
  const std::string note = fixture.log->checkpoint();
  const std::uint64_t leaf = fixture.log->size() - 1;
  fixture.commit_batch();
  const auto receipt = fixture.log->receipt_under(note, leaf);
  REQUIRE(receipt);
  const ledger::Hash hash = ledger::default_suite().hasher()->leaf(first.header);
  const auto checkpoint = ledger::verify_receipt(*receipt, fixture.log->verifier(), hash);
  REQUIRE(checkpoint);
  CHECK(checkpoint->tree.size == leaf + 1);
  CHECK(fixture.log->receipt_under(note, leaf + 1).error().kind == ErrorKind::reject);
  CHECK_FALSE(fixture.log->receipt_under("no note\n", leaf));
}

TEST_CASE("everything committed is there after a power cut") {
  EvidenceLogFixture fixture;
  for (int i = 0; i < 20; ++i) fixture.commit_batch();
  const std::string checkpoint = fixture.log->checkpoint();
  const auto before = fixture.log->stream(fixture.agent.stream());
  fixture.log.files.crash();
  fixture.log.close();
  REQUIRE(fixture.log.open());
  CHECK(fixture.log->checkpoint() == checkpoint);
  const auto after = fixture.log->stream(fixture.agent.stream());
  REQUIRE(after);
  CHECK(after->next_batch == 20);
  CHECK(after->next_record == 60);
  CHECK(after->head == before->head);
  CHECK(after->next_key == before->next_key);
  CHECK(after->last_received == before->last_received);
  CHECK(fixture.log->batch(fixture.agent.stream(), 19));
  fixture.commit_batch();
  CHECK(fixture.log->size() == 23);
}

TEST_CASE("the WAL goes on in a new segment when one is full, and is read back over all of them") {
  TestLog log(4096);
  REQUIRE(log.create());
  REQUIRE(log.open());
  TestAgent agent(agent_a, 1, 1);
  REQUIRE(log.enrol(agent, "tax", "web-01"));
  std::vector<ledger::Frame> frames;
  for (int i = 0; i < 40; ++i) {
    frames.push_back(agent.seal(event_lines(test_start, 5)));
    REQUIRE(log->commit(only(batch_entry(frames.back(), "tax", "web-01"))));
  }
  const auto segments = log.files.list("/data/wal");
  REQUIRE(segments);
  CHECK(segments->size() > 5);
  REQUIRE(log.open());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto stored = log->batch(agent.stream(), i);
    REQUIRE(stored);
    CHECK(stored->frame.header == frames[i].header);
    CHECK(stored->frame.body == frames[i].body);
  }
}

TEST_CASE("a missing segment and a damaged earlier segment are named") {
  TestLog log(4096);
  REQUIRE(log.create());
  REQUIRE(log.open());
  TestAgent agent(agent_a, 1, 1);
  REQUIRE(log.enrol(agent, "tax", "web-01"));
  for (int i = 0; i < 20; ++i) {
    const ledger::Frame frame = agent.seal(event_lines(test_start, 5));
    REQUIRE(log->commit(only(batch_entry(frame, "tax", "web-01"))));
  }
  log.close();
  const std::string first = "/data/wal/0000000000000000.seg";
  const std::string good = *log.files.content(first);

  std::string bad = good;
  bad[200] = static_cast<char>(bad[200] ^ 1);
  log.files.overwrite(first, bad);
  auto opened = log.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ErrorKind::corrupt);
  CHECK(opened.error().message.find(first) != std::string::npos);
  CHECK(opened.error().message.find("offset") != std::string::npos);

  log.files.overwrite(first, good);
  REQUIRE(log.open());
  log.close();
  REQUIRE(log.files.remove("/data/wal/0000000000000001.seg"));
  opened = log.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message.find("0000000000000001.seg is missing") != std::string::npos);
}

TEST_CASE("a torn tail behind everything signed is cut, the log goes on") {
  EvidenceLogFixture fixture;
  for (int i = 0; i < 3; ++i) fixture.commit_batch();
  fixture.log.close();
  const std::string path = "/data/wal/0000000000000000.seg";
  const std::string good = *fixture.log.files.content(path);
  fixture.log.files.overwrite(path, good + std::string(37, 'x'));
  REQUIRE(fixture.log.open());
  CHECK(fixture.log->recovered().cut_bytes == 37);
  CHECK(fixture.log->recovered().cut_offset == good.size());
  fixture.commit_batch();
  REQUIRE(fixture.log.open());
  CHECK(fixture.log->stream(fixture.agent.stream())->next_batch == 4);
}

TEST_CASE("a cut into what was signed is fatal and says that leaves are lost") {
  EvidenceLogFixture fixture;
  for (int i = 0; i < 3; ++i) fixture.commit_batch();
  fixture.log.close();
  const std::string path = "/data/wal/0000000000000000.seg";
  const std::string good = *fixture.log.files.content(path);
  for (const std::size_t length : {good.size() - 1, good.size() - 8, good.size() / 2}) {
    fixture.log.files.overwrite(path, good.substr(0, length));
    const auto opened = fixture.log.open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.find("leaves that were signed are lost") != std::string::npos);
    // Nothing may have been changed by the attempt.
    CHECK(*fixture.log.files.content(path) == good.substr(0, length));
  }
}

TEST_CASE("an anchor that is missing, foreign, larger or different is fatal and says why") {
  EvidenceLogFixture fixture;
  fixture.commit_batch();
  const std::string older = fixture.log->checkpoint();
  const std::string wal_path = "/data/wal/0000000000000000.seg";
  fixture.log.close();
  const std::string older_wal = *fixture.log.files.content(wal_path);
  REQUIRE(fixture.log.open());
  fixture.commit_batch();
  fixture.log.close();
  const std::string newest = *fixture.log.files.content("/anchor/anchor");

  const auto message_of_open = [&] {
    const auto opened = fixture.log.open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::fatal);
    return opened.error().message;
  };
  SUBCASE("missing") {
    REQUIRE(fixture.log.files.remove("/anchor/anchor"));
    CHECK(message_of_open().find("cannot read the anchor") != std::string::npos);
  }
  SUBCASE("not a checkpoint of this log") {
    fixture.log.files.overwrite("/anchor/anchor", "other\n");
    CHECK(message_of_open().find("no checkpoint signed by this log's key") != std::string::npos);
  }
  SUBCASE("larger than the log") {
    fixture.log.files.overwrite(wal_path, older_wal);
    CHECK(message_of_open().find("names a tree of 4 leaves, the WAL holds 3") != std::string::npos);
  }
  SUBCASE("of the same size, but of another history") {
    // Another last batch, made by the same keys and signed by the log in another life.
    EvidenceLogFixture other;
    const ledger::Frame frame = other.agent.seal(event_lines(test_start, 1, "other"));
    REQUIRE(other.log->commit(only(batch_entry(frame, "tax", "web-01"))));
    const std::string other_note = other.log->checkpoint();
    fixture.log.files.overwrite(wal_path, older_wal);
    fixture.log.files.overwrite("/anchor/anchor", other_note);
    CHECK(message_of_open().find("signed history was changed") != std::string::npos);
  }
}

TEST_CASE("an older anchor and checkpoint file are brought up to the log") {
  EvidenceLogFixture fixture;
  fixture.commit_batch();
  const std::string older = fixture.log->checkpoint();
  fixture.commit_batch();
  const std::string newest = fixture.log->checkpoint();
  fixture.log.close();
  fixture.log.files.overwrite("/anchor/anchor", older);
  fixture.log.files.overwrite("/data/checkpoint", older);
  REQUIRE(fixture.log.open());
  CHECK(fixture.log->recovered().leaves_adopted == 1);
  CHECK(fixture.log->checkpoint() == newest);
  CHECK(*fixture.log.files.content("/anchor/anchor") == newest);
  CHECK(*fixture.log.files.content("/data/checkpoint") == newest);
}

TEST_CASE("create refuses to overwrite, and leaf 0 must enrol the collector's own stream") {
  EvidenceLogFixture fixture;
  fixture.log.close();
  const auto again = fixture.log.create();
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::reject);

  TestLog empty;
  const auto key = testing::log_key();
  const auto made = EvidenceLog::create(empty.files, empty.clock, empty.options(),
                                        {*key, "yunjian/roster/v1\n\n"});
  REQUIRE_FALSE(made);
  CHECK(made.error().kind == ErrorKind::reject);
}

TEST_CASE(
    "an entry that does not continue its stream is refused and nothing of its commit is kept") {
  EvidenceLogFixture fixture;
  const ledger::Frame first = fixture.agent.seal(event_lines(test_start, 1));
  const ledger::Frame second = fixture.agent.seal(event_lines(test_start, 1));
  std::vector<Entry> entries = only(batch_entry(first, "tax", "web-01"));
  entries.emplace_back(batch_entry(first, "tax", "web-01"));
  const auto twice = fixture.log->commit(std::move(entries));
  REQUIRE_FALSE(twice);
  CHECK(twice.error().kind == ErrorKind::reject);
  CHECK(fixture.log->size() == 2);
  CHECK_FALSE(fixture.log->commit(only(batch_entry(second, "tax", "web-01"))));

  entries = only(batch_entry(first, "tax", "web-01"));
  entries.emplace_back(batch_entry(second, "tax", "web-01"));
  CHECK(fixture.log->commit(std::move(entries)));
  CHECK(fixture.log->size() == 4);

  TestAgent stranger(agent_b, 1, 2);
  stranger.enrol("tax", "web-02");
  CHECK_FALSE(fixture.log->commit(only(batch_entry(stranger.seal({"x"}), "tax", "web-02"))));
  CHECK_FALSE(fixture.log->commit(only(LeafEntry{"yunjian/batch/v1\n"})));
  CHECK_FALSE(fixture.log->commit(only(OwnRecord{"two\nlines"})));
  CHECK(fixture.log.fatal == 0);
}

TEST_CASE("a body that comes late fills a hollow batch, also after a restart") {
  EvidenceLogFixture fixture;
  const std::vector<std::string> lines = event_lines(test_start, 4);
  const ledger::Frame frame = fixture.agent.seal(lines);
  BatchEntry hollow = batch_entry(frame, "tax", "web-01");
  hollow.body.clear();
  hollow.hollow = true;
  REQUIRE(fixture.log->commit(only(std::move(hollow))));
  CHECK(fixture.log->stream(fixture.agent.stream())->hollow == 1);
  CHECK(fixture.log->batch(fixture.agent.stream(), 0)->hollow);

  const auto filled =
      fixture.log->commit(only(BodyFill{fixture.agent.stream(), 0, frame.body, std::nullopt}));
  REQUIRE(filled);
  CHECK(filled->leaves == std::vector<std::uint64_t>{no_leaf});
  for (int round = 0; round < 2; ++round) {
    const auto stored = fixture.log->batch(fixture.agent.stream(), 0);
    REQUIRE(stored);
    CHECK_FALSE(stored->hollow);
    CHECK(stored->frame.body == frame.body);
    CHECK(fixture.log->stream(fixture.agent.stream())->hollow == 0);
    const auto view = fixture.log->view([](const BatchRow&) { return true; });
    REQUIRE(view);
    const BatchRow row = view->rows.at(0);
    CHECK(row.time_min == test_start);
    CHECK(row.time_max == test_start + std::chrono::seconds(3));
    REQUIRE(fixture.log.open());
  }
}

TEST_CASE("the next incarnation is endorsed when the old announced key signed for it") {
  EvidenceLogFixture fixture;
  fixture.commit_batch();
  TestAgent next = fixture.agent.next_incarnation(5);
  REQUIRE(fixture.log.enrol(next, "tax", "web-01"));
  for (int round = 0; round < 2; ++round) {
    CHECK(fixture.log->stream(next.stream())->endorsed);
    CHECK_FALSE(fixture.log->stream(fixture.agent.stream())->endorsed);
    REQUIRE(fixture.log.open());
  }
  const auto again = fixture.log.enrol(next, "tax", "web-01");
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::reject);
}

TEST_CASE("an endorsement holds when batches came between its preparation and its commit") {
  EvidenceLogFixture fixture;
  fixture.commit_batch();
  TestAgent next = fixture.agent.next_incarnation(5);
  fixture.commit_batch();
  fixture.commit_batch();
  REQUIRE(fixture.log.enrol(next, "tax", "web-01"));
  for (int round = 0; round < 2; ++round) {
    CHECK(fixture.log->stream(next.stream())->endorsed);
    REQUIRE(fixture.log.open());
  }
}

TEST_CASE("a header that was changed in the WAL is never served, though its checksum was redone") {
  EvidenceLogFixture fixture;
  const Committed committed = fixture.commit_batch();
  const std::string header = *fixture.log->leaf(committed.leaves[0]);
  const std::string path = "/data/wal/0000000000000000.seg";
  std::string bytes = *fixture.log.files.content(path);
  const std::size_t at = bytes.find(header);
  REQUIRE(at != std::string::npos);
  bytes[at + header.size() / 2] ^= 1;
  fixture.log.files.overwrite(path, bytes);
  const auto leaf = fixture.log->leaf(committed.leaves[0]);
  REQUIRE_FALSE(leaf);
  CHECK(leaf.error().kind == ErrorKind::corrupt);
}

TEST_CASE("bundles and tiles are served for the published tree only") {
  EvidenceLogFixture fixture;
  for (int i = 0; i < 3; ++i) fixture.commit_batch();
  const auto bundle = fixture.log->tile({.level = 0, .index = 0, .width = 5, .entries = true});
  REQUIRE(bundle);
  const auto entries = ledger::parse_entries(*bundle);
  REQUIRE(entries);
  REQUIRE(entries->size() == 5);
  CHECK((*entries)[4] == fixture.log->batch(fixture.agent.stream(), 2)->frame.header);
  const auto hashes = fixture.log->tile({.level = 0, .index = 0, .width = 5});
  REQUIRE(hashes);
  CHECK(hashes->size() == 5 * 32);
  CHECK_FALSE(fixture.log->tile({.level = 0, .index = 0, .width = 6}));
  CHECK_FALSE(fixture.log->tile({.level = 0, .index = 0, .width = 6, .entries = true}));
  CHECK_FALSE(fixture.log->tile({.level = 0, .index = 1, .width = 1, .entries = true}));
  CHECK_FALSE(fixture.log->receipt(5));
  CHECK_FALSE(fixture.log->leaf(5));
}

TEST_CASE("nobody gets a checkpoint signed as if it were a leaf") {
  EvidenceLogFixture fixture;
  CHECK(fixture.log->sign("yunjian/roster/v1\n"));
  CHECK_FALSE(fixture.log->sign(std::string(testing::test_origin) + "\n9\nAAAA\n"));
}

}  // namespace
}  // namespace yunjian::collector
