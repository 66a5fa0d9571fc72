#include "collector/store/filing_thread.h"

#include <doctest/doctest.h>

#include <atomic>

#include "collector/store/filing_pace.h"
#include "collector/store/testing/log_kit.h"

namespace yunjian::collector {
namespace {

using testing::batch_entry;
using testing::event_lines;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;
using namespace std::chrono_literals;

constexpr std::uint64_t mib = 1U << 20;

TEST_CASE("filing waits while the WAL grows fast and a moment longer") {
  FilingPace pace(100 * mib);
  CHECK_FALSE(pace.must_wait(100 * mib));
  CHECK_FALSE(pace.must_wait(100 * mib + mib / 2));  // half a MiB in half a second
  CHECK(pace.must_wait(102 * mib));
  for (int look = 1; look < FilingPace::calm_looks; ++look) {
    CAPTURE(look);
    CHECK(pace.must_wait(102 * mib));
  }
  CHECK_FALSE(pace.must_wait(102 * mib));
  CHECK(pace.must_wait(103 * mib));
}

TEST_CASE("filing does not wait for ever: at most 128 MiB lie unfiled") {
  FilingPace pace(0);
  std::uint64_t bytes = 0;
  for (; pace.must_wait(bytes + 4 * mib); bytes += 4 * mib) REQUIRE(bytes < 1024 * mib);
  CHECK(bytes == 124 * mib);
  CHECK_FALSE(pace.must_wait(bytes + 8 * mib));
  pace.caught_up(bytes + 8 * mib);
  CHECK(pace.must_wait(bytes + 12 * mib));
}

// A log with several closed segments to file.
struct Filled {
  TestLog log{6000};
  TestAgent agent{std::string(32, 'a'), 1, 1};

  explicit Filled(std::size_t batches) {
    REQUIRE(log.create());
    REQUIRE(log.open());
    REQUIRE(log.enrol(agent, "tax", "web-01"));
    for (std::size_t i = 0; i < batches; ++i) {
      const auto lines = event_lines(test_start + std::chrono::minutes(i), 6);
      REQUIRE(log->commit(only(batch_entry(agent.seal(lines), "tax", "web-01"))));
    }
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (log->stats().stored_leaves < log->size()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
  }
};

TEST_CASE("the thread files what waits, tells how often, and what went wrong") {
  Filled filled(40);
  const auto wait_for = [&](const auto& condition) {
    const auto limit = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
  };
  {
    FilingThread thread(*filled.log, {});
    wait_for([&] { return filled.log->stats().segments_to_file == 0; });
    wait_for([&] { return thread.status().steps > 0; });
    CHECK_FALSE(thread.status().error.has_value());
  }
  Filled broken(40);
  broken.log.files.overwrite("/data/wal/0000000000000000.seg", "not a segment");
  FilingThread thread(*broken.log, {});
  wait_for([&] { return thread.status().error.has_value(); });
  CHECK(thread.status().error->message.find("0000000000000000.seg") != std::string::npos);
}

TEST_CASE("a step that runs when the collector stops ends in its middle; the next start files it") {
  Filled filled(120);
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> named = 0;
  // Stopped at the first write of a part.
  filled.log.files.set_decide([&](std::string_view operation, const std::string& path) {
    const bool of_part = path.find(".part") != std::string::npos;
    if (operation == "append" && of_part && !stopped) {
      stopped = true;
      filled.log->stop_filing();
    } else if (operation == "rename" && path.ends_with(".part.new")) {
      ++named;
    }
    return ledger::testing::Fault::none;
  });
  const auto done = filled.log->file_step();
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ledger::ErrorKind::retry);
  CHECK(stopped);
  CHECK(named == 0);  // no part got its name
  CHECK_FALSE(filled.log->file_step());
  filled.log.files.set_decide({});
  REQUIRE(filled.log.open());
  for (;;) {
    const auto step = filled.log->file_step();
    REQUIRE(step);
    if (!*step) break;
  }
  CHECK(filled.log->stats().segments_to_file == 0);
  for (std::uint64_t batch = 0; batch < 120; ++batch) {
    REQUIRE(filled.log->lines(filled.agent.stream(), batch));
  }
}

}  // namespace
}  // namespace yunjian::collector
