#include "collector/witness/roster_keeper.h"

#include <doctest/doctest.h>

#include "collector/store/testing/log_kit.h"
#include "ledger/statement_leaves.h"

namespace yunjian::collector {
namespace {

using testing::TestAgent;
using testing::TestLog;

struct Rosters {
  Rosters() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    lists = std::make_unique<ListFiles>(log.files, "/data/lists");
    keeper = std::make_unique<RosterKeeper>(*log.log, *lists, log.clock);
  }
  // The lines of the roster that this step made; "" when it made none.
  std::string step() {
    const auto made = keeper->step();
    REQUIRE(made);
    if (!*made) return "";
    last = **made;
    const std::string leaf = log->leaf(last.leaf).value();
    return lists->read(ledger::list_of_leaf(leaf).value(), log->suite()).value();
  }
  void seal(TestAgent& agent) {
    REQUIRE(log->commit(testing::only(testing::batch_entry(
        agent.seal(testing::event_lines(testing::test_start, 1)), "water", "web-01"))));
  }
  void wait(std::chrono::seconds time) { log.clock.advance(time); }

  TestLog log;
  TestAgent a{std::string(32, 'a'), 1, 1};
  TestAgent b{std::string(32, 'b'), 1, 2};
  std::unique_ptr<ListFiles> lists;
  std::unique_ptr<RosterKeeper> keeper;
  RosterKeeper::Made last;
};

TEST_CASE("a log without agents has no roster; the collector's own stream is none") {
  Rosters rosters;
  CHECK(rosters.step().empty());
}

TEST_CASE("each hour a roster names every agent; who falls silent is named within a minute") {
  Rosters rosters;
  REQUIRE(rosters.log.enrol(rosters.a, "water", "web-01"));
  REQUIRE(rosters.log.enrol(rosters.b, "water", "web-02"));
  rosters.seal(rosters.a);
  const std::string a = rosters.a.id();
  const std::string b = rosters.b.id();
  CHECK(rosters.step() == a + " 1 0 live\n" + b + " 1 - live\n");
  CHECK(rosters.last.all);
  CHECK(rosters.step().empty());
  rosters.wait(std::chrono::seconds(120));
  rosters.seal(rosters.a);
  CHECK(rosters.step().empty());
  rosters.wait(std::chrono::seconds(61));
  CHECK(rosters.step() == b + " 1 - silent\n");
  CHECK_FALSE(rosters.last.all);
  CHECK(rosters.last.fell_silent == std::vector<std::string>{b});
  CHECK(rosters.last.silent == 1);
  rosters.seal(rosters.b);
  CHECK(rosters.step().empty());
  rosters.wait(std::chrono::seconds(60));
  CHECK(rosters.step() == b + " 1 0 live\n");
  rosters.wait(std::chrono::hours(1));
  CHECK(rosters.step() == a + " 1 1 silent\n" + b + " 1 0 silent\n");
  CHECK(rosters.last.all);
}

TEST_CASE("a retired agent leaves the rosters, and no batch of it is taken any more") {
  Rosters rosters;
  REQUIRE(rosters.log.enrol(rosters.a, "water", "web-01"));
  REQUIRE(rosters.log.enrol(rosters.b, "water", "web-02"));
  rosters.seal(rosters.a);
  const auto state = rosters.log->stream(rosters.a.stream()).value();
  const auto retire = [&](std::uint64_t batches) {
    const std::string text = ledger::format_retirement(
        {rosters.a.id(), 1, batches, state.head, rosters.log.clock.wall()});
    return rosters.log->commit(
        testing::only(LeafEntry{ledger::format_note(text, {rosters.log->sign(text).value()})}));
  };
  CHECK_FALSE(retire(2));
  REQUIRE(retire(1));
  CHECK_FALSE(retire(1));
  CHECK(rosters.step() == rosters.b.id() + " 1 - live\n");
  auto late = testing::batch_entry(rosters.a.seal(testing::event_lines(testing::test_start, 1)),
                                   "water", "web-01");
  CHECK_FALSE(rosters.log->commit(testing::only(std::move(late))));
  rosters.log.close();
  REQUIRE(rosters.log.open());
  CHECK(rosters.log->stream(rosters.a.stream()).value().retired);
}

TEST_CASE("a list whose lines were changed on disk is not served") {
  Rosters rosters;
  REQUIRE(rosters.log.enrol(rosters.a, "water", "web-01"));
  REQUIRE_FALSE(rosters.step().empty());
  const auto head = ledger::list_of_leaf(rosters.log->leaf(rosters.last.leaf).value()).value();
  const std::string path = "/data/lists/" + ledger::list_file_name(head.root);
  rosters.log.files.overwrite(path, rosters.a.id() + " 1 - silent\n");
  const auto read = rosters.lists->read(head, rosters.log->suite());
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == ledger::ErrorKind::corrupt);
}

}  // namespace
}  // namespace yunjian::collector
