#include "agent/agent.h"

#include <doctest/doctest.h>

#include <map>

#include "agent/json_object.h"
#include "agent/testing/small_host.h"

namespace yunjian::agent {
namespace {

using ledger::testing::ManualClock;
using ledger::testing::MemoryFileSystem;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::agent_id;
using testing::event_line;
using testing::SmallCollector;
using Host = testing::SmallHost;

TEST_CASE("Lines arrive once and in order, between a start and a stop record") {
  Host host;
  host.lines = 10'000;
  host.start();
  host.run_for(seconds(5));
  host.lines = 10'100;
  host.run_for(seconds(70));
  host.stop();
  host.check_every_line_once();
  const Host::Arrived all = host.arrived();
  CHECK(all.count("\"what\":\"start\"") == 1);
  CHECK(all.count("\"what\":\"stop\"") == 1);
  CHECK(all.flags.front() == std::vector<std::string>{"clean-start"});
  CHECK(all.lines.front().find("\"previous_stop\":\"none\"") != std::string::npos);
}

TEST_CASE(
    "An agent that is killed at any step loses and doubles nothing, and says that it crashed") {
  Host host;
  for (int round = 0; round < 12; ++round) {
    host.start();
    host.lines += 700;
    for (int step = 0; step < round; ++step) REQUIRE(host.agent->step(false));
    host.run_for(seconds(round % 4));
    host.end();
    if (round % 2 == 0) host.files.crash();
  }
  host.start();
  host.stop();
  host.check_every_line_once();
  CHECK(host.arrived().flags.back() != host.arrived().flags.front());
  CHECK(host.arrived().count("\"previous_stop\":\"crash\"") >= 1);
}

TEST_CASE("A quiet host seals a heartbeat every minute and nothing else") {
  Host host;
  host.start();
  host.run_for(minutes(10));
  host.drain();
  const std::size_t batches = host.collector.accepted().size();
  CHECK(batches >= 10);
  CHECK(batches <= 12);
}

TEST_CASE("The loop sleeps between its seconds") {
  Host host;
  host.start();
  host.run_for(minutes(2));
  int steps = 0;
  for (const auto until = host.clock.boot() + minutes(1); host.clock.boot() < until; ++steps) {
    const auto next = host.agent->step(false);
    REQUIRE(next);
    host.clock.advance(std::max(*next, milliseconds(1)));
  }
  CHECK(steps <= 70);
}

TEST_CASE("A copied state directory forks: the copy stops shipping and says so") {
  Host host;
  host.lines = 10;
  host.start();
  host.run_for(seconds(5));
  host.stop();
  std::map<std::string, std::string> copy;
  for (const std::string& path : host.files.paths()) {
    if (auto bytes = host.files.content(path)) copy[path] = *bytes;
  }
  host.lines = 20;
  host.start();
  host.run_for(seconds(5));
  host.stop();

  Host clone;
  for (const auto& [path, bytes] : copy) {
    if (path.find("spool/") != std::string::npos) continue;
    clone.files.overwrite(path, bytes);
  }
  clone.random = ledger::testing::SeededRandom(99);
  clone.lines = 21;
  clone.start_with(host.collector);
  clone.run_for(seconds(5));
  const auto limit = std::chrono::steady_clock::now() + seconds(20);
  while (clone.logged.empty() && std::chrono::steady_clock::now() < limit) {
    REQUIRE(clone.agent->deliver());
  }
  REQUIRE(!clone.logged.empty());
  CHECK(clone.logged.back().find("another history") != std::string::npos);
  CHECK(clone.logged.back().find("new token") != std::string::npos);
  clone.stop();
  CHECK(clone.files.content("/state/status.json")->find("\"forked\"") != std::string::npos);
}

TEST_CASE("After an outage of 72 hours everything that was sealed arrives, once and in order") {
  Host host;
  for (int i = 0; i < 200'000; ++i) {
    host.collector.plan([](std::string_view) -> ledger::Result<PostAnswer> {
      return ledger::fail(ledger::ErrorKind::retry, "nobody answers there");
    });
  }
  host.start();
  for (int hour = 0; hour < 72; ++hour) {
    host.lines += 10;
    host.run_for(minutes(60));
  }
  REQUIRE(host.collector.accepted().empty());
  host.collector.recover();
  host.stop();
  const Host::Arrived all = host.arrived();
  CHECK(all.hollow.empty());
  for (std::uint64_t line = 0; line < host.lines; ++line) {
    CHECK(all.count("\"line " + std::to_string(line) + "\"") == 1);
  }
  CHECK(host.collector.accepted().size() >= 72 * 60);
}

TEST_CASE("A clock that steps back ten years is a record; batches keep their order and minute") {
  Host host;
  host.lines = 3;
  host.start();
  host.run_for(minutes(2));
  host.clock.step_wall(-std::chrono::hours(24 * 3650));
  const std::size_t before = host.spool->next_batch();
  host.lines = 6;
  host.run_for(minutes(3));
  CHECK(host.spool->next_batch() >= before + 3);
  host.stop();
  const Host::Arrived all = host.arrived();
  CHECK(all.count("\"what\":\"clock\",\"cause\":\"stepped\"") == 1);
  for (std::uint64_t line = 0; line < 6; ++line) {
    CHECK(all.count("\"line " + std::to_string(line) + "\"") == 1);
  }
}

TEST_CASE("What the budget holds back is read later; heartbeats go on meanwhile") {
  Host host;
  milliseconds held_until{};
  host.hold = [&](milliseconds boot) { return std::max(held_until - boot, milliseconds(0)); };
  host.start();
  held_until = host.clock.boot() + minutes(5);
  host.lines = 100;
  host.run_for(minutes(4));
  CHECK(host.agent->held());
  const std::uint64_t heartbeats = host.spool->next_batch();
  CHECK(heartbeats >= 4);
  host.run_for(minutes(2));
  CHECK_FALSE(host.agent->held());
  host.stop();
  const Host::Arrived all = host.arrived();
  for (std::uint64_t line = 0; line < 100; ++line) {
    CHECK(all.count("\"line " + std::to_string(line) + "\"") == 1);
  }
}

TEST_CASE("A fork is remembered: the next run ships nothing, whatever the collector would say") {
  Host host;
  host.lines = 1;
  host.fork_known = "the collector holds another history";
  host.start();
  host.run_for(minutes(1));
  CHECK(host.agent->drained());
  CHECK(host.collector.posts() == 0);
  host.stop();
  CHECK(host.files.content("/state/status.json")->find("\"forked\"") != std::string::npos);
}

TEST_CASE("A collector that lost its disk gets what the spool still holds") {
  Host host;
  host.lines = 3000;
  host.start();
  host.run_for(minutes(3));
  host.drain();
  host.end();
  SmallCollector fresh;  // the same key, nothing in it
  host.start_with(fresh);
  host.run_for(minutes(2));
  host.drain();
  CHECK(fresh.accepted().size() > host.collector.accepted().size());
  host.end();
}

// Accepts the first frame of a post with a receipt of another history: the same key, one leaf.
ledger::Result<PostAnswer> answer_of_another_history(std::string_view post) {
  testing::SmallLog small;
  const auto frames = ledger::split_frames(post);
  REQUIRE(frames);
  const std::string_view header = frames->front().header;
  small.append(small.hasher->leaf(header));
  const auto sealed = ledger::read_header(header, small.suite);
  PostAnswer out{.status = 200};
  ledger::append_answer(out.body, {.stream = ledger::stream_id(agent_id, 1),
                                   .batch = sealed->header.batch,
                                   .verdict = ledger::Verdict::accepted,
                                   .receipt = small.receipt(0)});
  return out;
}

TEST_CASE("A collector whose log went back leaves evidence on the host and in the stream") {
  Host host;
  host.lines = 3000;
  host.start();
  host.run_for(minutes(3));
  host.drain();
  host.collector.plan(answer_of_another_history);
  host.run_for(seconds(61));
  host.drain();
  const auto alarms = host.files.list("/state/alarms");
  REQUIRE(alarms);
  REQUIRE(alarms->size() == 1);
  CHECK(alarms->front().find("roll-back") != std::string::npos);
  host.run_for(minutes(1));
  host.stop();
  CHECK(host.arrived().count("\"cause\":\"contradiction\"") == 2);
  CHECK(std::any_of(host.logged.begin(), host.logged.end(), [](const std::string& line) {
    return line.find("give that file to the authority") != std::string::npos;
  }));
}

TEST_CASE("The rest of what filled a batch arrives at once, and one that filled none after 2 s") {
  Host host;
  host.start();
  host.run_for(seconds(5));  // the start record
  const auto sealed_of = [&host] {
    host.drain();
    return host.arrived().count("\"kind\":\"event\"");
  };
  host.lines = 9000;  // more than one batch holds
  host.run_for(seconds(1));
  CHECK(sealed_of() == 9000);
  host.lines += 100;
  host.run_for(seconds(1));
  CHECK(sealed_of() == 9000);
  host.run_for(seconds(2));
  CHECK(sealed_of() == 9100);
  host.stop();
  host.check_every_line_once();
}

TEST_CASE("What status says is a quarter of a second old at most while batches are sealed") {
  Host host;
  host.start();
  for (int round = 0; round < 40; ++round) {
    const std::uint64_t before = host.agent_batches();
    host.lines += 9000;  // more than one batch holds
    while (host.agent_batches() == before) host.run_for(milliseconds(1));
    const std::uint64_t sealed = host.agent_batches();
    host.run_for(milliseconds(250));
    const auto status = JsonObject::parse(host.files.content("/state/status.json").value());
    REQUIRE(status);
    CHECK(status->number("sealed") >= sealed);
  }
  host.stop();
}

}  // namespace
}  // namespace yunjian::agent
