// A purge that is cut off at any step, and what a small site lets go.
#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "collector/store/testing/log_kit.h"

namespace yunjian::collector {
namespace {

using ledger::testing::Fault;
using testing::batch_entry;
using testing::event_lines;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;
using namespace std::chrono_literals;

constexpr std::size_t old_batches = 12;

EvidenceLog::Retention year() {
  EvidenceLog::Retention retention;
  retention.keep = retention_min;
  retention.act = [](const EvidenceLog::Purged& purged) {
    return "purge of " + purged.day + ": " + std::to_string(purged.batches);
  };
  return retention;
}

// A log whose first day is over for more than a year, with no segment near the size at which one
// is closed.
struct Site {
  TestLog log;
  TestAgent agent{std::string(32, 'a'), 1, 1};

  Site() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    REQUIRE(log.enrol(agent, "tax", "web-01"));
    for (std::size_t i = 0; i < old_batches; ++i) commit();
    log.clock.advance(24h * 368);
    commit();
  }
  void commit() {
    const auto lines = event_lines(test_start, 3);
    REQUIRE(log->commit(only(batch_entry(agent.seal(lines), "tax", "web-01"))));
  }
  void file_all() {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (log->stats().stored_leaves < log->size()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
    for (;;) {
      const auto done = log->file_step();
      REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
      if (!*done) return;
    }
  }
  std::vector<std::string> purge_leaves() {
    std::vector<std::string> found;
    for (std::uint64_t i = 0; i < log->size(); ++i) {
      const auto leaf = log->leaf(i);
      REQUIRE(leaf);
      if (leaf->starts_with("yunjian/purge/v1\n")) found.push_back(*leaf);
    }
    return found;
  }
  std::size_t acts() {
    return static_cast<std::size_t>(std::ranges::count_if(
        log->unsealed_own_records(),
        [](const std::string& line) { return line.starts_with("purge of "); }));
  }
  std::size_t bodies() {
    std::size_t count = 0;
    for (std::size_t i = 0; i <= old_batches; ++i) {
      count += log->batch_row(agent.stream(), i).value()->hollow ? 0 : 1;
    }
    return count;
  }
};

}  // namespace

TEST_CASE("what a small site committed on a day that is over is filed, and goes when it is due") {
  Site site;
  CHECK(site.bodies() == old_batches + 1);
  site.file_all();
  CHECK(site.log->stats().parts == 1);
  const auto purged = site.log->purge_step(year());
  REQUIRE_MESSAGE(purged, (purged ? "" : purged.error().message));
  REQUIRE(*purged);
  CHECK((*purged)->batches == old_batches);
  CHECK(site.bodies() == 1);
  CHECK(site.purge_leaves().size() == 1);
  CHECK(site.acts() == 1);
  CHECK_FALSE(site.log->purge_step(year()).value());
}

TEST_CASE("a day whose records are held makes no act") {
  Site site;
  site.file_all();
  auto retention = year();
  retention.held = [](const std::string&, const std::string&, std::uint64_t) { return true; };
  REQUIRE(site.log->purge_step(retention));
  CHECK(site.acts() == 0);
  CHECK(site.purge_leaves().empty());
}

TEST_CASE("a purge that is cut off at any step leaves no leaf without its act, and is done later") {
  std::size_t cut = 0;
  for (std::uint64_t nth = 1;; ++nth) {
    CAPTURE(nth);
    Site site;
    site.file_all();
    const Fault fault = nth % 2 == 0 ? Fault::fail : Fault::fail_after;
    site.log.files.fail_nth(nth, fault, true);
    const bool done = site.log->purge_step(year()).has_value();
    site.log.files.fail_nth(0, Fault::none);
    site.log.files.crash();
    const auto opened = site.log.open();
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    CHECK(site.acts() >= site.purge_leaves().size());
    if (done) {
      CHECK(site.acts() == 1);
      break;
    }
    ++cut;
    site.file_all();
    const auto again = site.log->purge_step(year());
    REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
    CHECK(site.bodies() == 1);
    CHECK(!site.purge_leaves().empty());
    CHECK(site.acts() >= site.purge_leaves().size());
    CHECK_FALSE(site.log->purge_step(year()).value());
  }
  CHECK(cut > 8);
}

}  // namespace yunjian::collector
