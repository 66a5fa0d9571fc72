#include "collector/store/own_stream.h"

#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <thread>

#include "collector/store/testing/log_kit.h"

namespace yunjian::collector {
namespace {

using ledger::testing::Fault;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;
using namespace std::chrono_literals;

const std::string state_path = "/data/stream.state";
const std::string boot_id = "01234567-89ab-cdef-0123-456789abcdef";

// A log whose own stream is signed by a real ratchet.
struct OwnStreamFixture {
  TestLog log;
  ledger::testing::SeededRandom random{42};
  std::unique_ptr<OwnStream> own;

  OwnStreamFixture() {
    const std::string leaf0 = log.own.enrol("collector", "collector");
    const auto key = testing::log_key();
    REQUIRE(EvidenceLog::create(log.files, log.clock, log.options(), {*key, leaf0}));
    ledger::Ratchet::Identity identity;
    identity.origin = testing::test_origin;
    identity.agent = log.own.id();
    identity.enrolment_leaf = ledger::default_suite().hasher()->leaf(leaf0);
    REQUIRE(ledger::Ratchet::create(log.files, state_path, identity, *log.own.first_key()));
  }
  ledger::Result<void> open() {
    own.reset();
    if (auto opened = log.open(); !opened) return opened;
    log.fatal = 0;
    auto opened = OwnStream::open(*log, {log.files, log.clock, random}, {state_path, boot_id});
    if (!opened) return failure(opened);
    own = std::move(*opened);
    return {};
  }
  void close() {
    own.reset();
    log.close();
  }
  void step_after(std::chrono::seconds time) {
    log.clock.advance(time);
    REQUIRE(own->step(log.clock.wall()));
  }
  std::uint64_t batches() { return log->stream(log.own.stream())->next_batch; }

  // Lines of all batches, in order, then those that wait.
  std::vector<std::string> all_lines() {
    std::vector<std::string> all;
    for (std::uint64_t i = 0; i < batches(); ++i) {
      const auto batch = log->batch(log.own.stream(), i);
      REQUIRE(batch);
      const auto header = ledger::read_header(batch->frame.header, ledger::default_suite());
      REQUIRE(header);
      REQUIRE(header->header.first_record == all.size());
      ledger::BodyDecoder decoder;
      std::string lines;
      REQUIRE(decoder.decode(batch->frame.body, lines));
      const auto split = ledger::split_lines(lines, header->header.records);
      REQUIRE(split);
      const auto hasher = ledger::default_suite().hasher();
      REQUIRE(ledger::lines_root(*hasher, *split) == header->header.root);
      all.insert(all.end(), split->begin(), split->end());
    }
    for (std::string& line : log->unsealed_own_records()) all.push_back(std::move(line));
    return all;
  }
};

TEST_CASE("an act is durable when record() returns and is sealed within a minute") {
  OwnStreamFixture fixture;
  REQUIRE(fixture.open());
  REQUIRE(fixture.own->record("first"));
  REQUIRE(fixture.own->record("second"));
  fixture.step_after(0s);
  CHECK(fixture.log->unsealed_own_count() == 2);
  CHECK(fixture.batches() == 0);
  fixture.step_after(59s);
  CHECK(fixture.batches() == 0);
  fixture.step_after(1s);
  CHECK(fixture.batches() == 1);
  CHECK(fixture.log->unsealed_own_count() == 0);
  CHECK(fixture.all_lines() == std::vector<std::string>{"first", "second"});
  fixture.step_after(600s);
  CHECK(fixture.batches() == 1);
}

TEST_CASE("many acts are sealed at once, a stop seals the rest") {
  OwnStreamFixture fixture;
  REQUIRE(fixture.open());
  for (std::size_t i = 0; i < own_records_waiting_max; ++i) REQUIRE(fixture.own->record("act"));
  fixture.step_after(0s);
  CHECK(fixture.batches() == 1);
  REQUIRE(fixture.own->record("last"));
  REQUIRE(fixture.own->stop());
  CHECK(fixture.batches() == 2);
  REQUIRE(fixture.open());
  CHECK(fixture.all_lines().size() == own_records_waiting_max + 1);
}

TEST_CASE("more acts than a batch holds are sealed in several") {
  OwnStreamFixture fixture;
  REQUIRE(fixture.open());
  const std::string large(60'000, 'x');
  for (int i = 0; i < 40; ++i) REQUIRE(fixture.own->record(large));
  REQUIRE(fixture.own->stop());
  CHECK(fixture.batches() == 3);
  CHECK(fixture.log->unsealed_own_count() == 0);
  CHECK(fixture.all_lines().size() == 40);
}

TEST_CASE("a clock that is set back does not put the seal off") {
  OwnStreamFixture fixture;
  REQUIRE(fixture.open());
  REQUIRE(fixture.own->record("act"));
  fixture.step_after(0s);
  fixture.log.clock.step_wall(-3600s);
  fixture.step_after(0s);
  fixture.step_after(60s);
  CHECK(fixture.batches() == 1);
}

TEST_CASE("what is no record line is refused") {
  OwnStreamFixture fixture;
  REQUIRE(fixture.open());
  CHECK_FALSE(fixture.own->record(""));
  CHECK_FALSE(fixture.own->record("two\nlines"));
  CHECK_FALSE(fixture.own->record(std::string(70'000, 'x')));
  CHECK(fixture.log->unsealed_own_count() == 0);
}

TEST_CASE("the header tells whether the collector had crashed before") {
  OwnStreamFixture fixture;
  const auto flags_of_last = [&] {
    const auto batch = fixture.log->batch(fixture.log.own.stream(), fixture.batches() - 1);
    return ledger::read_header(batch->frame.header, ledger::default_suite())->header.flags;
  };
  REQUIRE(fixture.open());
  REQUIRE(fixture.own->record("one"));
  REQUIRE(fixture.own->stop());
  CHECK(flags_of_last() == std::vector<std::string>{"clean-start"});
  REQUIRE(fixture.own->record("two"));
  REQUIRE(fixture.own->stop());
  CHECK(flags_of_last().empty());
  REQUIRE(fixture.own->record("three"));
  REQUIRE(fixture.open());  // without stop
  REQUIRE(fixture.own->stop());
  CHECK(flags_of_last() == std::vector<std::string>{"crash-start"});
}

TEST_CASE("a state file that is older than the log is fatal") {
  OwnStreamFixture fixture;
  REQUIRE(fixture.open());
  const std::string old_state = *fixture.log.files.content(state_path);
  REQUIRE(fixture.own->record("one"));
  REQUIRE(fixture.own->stop());
  fixture.close();
  fixture.log.files.overwrite(state_path, old_state);
  const auto opened = fixture.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ledger::ErrorKind::fatal);
  CHECK(opened.error().message.find("older copy") != std::string::npos);
}

// Acts, seals and stops until something fails; the acts that were acknowledged.
std::vector<std::string> play(OwnStreamFixture& fixture, int first) {
  std::vector<std::string> acknowledged;
  for (int i = first; i < first + 6; ++i) {
    const std::string act = "act " + std::to_string(i);
    if (!fixture.own->record(act)) return acknowledged;
    acknowledged.push_back(act);
    fixture.log.clock.advance(61s);
    if (!fixture.own->step(fixture.log.clock.wall())) return acknowledged;
    if (i % 2 == 1 && !fixture.own->stop()) return acknowledged;
  }
  return acknowledged;
}

TEST_CASE("whatever call fails: no acknowledged act is lost or twice, the stream goes on") {
  std::uint64_t calls = 0;
  {
    OwnStreamFixture fixture;
    REQUIRE(fixture.open());
    const std::uint64_t before = fixture.log.files.changing_calls();
    play(fixture, 0);
    fixture.close();
    calls = fixture.log.files.changing_calls() - before;
  }
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
      CAPTURE(nth);
      CAPTURE(static_cast<int>(fault));
      OwnStreamFixture fixture;
      REQUIRE(fixture.open());
      fixture.log.files.fail_nth(nth, fault);
      std::vector<std::string> expected = play(fixture, 0);
      fixture.close();
      const bool keep = nth % 2 == 0;
      fixture.log.files.crash_keeping(
          [keep](const std::string&, std::uint64_t unsynced) { return keep ? unsynced : 0; });
      fixture.log.files.fail_nth(0, Fault::none);
      const auto opened = fixture.open();
      REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
      for (const std::string& act : play(fixture, 100)) expected.push_back(act);
      REQUIRE(fixture.own->stop());
      std::vector<std::string> kept = fixture.all_lines();
      // An act that was not acknowledged may have been kept: there is at most one.
      if (kept.size() == expected.size() + 1) {
        for (std::size_t i = 0; i < kept.size(); ++i) {
          if (i == expected.size() || kept[i] != expected[i]) {
            kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
            break;
          }
        }
      }
      REQUIRE(kept == expected);
    }
  }
}

}  // namespace
}  // namespace yunjian::collector
