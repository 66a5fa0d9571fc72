#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"
#include "auditor/verifier.h"

// Every evidence file of a sealed data directory, damaged in every way one can count: no damage may
// pass. By default each byte has one of its bits flipped; YUNJIAN_EVERY_BIT=1 flips all of them
// (some minutes).
namespace yunjian::auditor {
namespace {

using testing::SampleLog;

constexpr std::size_t directory_bytes_min = 64 * 1024;
constexpr unsigned threads = 2;

// How the evidence lies in the directory.
enum class Form { wal, part_and_wal };

void fill(SampleLog& log, Form form) {
  const std::size_t bytes_min = directory_bytes_min;
  const std::size_t a = log.enrol("water-bureau", "web-01");
  const std::size_t b = log.enrol("health-bureau", "db-01");
  std::size_t bytes = 0;
  for (int round = 0; bytes < bytes_min; ++round) {
    std::vector<std::string> lines;
    for (int i = 0; i < 16; ++i) lines.push_back(log.random_line(2000));
    log.seal(round % 2 == 0 ? a : b, lines);
    bytes += log.last().body.size();
  }
  if (form == Form::wal) log.write(3);
  if (form == Form::part_and_wal) log.write_with_part(log.entries().size() * 3 / 4, 3);
}

struct DamagedVerdict {
  int code;
  bool has_place;
};

DamagedVerdict verify(SampleLog& log) {
  DirectoryEvidence evidence(log.files(), "/data", ledger::default_suite());
  LogVerifier verifier(log.verifier(), std::nullopt);
  const auto result = verifier.run(evidence);
  ledger::require(result.has_value(), "a damaged directory is a finding, not an error");
  bool has_place = false;
  for (const Finding& finding : result->findings.kept()) {
    has_place |= finding.kind != FindingKind::notice && !finding.place.empty();
  }
  return {result->findings.exit_code(false), has_place};
}

// Runs `damage(log, i)` for i in [0, count) on `threads` copies of the log; returns how many passed
// unnoticed.
std::uint64_t undetected(Form form, std::uint64_t count,
                         const std::function<void(SampleLog&, std::uint64_t)>& damage) {
  std::atomic<std::uint64_t> missed = 0;
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      SampleLog log;
      fill(log, form);
      for (std::uint64_t i = t; i < count; i += threads) {
        damage(log, i);
        const DamagedVerdict verdict = verify(log);
        if ((verdict.code != 1 && verdict.code != 2) || !verdict.has_place) ++missed;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  return missed;
}

struct NamedFile {
  Form form;
  std::string path;
  std::string content;
};

std::vector<NamedFile> evidence_files(Form form) {
  SampleLog log;
  fill(log, form);
  REQUIRE(verify(log).code == 0);
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

TEST_CASE("no flipped bit of any evidence file passes" * doctest::test_suite("exhaustive")) {
  const bool every_bit = std::getenv("YUNJIAN_EVERY_BIT") != nullptr;
  std::uint64_t total = 0;
  for (const NamedFile& file : all_files()) {
    const std::uint64_t count = file.content.size() * (every_bit ? 8 : 1);
    const auto flip = [&](SampleLog& log, std::uint64_t i) {
      const std::uint64_t byte = every_bit ? i / 8 : i;
      const std::uint64_t bit = every_bit ? i % 8 : (i * 5 + i / 8) % 8;
      std::string flipped = file.content;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      log.files().overwrite(file.path, flipped);
    };
    CHECK_MESSAGE(undetected(file.form, count, flip) == 0, file.path);
    total += count;
  }
  MESSAGE(total << " flipped bits, each reported with its place");
}

TEST_CASE("no truncation of any evidence file at any offset passes" *
          doctest::test_suite("exhaustive")) {
  std::uint64_t total = 0;
  for (const NamedFile& file : all_files()) {
    const auto cut = [&](SampleLog& log, std::uint64_t i) {
      log.files().overwrite(file.path, file.content.substr(0, i));
    };
    CHECK_MESSAGE(undetected(file.form, file.content.size(), cut) == 0, file.path);
    total += file.content.size();
  }
  MESSAGE(total << " truncations, each reported with its place");
}

TEST_CASE("no removed evidence file passes") {
  for (const NamedFile& file : all_files()) {
    SampleLog log;
    fill(log, file.form);
    REQUIRE(log.files().remove(file.path));
    const DamagedVerdict verdict = verify(log);
    CHECK_MESSAGE((verdict.code == 1 || verdict.code == 2), file.path);
    CHECK(verdict.has_place);
  }
}

}  // namespace
}  // namespace yunjian::auditor
