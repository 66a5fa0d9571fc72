#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#include "auditor/directory_evidence.h"
#include "auditor/testing/damage_objects.h"
#include "auditor/testing/sample_log.h"
#include "auditor/testing/sample_usage.h"
#include "auditor/verifier.h"

// Every evidence file of a sealed data directory, damaged in every way one can count: no damage may
// pass, and a finding names the file or something that lies in it. By default every fourth byte
// has one of its bits flipped and is cut at; YUNJIAN_EVERY_BIT=1 takes all (tests/run sweep).
namespace yunjian::auditor {
namespace {

using testing::DamageObjects;
using testing::SampleLog;
using testing::SampleUsage;

constexpr std::size_t directory_bytes_min = 64 * 1024;
constexpr unsigned threads = 2;

// How the evidence lies in the directory.
enum class Form { wal, part_and_wal };

constexpr std::size_t frames_per_segment = 3;

// Lines, minutes and an hour, a body that is absent as declared, rosters.
DamageObjects::Layout fill(SampleLog& log, Form form) {
  log.enrol("collector", "collector");
  const std::size_t a = log.enrol("water-bureau", "web-01");
  const std::size_t b = log.enrol("health-bureau", "db-01");
  SampleUsage usage(log.now());
  std::size_t bytes = 0;
  for (int round = 0; bytes < directory_bytes_min; ++round) {
    std::vector<std::string> lines;
    for (int i = 0; i < 16; ++i) lines.push_back(log.random_line(2000));
    log.seal(round % 2 == 0 ? a : b, lines);
    bytes += log.last().body.size();
    log.seal(a, {usage.minute(10 + round)});
    log.advance(std::chrono::seconds(60));
    if (round != 1) continue;
    log.seal(a, {usage.hour()});
    log.seal(b, {log.random_line(60)}, true);
    log.seal(b, {log.gap_line("1")});
    log.add_roster(log.agents());
  }
  log.add_roster(log.agents());
  const std::size_t filed = form == Form::wal ? 0 : log.entries().size() * 3 / 4;
  log.write_with_part(filed, frames_per_segment);
  return {filed, frames_per_segment};
}

// What is not told of damage to the file at `path`; empty: all that has to be.
std::string missed(SampleLog& log, const DamageObjects& objects, const std::string& path) {
  DirectoryEvidence evidence(log.files(), "/data", testing::sample_suite());
  LogVerifier verifier(log.verifier(), std::nullopt);
  const auto result = verifier.run(evidence);
  ledger::require(result.has_value(), "a damaged directory is a finding, not an error");
  const int code = result->findings.exit_code(false);
  if (code != 1 && code != 2) return "exit " + std::to_string(code);
  std::string named;
  for (const Finding& finding : result->findings.kept()) {
    using enum FindingKind;
    if (finding.kind != tampered && finding.kind != FindingKind::missing) continue;
    if (objects.names_file(finding, path)) return {};
    named += "|" + finding.place;
  }
  return "named is " + named;
}

struct NamedFile {
  Form form;
  std::string path;
  std::string content;
};

// Runs `damage(log, i)` for i in [0, count) on `threads` copies of the log; what of it was missed.
std::string undetected(const NamedFile& file, std::uint64_t count,
                       const std::function<void(SampleLog&, std::uint64_t)>& damage) {
  std::mutex mutex;
  std::string all;
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      SampleLog log;
      const DamageObjects::Layout layout = fill(log, file.form);
      const DamageObjects objects(log, layout);
      for (std::uint64_t i = t; i < count; i += threads) {
        damage(log, i);
        const std::string what = missed(log, objects, file.path);
        if (what.empty()) continue;
        const std::lock_guard lock(mutex);
        if (all.size() < 1000) all += std::to_string(i) + ": " + what + "\n";
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  return all;
}

std::vector<NamedFile> evidence_files(Form form) {
  SampleLog log;
  fill(log, form);
  DirectoryEvidence evidence(log.files(), "/data", testing::sample_suite());
  const auto whole = LogVerifier(log.verifier(), std::nullopt).run(evidence).value();
  REQUIRE(whole.findings.exit_code(false) == 3);  // the declared gap
  REQUIRE(whole.counts.batches.hours.checked == 1);
  std::vector<NamedFile> files;
  std::size_t bytes = 0;
  for (const std::string& path : log.files().paths()) {
    files.push_back({form, path, log.files().content(path).value()});
    bytes += files.back().content.size();
  }
  REQUIRE(bytes >= directory_bytes_min);
  return files;
}

std::vector<NamedFile> all_files() {
  std::vector<NamedFile> files = evidence_files(Form::wal);
  for (NamedFile& file : evidence_files(Form::part_and_wal)) files.push_back(std::move(file));
  return files;
}

// Everything takes a quarter of an hour of two cores: every fourth byte stands for its neighbours.
constexpr std::uint64_t sampled_bytes = 4;
bool is_whole() { return std::getenv("YUNJIAN_EVERY_BIT") != nullptr; }

TEST_CASE("no flipped bit of any evidence file passes" * doctest::test_suite("exhaustive")) {
  const bool whole = is_whole();
  std::uint64_t total = 0;
  for (const NamedFile& file : all_files()) {
    const std::uint64_t bytes = file.content.size();
    const std::uint64_t count = whole ? bytes * 8 : (bytes + sampled_bytes - 1) / sampled_bytes;
    const auto flip = [&](SampleLog& log, std::uint64_t i) {
      const std::uint64_t byte = whole ? i / 8 : i * sampled_bytes;
      const std::uint64_t bit = whole ? i % 8 : (i * 5 + i / 8) % 8;
      std::string flipped = file.content;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      log.files().overwrite(file.path, flipped);
    };
    const std::string passed = undetected(file, count, flip);
    CHECK_MESSAGE(passed.empty(), file.path << " " << passed);
    total += count;
  }
  MESSAGE(total << " flipped bits, each reported with its place");
}

TEST_CASE("no truncation of any evidence file at any offset passes" *
          doctest::test_suite("exhaustive")) {
  const std::uint64_t step = is_whole() ? 1 : sampled_bytes;
  std::uint64_t total = 0;
  for (const NamedFile& file : all_files()) {
    const std::uint64_t count = (file.content.size() + step - 1) / step;
    const auto cut = [&](SampleLog& log, std::uint64_t i) {
      log.files().overwrite(file.path, file.content.substr(0, i * step));
    };
    const std::string passed = undetected(file, count, cut);
    CHECK_MESSAGE(passed.empty(), file.path << " " << passed);
    total += count;
  }
  MESSAGE(total << " truncations, each reported with its place");
}

TEST_CASE("no removed evidence file passes") {
  for (const NamedFile& file : all_files()) {
    SampleLog log;
    const DamageObjects::Layout layout = fill(log, file.form);
    const DamageObjects objects(log, layout);
    REQUIRE(log.files().remove(file.path));
    const std::string passed = missed(log, objects, file.path);
    CHECK_MESSAGE(passed.empty(), file.path << " " << passed);
  }
}

}  // namespace
}  // namespace yunjian::auditor
