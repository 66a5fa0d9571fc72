#include "collector/witness/checkpoint_history.h"

#include <doctest/doctest.h>

#include "collector/store/testing/log_kit.h"
#include "ledger/checkpoint.h"

namespace yunjian::collector {
namespace {

TEST_CASE("the first checkpoint of each day stays as it was signed, also over restarts") {
  testing::TestLog log;
  REQUIRE(log.create());
  REQUIRE(log.open());
  const auto history = [&] {
    return CheckpointHistory(
        *log, {.files = log.files, .clock = log.clock, .directory = "/data/checkpoints"});
  };
  const std::string day = ledger::format_time(log.clock.wall()).substr(0, 10);
  const std::string first = log->checkpoint();
  CheckpointHistory running = history();
  REQUIRE(running.step());
  testing::TestAgent agent(std::string(32, 'a'), 1, 1);
  REQUIRE(log.enrol(agent, "tax", "web-01"));
  REQUIRE(log->checkpoint() != first);
  REQUIRE(running.step());
  REQUIRE(history().step());
  CHECK(log.files.content("/data/checkpoints/" + day) == first);
  log.clock.advance(std::chrono::hours(24));
  REQUIRE(running.step());
  CHECK(log.files.list("/data/checkpoints")->size() == 2);
  const std::string next = ledger::format_time(log.clock.wall()).substr(0, 10);
  CHECK(log.files.content("/data/checkpoints/" + next) == log->checkpoint());
}

}  // namespace
}  // namespace yunjian::collector
