#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/agent.h"
#include "agent/ship/testing/small_collector.h"
#include "ledger/record.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::agent::testing {

inline constexpr const char* agent_id = "00112233445566778899aabbccddeeff";

inline std::string event_line(std::uint64_t number) {
  std::string out;
  ledger::RecordWriter writer(out, ledger::Time(std::chrono::seconds(number)), "event");
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
struct SmallHost {
  ledger::testing::MemoryFileSystem files;
  ledger::testing::ManualClock clock{ledger::Time(std::chrono::seconds(1'795'334'400))};
  ledger::testing::SeededRandom random{7};
  ledger::testing::SeededRandom ship_random{8};  // the ship thread's own
  SmallCollector collector;
  std::uint64_t lines = 0;  // that the source has
  SpoolLimits limits;
  std::vector<std::string> logged;
  std::function<std::chrono::milliseconds(std::chrono::milliseconds)> hold;  // of the next run
  std::string fork_known;                                                    // likewise
  // Of the running agent.
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Shipper> shipper;
  std::unique_ptr<Agent> agent;

  SmallHost() {
    REQUIRE(files.make_directory("/state", 0700));
    REQUIRE(files.sync_directory("/"));
    auto key = ledger::default_suite().generate(random);
    REQUIRE(ledger::Ratchet::create(files, "/state/stream.state",
                                    {.origin = "log.example", .agent = agent_id, .incarnation = 1},
                                    **key));
  }
  ~SmallHost() { end(); }

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
        std::make_unique<SmallUploader>(target),
        ReceiptBook(target.verifier(), {.keys = {target.witness().verifier()}}), ship_random,
        ShipperOptions{.stream = ledger::stream_id(agent_id, 1),
                       .backoff = {.base = std::chrono::milliseconds(1),
                                   .cap = std::chrono::milliseconds(4)}});
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

  void run_for(std::chrono::milliseconds span) {
    for (const auto until = clock.boot() + span; clock.boot() < until;) {
      const auto next = agent->step(false);
      REQUIRE_MESSAGE(next.has_value(), (next ? "" : next.error().message));
      clock.advance(std::max(*next, std::chrono::milliseconds(1)));
    }
  }

  void stop() {
    REQUIRE(agent->stop());
    drain();
    REQUIRE(agent->close());
    end();
  }

  std::uint64_t agent_batches() const {
    return ledger::Ratchet::open(const_cast<ledger::testing::MemoryFileSystem&>(files),
                                 "/state/stream.state")
        ->next_batch();
  }

  // Until all receipts are in; the ship thread works in real time.
  void drain() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
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

}  // namespace yunjian::agent::testing
