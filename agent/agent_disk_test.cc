// What an agent does when its spool or its disk is full or damaged.
#include <doctest/doctest.h>

#include <map>

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

TEST_CASE("A full spool names the bodies that go before they go, and their headers still arrive") {
  Host host;
  host.limits = {
      .bytes_max = 100'000, .body_segment_bytes = 10'000, .header_segment_bytes = 10'000};
  for (int i = 0; i < 100'000; ++i) {
    host.collector.plan([](std::string_view) -> ledger::Result<PostAnswer> {
      return ledger::fail(ledger::ErrorKind::retry, "away");
    });
  }
  host.start();
  for (int i = 0; i < 60; ++i) {
    host.lines += 2'000;
    host.run_for(seconds(3));
  }
  CHECK(host.spool->bytes() < 130'000);
  host.end();
  host.collector.recover();
  host.start();
  host.stop();
  const Host::Arrived all = host.arrived();
  REQUIRE(!all.hollow.empty());
  // Every hollow batch is inside the range of one gap record.
  std::map<std::uint64_t, std::uint64_t> ranges;
  for (const std::string& line : all.lines) {
    const auto parsed = ledger::parse_record(line);
    REQUIRE(parsed);
    const auto batches = (*parsed)->find("batches");
    if (!batches) continue;
    CHECK((*parsed)->find("cause") == "spool-full");
    const std::string text(*batches);
    const std::size_t dash = text.find('-');
    ranges[std::stoull(text)] =
        dash == std::string::npos ? std::stoull(text) : std::stoull(text.substr(dash + 1));
  }
  for (const std::uint64_t batch : all.hollow) {
    const auto range = ranges.upper_bound(batch);
    REQUIRE(range != ranges.begin());
    CHECK(std::prev(range)->second >= batch);
  }
}

TEST_CASE("An agent that stops with much to read keeps its spool within the limit meanwhile") {
  Host host;
  host.limits = {
      .bytes_max = 100'000, .body_segment_bytes = 10'000, .header_segment_bytes = 10'000};
  for (int i = 0; i < 1000; ++i) {
    host.collector.plan([](std::string_view) -> ledger::Result<PostAnswer> {
      return ledger::fail(ledger::ErrorKind::retry, "away");
    });
  }
  host.start();
  host.lines = 300'000;
  std::uint64_t most = 0;
  host.files.set_decide([&](std::string_view, std::string_view) {
    if (host.spool) most = std::max(most, host.spool->bytes());
    return ledger::testing::Fault::none;
  });
  REQUIRE(host.agent->stop());
  host.files.set_decide({});
  CHECK(host.logged.size() > 10);  // of bodies that went
  CHECK(most < 500'000);           // the limit and a run of batches
}

// Fails what needs room below /state while `nth` <= calls of this kind < `end`.
void fill_disk(Host& host, std::uint64_t nth, std::uint64_t end) {
  auto calls = std::make_shared<std::uint64_t>(0);
  host.files.set_fault_kind(ledger::ErrorKind::full);
  host.files.set_decide([=](std::string_view operation, const std::string& path) {
    using ledger::testing::Fault;
    const bool needs_room = operation == "append" || operation == "open_append";
    if (!needs_room || path == "/state/status.json") return Fault::none;
    ++*calls;
    if (*calls < nth || *calls >= end) return Fault::none;
    return *calls % 2 == 0 ? Fault::fail : Fault::fail_half;
  });
}

TEST_CASE(
    "A full disk ends nothing: sources wait, status says why, and sealing goes on by itself") {
  Host host;
  host.lines = 100;
  host.start();
  host.run_for(seconds(5));
  fill_disk(host, 0, ~std::uint64_t{0});
  const std::uint64_t sealed = host.agent_batches();
  host.lines = 30'000;
  host.run_for(minutes(5));
  CHECK(host.agent_batches() == sealed);
  const std::string status = *host.files.content("/state/status.json");
  CHECK(status.find("\"held\"") != std::string::npos);
  CHECK(status.find("no room on the disk") != std::string::npos);
  CHECK(std::count_if(host.logged.begin(), host.logged.end(), [](const std::string& line) {
          return line.find("no room on the disk") != std::string::npos;
        }) == 1);
  host.files.set_decide({});
  host.run_for(seconds(30));
  host.stop();
  host.check_every_line_once();
  CHECK(host.arrived().count("\"what\":\"spool\",\"from\":") == 1);
  CHECK(host.files.content("/state/status.json")->find("\"stopped\"") != std::string::npos);
}

TEST_CASE("Whichever write finds the disk full, every line is sealed once when there is room") {
  for (const std::uint64_t length : {1U, 3U, 10U}) {
    for (std::uint64_t nth = 1; nth < 45; ++nth) {
      CAPTURE(nth);
      Host host;
      host.lines = 9'000;
      host.start();
      fill_disk(host, nth, nth + length);
      host.run_for(seconds(60));
      host.lines += 50;
      host.run_for(seconds(60));
      host.files.set_decide({});
      host.stop();
      host.check_every_line_once();
    }
  }
}

TEST_CASE("An agent that ends while the disk is full goes on behind its last sealed line") {
  for (std::uint64_t nth = 1; nth < 45; nth += 2) {
    CAPTURE(nth);
    Host host;
    host.lines = 9'000;
    host.start();
    fill_disk(host, nth, ~std::uint64_t{0});
    host.run_for(seconds(20));
    if (nth % 4 == 1) {
      REQUIRE(host.agent->stop());
      REQUIRE(host.agent->close());
    }
    host.end();
    host.files.set_decide({});
    if (nth % 3 == 0) host.files.crash();
    host.start();
    host.stop();
    host.check_every_line_once();
  }
}

TEST_CASE("On a full disk the reserve holds the gap record of a full spool") {
  Host host;
  host.limits = {
      .bytes_max = 400'000, .body_segment_bytes = 10'000, .header_segment_bytes = 100'000};
  for (int i = 0; i < 100'000; ++i) {
    host.collector.plan([](std::string_view) -> ledger::Result<PostAnswer> {
      return ledger::fail(ledger::ErrorKind::retry, "away");
    });
  }
  host.start();
  host.run_for(seconds(5));
  CHECK(host.files.content("/state/spool/reserve")->size() == 25'000);
  // From here on nothing finds room, until the reserve is given back.
  host.files.set_fault_kind(ledger::ErrorKind::full);
  host.files.set_decide([&](std::string_view operation, const std::string& path) {
    using ledger::testing::Fault;
    const bool reserved = host.files.content("/state/spool/reserve").has_value();
    const bool full = host.spool->bytes() > 400'000 && reserved;
    return full && operation == "append" && path.find("/spool/") != std::string::npos ? Fault::fail
                                                                                      : Fault::none;
  });
  for (int i = 0; i < 150; ++i) {
    host.lines += 2'000;
    host.run_for(seconds(3));
  }
  host.files.set_decide({});
  host.run_for(seconds(30));
  host.end();
  host.collector.recover();
  host.start();
  host.stop();
  CHECK(host.arrived().count("\"cause\":\"spool-full\"") >= 1);
}

TEST_CASE("Bodies older than the operator allows go as those of a full spool do") {
  Host host;
  host.limits = {.body_segment_bytes = 1'000, .keep_unreceipted = std::chrono::hours(48)};
  for (int i = 0; i < 100'000; ++i) {
    host.collector.plan([](std::string_view) -> ledger::Result<PostAnswer> {
      return ledger::fail(ledger::ErrorKind::retry, "away");
    });
  }
  host.start();
  host.lines = 300;
  host.run_for(seconds(5));
  host.clock.advance(std::chrono::hours(50));
  host.run_for(minutes(3));
  host.clock.advance(std::chrono::hours(50));
  host.lines = 600;
  host.run_for(minutes(3));
  host.end();
  host.collector.recover();
  host.start();
  host.stop();
  CHECK(host.arrived().count("\"cause\":\"spool-age\"") >= 1);
  CHECK(!host.arrived().hollow.empty());
}

TEST_CASE(
    "Damage at any place of the spool ends in gap records, never in an agent that cannot run") {
  Host before;
  before.collector.plan([](std::string_view) -> ledger::Result<PostAnswer> {
    return PostAnswer{.status = 503, .retry_after = std::chrono::hours(1)};
  });
  before.start();
  for (int i = 0; i < 3; ++i) {
    before.lines += 100;
    before.run_for(seconds(5));
  }
  before.end();
  for (const char* folder : {"body", "head"}) {
    const std::string path = std::string("/state/spool/") + folder + "/0000000000000000.seg";
    const std::string good = *before.files.content(path);
    for (std::size_t at = 0; at < 2 * good.size(); at += 41) {
      CAPTURE(folder);
      CAPTURE(at);
      Host host;
      host.random = before.random;
      for (const std::string& name : before.files.paths()) {
        if (auto bytes = before.files.content(name)) host.files.overwrite(name, *bytes);
      }
      std::string bad = good.substr(0, at < good.size() ? std::string::npos : at - good.size());
      if (at < good.size()) bad[at] = static_cast<char>(bad[at] ^ 0x55);
      host.files.overwrite(path, bad);
      host.lines = before.lines + 1;
      host.start();
      host.run_for(seconds(3));
      host.stop();
      const Host::Arrived all = host.arrived();
      std::uint64_t named = 0;
      for (const std::string& line : all.lines) {
        const auto parsed = ledger::parse_record(line);
        REQUIRE(parsed);
        if ((*parsed)->find("cause") == "spool-damaged") {
          named += std::stoull(std::string(*(*parsed)->find("count")));
        }
      }
      // Each record is there or named by a gap record with its count.
      const auto events = static_cast<std::uint64_t>(all.count("\"kind\":\"event\""));
      INFO((host.logged.empty() ? "" : host.logged.back()));
      REQUIRE(events + named >= host.lines);
      REQUIRE(events <= host.lines);
      REQUIRE((named > 0) == !all.hollow.empty());
    }
  }
}

TEST_CASE("A damaged body is named by a gap record and its header arrives hollow") {
  Host host;
  host.collector.plan([](std::string_view) -> ledger::Result<PostAnswer> {
    return PostAnswer{.status = 503, .retry_after = std::chrono::hours(1)};
  });
  host.start();
  host.lines = 5'000;
  host.run_for(seconds(5));
  host.end();
  host.collector.recover();  // had the ship thread no turn yet, the next agent would wait an hour
  const std::string path = "/state/spool/body/0000000000000000.seg";
  std::string bytes = *host.files.content(path);
  bytes[2000] ^= 1;
  host.files.overwrite(path, bytes);
  host.collector.recover();  // on a busy machine the first run did not come to ask
  host.start();
  host.stop();
  const Host::Arrived all = host.arrived();
  REQUIRE(all.hollow.size() == 1);
  CHECK(all.count("\"cause\":\"spool-damaged\"") == 1);
  CHECK(all.count("\"batches\":\"" + std::to_string(all.hollow[0]) + "\"") == 1);
}

constexpr SpoolLimits small_and_witnessed = {.bytes_max = 100'000,
                                             .body_segment_bytes = 10'000,
                                             .header_segment_bytes = 10'000,
                                             .witnessed_only = true};

TEST_CASE("Without witnesses a full spool says which receipted bodies it gave up") {
  Host host;
  host.limits = small_and_witnessed;
  host.start();
  for (int i = 0; i < 60; ++i) {
    host.lines += 2'000;
    host.run_for(seconds(3));
    host.drain();
  }
  CHECK(host.spool->bytes() < 130'000);
  CHECK(host.spool->witnessed() == 0);
  CHECK(host.collector.questions() >= 2);
  host.stop();
  const Host::Arrived all = host.arrived();
  CHECK(all.count("\"cause\":\"freed-unwitnessed\"") >= 1);
  CHECK(all.count("\"what\":\"gap\"") == 0);
  CHECK(all.hollow.empty());
  host.check_every_line_once();
}

TEST_CASE("Behind witnesses bodies go as they do behind a receipt alone") {
  Host host;
  host.limits = small_and_witnessed;
  host.start();
  for (int i = 0; i < 60; ++i) {
    host.lines += 1'000;
    host.run_for(seconds(11));
    host.drain();
    host.collector.witness(host.collector.accepted().size());
  }
  CHECK(host.spool->bytes() < 130'000);
  CHECK(host.spool->witnessed() > host.spool->receipted() - 20);
  host.stop();
  const Host::Arrived all = host.arrived();
  CHECK(all.count("\"cause\":\"freed-unwitnessed\"") == 0);
  CHECK(all.count("\"what\":\"gap\"") == 0);
  host.check_every_line_once();
}

}  // namespace
}  // namespace yunjian::agent
