#include "agent/agent.h"

#include <doctest/doctest.h>

#include <map>

#include "agent/ship/testing/small_collector.h"
#include "ledger/record.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::agent {
namespace {

using ledger::testing::ManualClock;
using ledger::testing::MemoryFileSystem;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::SmallCollector;

constexpr const char* agent_id = "00112233445566778899aabbccddeeff";

std::string event_line(std::uint64_t number) {
  std::string out;
  ledger::RecordWriter writer(out, ledger::Time(seconds(number)), "event");
  writer.text("source", "file")
      .text("log", "/var/log/test")
      .message("line " + std::to_string(number));
  writer.finish();
  return out;
}

// Numbered lines; the position is how many were taken.
class NumberedSource : public Source {
 public:
  explicit NumberedSource(const std::uint64_t& available) : available_(&available) {}
  std::string_view name() const override { return "file:numbered"; }
  void restore(std::string_view position) override {
    next_ = position.empty() ? 0 : std::stoull(std::string(position));
  }
  std::string position() const override { return std::to_string(next_); }
  bool poll(ledger::Time, RecordSink& sink) override {
    for (; next_ < *available_; ++next_) {
      if (!sink.take(event_line(next_))) return true;
    }
    return false;
  }

 private:
  const std::uint64_t* available_;
  std::uint64_t next_ = 0;
};

// A host, its agent, and the collector it ships to.
struct Host {
  MemoryFileSystem files;
  ManualClock clock{ledger::Time(seconds(1'795'334'400))};
  ledger::testing::SeededRandom random{7};
  ledger::testing::SeededRandom ship_random{8};  // the ship thread's own
  SmallCollector collector;
  std::uint64_t lines = 0;  // that the source has
  SpoolLimits limits;
  std::vector<std::string> logged;
  std::function<milliseconds(milliseconds)> hold;  // of the next run
  std::string fork_known;                          // likewise
  // Of the running agent.
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Shipper> shipper;
  std::unique_ptr<Agent> agent;

  Host() {
    REQUIRE(files.make_directory("/state", 0700));
    REQUIRE(files.sync_directory("/"));
    auto key = ledger::default_suite().generate(random);
    REQUIRE(ledger::Ratchet::create(files, "/state/stream.state",
                                    {.origin = "log.example", .agent = agent_id, .incarnation = 1},
                                    **key));
  }
  ~Host() { end(); }

  void start() { start_with(collector); }
  void start_with(SmallCollector& target) {
    auto opened = Spool::open(files, "/state/spool", limits);
    REQUIRE(opened);
    spool = std::make_unique<Spool>(std::move(*opened));
    auto sealer = Sealer::open(std::move(*ledger::Ratchet::open(files, "/state/stream.state")),
                               {.spool = spool.get(),
                                .clock = &clock,
                                .random = &random,
                                .boot_id = "6f7b2f5e-0000-4000-8000-000000000001"});
    REQUIRE(sealer);
    shipper = std::make_unique<Shipper>(
        std::make_unique<testing::SmallUploader>(target),
        ReceiptBook(target.verifier(), {.keys = {target.witness().verifier()}}), ship_random,
        ShipperOptions{.stream = ledger::stream_id(agent_id, 1),
                       .backoff = {.base = milliseconds(1), .cap = milliseconds(4)}});
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<NumberedSource>(lines));
    auto made = Agent::start({.files = &files,
                              .paths = StatePaths("/state"),
                              .identity = {.origin = "log.example", .agent = agent_id},
                              .limits = limits,
                              .spool = spool.get(),
                              .sealer = std::move(*sealer),
                              .shipper = shipper.get(),
                              .sources = std::move(sources),
                              .usage = nullptr,
                              .checkpoint = {},
                              .fork_known = fork_known,
                              .hold = hold,
                              .version = "0.0.0",
                              .log = [this](const std::string& line) { logged.push_back(line); }});
    REQUIRE(made);
    agent = std::move(*made);
  }

  // As a SIGKILL: nothing is said, nothing is sealed.
  void end() {
    agent.reset();
    shipper.reset();
    spool.reset();
  }

  void run_for(seconds span) {
    for (const auto until = clock.boot() + span; clock.boot() < until;) {
      const auto next = agent->step(false);
      REQUIRE_MESSAGE(next.has_value(), (next ? "" : next.error().message));
      clock.advance(std::max(*next, milliseconds(1)));
    }
  }

  void stop() {
    REQUIRE(agent->stop());
    drain();
    REQUIRE(agent->close());
    end();
  }

  std::uint64_t agent_batches() const {
    return ledger::Ratchet::open(const_cast<MemoryFileSystem&>(files), "/state/stream.state")
        ->next_batch();
  }

  // Until all receipts are in; the ship thread works in real time.
  void drain() {
    const auto limit = std::chrono::steady_clock::now() + seconds(20);
    while (!agent->drained()) {
      REQUIRE(agent->deliver());
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
  }

  struct Arrived {
    std::vector<std::string> lines;
    std::vector<std::vector<std::string>> flags;  // of each batch
    std::vector<std::uint64_t> hollow;
    int count(std::string_view part) const {
      return static_cast<int>(std::count_if(
          lines.begin(), lines.end(),
          [&](const std::string& line) { return line.find(part) != std::string::npos; }));
    }
  };
  Arrived arrived() const {
    Arrived out;
    ledger::BodyDecoder decoder;
    for (const ledger::Frame& frame : collector.accepted()) {
      const auto sealed = ledger::read_header(frame.header, ledger::default_suite());
      out.flags.push_back(sealed->header.flags);
      if (frame.body.empty()) {
        if (sealed->header.records > 0) out.hollow.push_back(sealed->header.batch);
        continue;
      }
      std::string joined;
      REQUIRE(decoder.decode(frame.body, joined));
      const auto split = ledger::split_lines(joined, sealed->header.records);
      REQUIRE(split);
      out.lines.insert(out.lines.end(), split->begin(), split->end());
    }
    return out;
  }
  void check_every_line_once() const {
    const Arrived all = arrived();
    std::vector<std::string> events;
    for (const std::string& line : all.lines) {
      if (line.find("\"kind\":\"event\"") != std::string::npos) events.push_back(line);
    }
    REQUIRE(events.size() == lines);
    for (std::uint64_t i = 0; i < lines; ++i) REQUIRE(events[i] == event_line(i));
  }
};

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

TEST_CASE("Without witnesses a full spool says which receipted bodies it gave up") {
  Host host;
  host.limits = {.bytes_max = 100'000,
                 .body_segment_bytes = 10'000,
                 .header_segment_bytes = 10'000,
                 .witnessed_only = true};
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
  host.limits = {.bytes_max = 100'000,
                 .body_segment_bytes = 10'000,
                 .header_segment_bytes = 10'000,
                 .witnessed_only = true};
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
