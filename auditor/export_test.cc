#include "auditor/export.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "auditor/testing/sample_source.h"
#include "auditor/tile_reader.h"

namespace yunjian::auditor {
namespace {

using testing::SampleLog;
using testing::SampleSource;

struct Exported {
  Exported() {
    log.enrol("collector", "collector");
    host = log.enrol("water-bureau", "web-01");
    for (int i = 0; i < 30; ++i) {
      log.seal(host, {log.random_line(60), log.random_line(60)});
      log.advance(std::chrono::seconds(60));
    }
    whole = make(10, 20);
  }
  ledger::Time minute(int n) const { return first + std::chrono::minutes(n); }
  Export make(int from, int to) {
    SampleSource source(log);
    const auto roster = newest_roster(source, log.verifier(), source.head()).value();
    Export out;
    out.from = minute(from);
    out.to = minute(to);
    out.what = "host web-01";
    out.checkpoint = log.checkpoint_note();
    const std::string stream = log.stream_id(host);
    auto taken = export_stream(
        source, log.verifier(), source.head(),
        {out.from, out.to, stream, source.stream(stream).value(), roster ? &*roster : nullptr});
    REQUIRE(taken);
    REQUIRE(*taken);
    out.streams.push_back(std::move(**taken));
    return out;
  }
  int code(const Export& exported) {
    auto parsed = parse_export(format_export(exported));
    if (!parsed) return 1;
    auto check = check_export(*parsed, log.verifier(), nullptr);
    return check ? check->findings.exit_code(false) : 1;
  }
  SampleLog log;
  ledger::Time first = log.now();
  std::size_t host = 0;
  Export whole;
};

TEST_CASE("an export holds every batch of its period and says so to whoever has the log's key") {
  Exported exported;
  CHECK(exported.code(exported.whole) == 0);
  // Batches 10 to 19 were sealed in the period, 20 is the first behind it.
  CHECK(exported.whole.streams[0].frames.size() == 11);
  CHECK_FALSE(exported.whole.streams[0].open_end);
  const auto check = check_export(exported.whole, exported.log.verifier(), nullptr).value();
  CHECK(check.counts.records == 22);
  CHECK(check.counts.bodies_absent == 0);
  CHECK(exported.code(exported.make(0, 3)) == 0);
  CHECK(exported.make(0, 3).streams[0].previous.empty());
  CHECK(exported.make(25, 99).streams[0].open_end);
}

TEST_CASE("a batch left out, changed or put in is found; a body left out is missing") {
  const auto changed = [](const std::function<void(ExportedStream&)>& change) {
    Exported exported;
    change(exported.whole.streams[0]);
    return exported.code(exported.whole);
  };
  CHECK(changed([](auto& s) { s.frames.erase(s.frames.begin() + 3); }) != 0);
  CHECK(changed([](auto& s) { s.frames.erase(s.frames.begin()); }) != 0);
  CHECK(changed([](auto& s) { s.frames.pop_back(); }) == 1);
  CHECK(changed([](auto& s) { std::swap(s.frames[3], s.frames[4]); }) == 1);
  CHECK(changed([](auto& s) { s.frames[3].body = s.frames[4].body; }) == 1);
  CHECK(changed([](auto& s) { s.frames[3].body.clear(); }) == 2);
  CHECK(changed([](auto& s) { s.previous = s.frames[0].header; }) == 1);
  CHECK(changed([](auto& s) { s.enrolment_index = 0; }) == 1);
  CHECK(changed([](auto& s) { s.open_end = true; }) == 2);
  // A period that is said to be longer than what was taken has holes at its ends.
  for (const bool end : {false, true}) {
    Exported exported;
    (end ? exported.whole.to : exported.whole.from) = exported.minute(end ? 25 : 5);
    CHECK(exported.code(exported.whole) == 2);
  }
}

// The same file as an operator makes it who cuts the tail off: the last batch is another one, with
// a path of its own, and the stream is said to be open.
Export cut(Exported& exported, Export whole, std::uint64_t batches) {
  ExportedStream& stream = whole.streams[0];
  stream.frames.resize(stream.frames.size() - batches);
  stream.open_end = true;
  SampleSource source(exported.log);
  const auto& suite = exported.log.verifier().suite();
  TileReader tiles(source, source.head(), suite);
  const ledger::Hash hash = suite.hasher()->leaf(stream.frames.back().header);
  const auto hashes = exported.log.leaf_hashes();
  stream.last_index = static_cast<std::uint64_t>(std::ranges::find(hashes, hash) - hashes.begin());
  stream.last_path = tiles.path({hash, stream.last_index}).value();
  return whole;
}

TEST_CASE("a tail that was cut off with all paths made anew does not pass for an open stream") {
  Exported exported;
  // Nothing was there to show the end with.
  CHECK(exported.code(exported.make(10, 99)) == 4);
  CHECK(exported.code(cut(exported, exported.whole, 3)) == 4);
  exported.log.add_roster(exported.log.agents());  // minute 30: the newest batch is 29
  const Export open = exported.make(10, 30);
  CHECK(open.streams[0].open_end);
  CHECK(exported.code(open) == 0);
  const Export forged = cut(exported, open, 3);
  CHECK(exported.code(forged) == 2);
  const auto check = check_export(forged, exported.log.verifier(), nullptr).value();
  CHECK(check.open == 1);
  CHECK(check.findings.kept()[0].en.find("has reached batch 29") != std::string::npos);
  Export silent = forged;
  silent.streams[0].end = {};
  CHECK(exported.code(silent) == 4);
  // Behind the roster nothing is shown.
  CHECK(exported.code(exported.make(10, 31)) == 4);
}

TEST_CASE("what shows an open end must be of the stream, in the log, and over all agents") {
  Exported exported;
  const std::size_t other = exported.log.enrol("water-bureau", "web-02");
  exported.log.seal(other, {exported.log.random_line(60)});
  exported.log.add_roster(exported.log.agents());
  const Export open = exported.make(10, 30);
  REQUIRE(exported.code(open) == 0);
  const auto changed = [&](const std::function<void(StreamEnd&)>& change) {
    Export again = open;
    change(again.streams[0].end);
    return exported.code(again);
  };
  CHECK(changed([](auto& end) { ++end.index; }) == 1);
  CHECK(changed([](auto& end) { end.line_index ^= 1; }) == 1);
  CHECK(changed([](auto& end) { end.line.replace(end.line.find(" 29 "), 4, " 19 "); }) == 1);
  CHECK(changed([&](auto& end) { end.line = exported.log.stream_id(other); }) == 1);
  CHECK(changed([&](auto& end) {
          const auto& entries = exported.log.entries();
          end.leaf = entries[end.index - 1].leaf;
        }) == 1);
  // One that names only the agents that changed says nothing of the others.
  Exported some;
  some.log.add_roster(some.log.agents(), false);
  CHECK(some.code(some.make(10, 30)) == 4);
}

TEST_CASE("a retirement ends a stream, also long after the last roster that names it") {
  Exported exported;
  exported.log.add_roster(exported.log.agents());
  exported.log.advance(std::chrono::minutes(1));
  exported.log.retire(exported.host);
  auto others = exported.log.agents();
  std::erase_if(others, [&](const ledger::RosterLine& line) {
    return ledger::stream_id(line.agent, line.incarnation) == exported.log.stream_id(exported.host);
  });
  exported.log.add_roster(others);
  const Export open = exported.make(10, 99);
  CHECK(exported.code(open) == 0);
  CHECK(exported.code(cut(exported, open, 3)) == 2);
  // Another stream's retirement shows nothing of this one.
  const std::size_t other = exported.log.enrol("water-bureau", "web-02");
  const std::size_t leaf = exported.log.retire(other);
  Export wrong = exported.make(10, 99);
  SampleSource source(exported.log);
  TileReader tiles(source, source.head(), exported.log.verifier().suite());
  StreamEnd& end = wrong.streams[0].end;
  end.leaf = exported.log.entries()[leaf].leaf;
  end.index = leaf;
  end.path = tiles.path({exported.log.leaf_hashes()[leaf], leaf}).value();
  CHECK(exported.code(wrong) == 1);
}

TEST_CASE("the next incarnation ends a stream, when the stream's own key stands for it") {
  for (const bool endorsed : {true, false}) {
    Exported exported;
    exported.log.enrol_again(exported.host, endorsed);
    const Export open = exported.make(10, 99);
    CHECK(exported.code(open) == (endorsed ? 0 : 4));
    CHECK(exported.code(cut(exported, open, 3)) != 0);
  }
}

void check_changed_bytes(Exported& exported) {
  const std::string good = format_export(exported.whole);
  CHECK(parse_export(good).has_value());
  const auto records_of = [&](const Export& of) {
    std::string all;
    const auto take = [&](std::string_view, std::string_view line) { all += line; };
    const auto check = check_export(of, exported.log.verifier(), take);
    return check && check->findings.exit_code(false) == 0 ? all : std::string();
  };
  const std::string records = records_of(exported.whole);
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string flipped = good;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    const auto parsed = parse_export(flipped);
    if (!parsed) continue;
    // A body may be packed in more than one way; what counts are the records in it.
    const std::string told = records_of(*parsed);
    if (told.empty() || told == records) continue;
    // What was asked for is the exporter's own word; a shorter period is still whole.
    const bool word = parsed->what != exported.whole.what || parsed->from != exported.whole.from ||
                      parsed->to != exported.whole.to;
    if (!word) ++passed;
  }
  CHECK(passed == 0);
  for (std::size_t i = 0; i < good.size(); i += 13) {
    CHECK_FALSE(parse_export(std::string_view(good).substr(0, i)));
  }
}

TEST_CASE("no changed byte and no cut of an export file passes") {
  for (const bool open : {false, true}) {
    Exported exported;
    exported.log.add_roster(exported.log.agents());
    exported.whole = open ? exported.make(28, 30) : exported.make(10, 12);
    check_changed_bytes(exported);
  }
}

// YUNJIAN_WRITE_DAY=FILE writes the export there, and the log's key to FILE.vkey, for the second
// implementation in tests/interop.
TEST_CASE("a whole day of minutes is exported and holds") {
  SampleLog log;
  log.enrol("collector", "collector");
  const std::size_t host = log.enrol("water-bureau", "web-01");
  Export day;
  day.from = log.now();
  day.to = day.from + std::chrono::days(1);
  day.what = "host web-01";
  for (int minute = 0; minute <= 1440; ++minute) {
    log.seal(host, minute % 7 == 0 ? std::vector<std::string>()
                                   : std::vector<std::string>(3, log.random_line(120)));
    log.advance(std::chrono::seconds(60));
  }
  SampleSource source(log);
  day.checkpoint = log.checkpoint_note();
  const ProofSource::StreamFacts facts{1441, 1};
  auto stream = export_stream(source, log.verifier(), source.head(),
                              {day.from, day.to, log.stream_id(host), facts});
  REQUIRE(stream);
  REQUIRE(*stream);
  day.streams.push_back(std::move(**stream));
  const auto check = check_export(day, log.verifier(), nullptr).value();
  CHECK(check.findings.exit_code(false) == 0);
  CHECK(check.counts.batches == 1441);
  if (const char* path = std::getenv("YUNJIAN_WRITE_DAY")) {
    std::ofstream(path, std::ios::binary) << format_export(day);
    std::ofstream(std::string(path) + ".vkey") << log.verifier().vkey() << "\n";
  }
  // Half a minute more: the last batch lies in the period, and a roster shows that it is the last.
  log.add_roster(log.agents());
  day.to += std::chrono::seconds(30);
  day.checkpoint = log.checkpoint_note();
  const auto roster = newest_roster(source, log.verifier(), source.head()).value();
  REQUIRE(roster);
  day.streams = {export_stream(source, log.verifier(), source.head(),
                               {day.from, day.to, log.stream_id(host), facts, &*roster})
                     .value()
                     .value()};
  CHECK(day.streams[0].open_end);
  CHECK(check_export(day, log.verifier(), nullptr).value().findings.exit_code(false) == 0);
  if (const char* path = std::getenv("YUNJIAN_WRITE_DAY")) {
    std::ofstream(std::string(path) + ".open", std::ios::binary) << format_export(day);
  }
}

}  // namespace
}  // namespace yunjian::auditor
