#include "auditor/verifier.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"

namespace yunjian::auditor {
namespace {

using testing::SampleLog;

VerifyResult verify(SampleLog& log, std::optional<ledger::TreeHead> pinned = std::nullopt) {
  DirectoryEvidence evidence(log.files(), "/data", testing::sample_suite());
  LogVerifier verifier(log.verifier(), pinned);
  auto result = verifier.run(evidence);
  REQUIRE(result);
  return std::move(*result);
}

int verdict(SampleLog& log, std::optional<ledger::TreeHead> pinned = std::nullopt) {
  return verify(log, pinned).findings.exit_code(false);
}

bool names(const VerifyResult& result, FindingKind kind, std::string_view place) {
  for (const Finding& finding : result.findings.kept()) {
    if (finding.kind == kind && finding.place.find(place) != std::string::npos) return true;
  }
  return false;
}

// Two streams of a few batches, interleaved.
void fill(SampleLog& log) {
  const std::size_t a = log.enrol("water-bureau", "web-01");
  const std::size_t b = log.enrol("health-bureau", "db-01");
  for (int round = 0; round < 4; ++round) {
    log.seal(a, {log.random_line(60), log.random_line(60)});
    log.seal(b, {log.random_line(60)});
  }
  log.seal(a, {});
}

ledger::TreeHead head_of(const SampleLog& log) {
  const auto hashes = log.leaf_hashes();
  const auto hasher = testing::sample_suite().hasher();
  return {hashes.size(), ledger::merkle_root(*hasher, hashes)};
}

TEST_CASE("an honest log is good, and everything in it was counted") {
  SampleLog log;
  fill(log);
  log.write(4);
  const VerifyResult result = verify(log);
  CHECK(result.findings.exit_code(false) == 0);
  CHECK(result.findings.exit_code(true) == 4);  // no earlier state, unendorsed enrolments
  CHECK(result.counts.leaves == 11);
  CHECK(result.counts.streams == 2);
  CHECK(result.counts.batches.batches == 9);
  CHECK(result.counts.batches.records == 12);
  CHECK(result.counts.batches.bodies == 9);
  CHECK(result.counts.unendorsed == 2);
  CHECK_FALSE(result.checkpoint.empty());
  CHECK(verify(log, head_of(log)).findings.count(FindingKind::notice) == 2);
}

TEST_CASE("a batch without records is whole in the WAL and in a part") {
  SampleLog log;
  const std::size_t stream = log.enrol("water-bureau", "web-01");
  log.seal(stream, {log.random_line(60)});
  log.seal(stream, {});
  log.seal(stream, {log.random_line(60)});
  for (std::size_t filed = 0; filed <= log.entries().size(); ++filed) {
    CAPTURE(filed);
    log.write_with_part(filed);
    const VerifyResult result = verify(log);
    CHECK(result.findings.exit_code(false) == 0);
    CHECK(result.counts.batches.bodies == 3);
  }
}

TEST_CASE("a record that was changed with all checksums made anew is named") {
  SampleLog log;
  fill(log);
  auto& entry = log.entries()[4];
  std::string lines = log.random_line(60) + "\n" + log.random_line(60);
  ledger::BodyEncoder encoder;
  REQUIRE(encoder.encode(lines, entry.body));
  log.write();
  const VerifyResult result = verify(log);
  CHECK(result.findings.exit_code(false) == 1);
  CHECK(names(result, FindingKind::tampered, log.stream_id(0) + " batch 1 records 2..3"));
}

TEST_CASE("a body that is gone is missing, or a declared gap when its stream says so") {
  SampleLog log;
  const std::size_t a = log.enrol("water-bureau", "web-01");
  log.seal(a, {log.random_line(60)});
  log.seal(a, {log.random_line(60), log.random_line(60)}, true);
  log.write();
  VerifyResult result = verify(log);
  CHECK(result.findings.exit_code(false) == 2);
  CHECK(names(result, FindingKind::missing, log.stream_id(a) + " batch 1 records 1..2"));

  log.seal(a, {log.gap_line("0,1-1")});
  log.write();
  result = verify(log);
  CHECK(result.findings.exit_code(false) == 3);
  CHECK(result.counts.batches.bodies_absent == 1);
}

TEST_CASE("a late body fills its batch, and only its own") {
  SampleLog log;
  const std::size_t a = log.enrol("water-bureau", "web-01");
  const std::size_t hollow = log.seal(a, {log.random_line(60)}, true);
  const std::size_t other = log.seal(a, {log.random_line(60)});
  auto fill = log.entries()[hollow];
  fill.type = ledger::WalType::body_fill;
  log.entries().push_back(fill);
  log.write();
  CHECK(verdict(log) == 0);
  log.entries().back().body = log.entries()[other].body;
  log.write();
  CHECK(verdict(log) == 1);
}

TEST_CASE("a removed batch, stream or tail is named, whoever signed the checkpoint anew") {
  for (const bool resigned : {false, true}) {
    const auto with_removed = [&](const std::function<void(std::vector<SampleLog::Entry>&)>& cut,
                                  bool with_state) {
      auto log = std::make_unique<SampleLog>();
      fill(*log);
      const auto honest = log->leaf_hashes();
      const ledger::TreeHead seen = head_of(*log);
      cut(log->entries());
      log->write();
      if (!resigned) log->write_checkpoint(honest);
      const int code = verdict(*log, with_state ? std::optional(seen) : std::nullopt);
      return code;
    };
    const auto middle = [](auto& entries) { entries.erase(entries.begin() + 5); };
    const auto tail = [](auto& entries) { entries.pop_back(); };
    const auto stream = [](auto& entries) {
      const std::string gone = entries[3].stream;  // of the second stream's first batch
      std::erase_if(entries, [&](const auto& entry) { return entry.stream == gone; });
      entries.erase(entries.begin() + 1);
    };
    CHECK((with_removed(middle, false) == 1 || with_removed(middle, false) == 2));
    CHECK((with_removed(tail, true) == 1 || with_removed(tail, true) == 2));
    CHECK((with_removed(stream, true) == 1 || with_removed(stream, true) == 2));
    // Without state and with the log's own key a collector can drop its tail: that is what --state
    // and witnesses are for.
    if (resigned) CHECK(with_removed(tail, false) == 0);
    if (!resigned) CHECK(with_removed(stream, false) != 0);
  }
}

TEST_CASE("a roster that is put there again is tampering, also behind a newer one") {
  SampleLog log;
  fill(log);
  const std::size_t older = log.add_roster(log.agents());
  log.add_roster(log.agents());
  log.write();
  CHECK(verdict(log) == 0);
  const auto head = head_of(log);
  const std::string place = fmt::format("leaf {}", log.entries().size());
  for (const std::size_t again : {older, older + 1}) {
    const SampleLog::Entry roster = log.entries().at(again);
    log.entries().push_back(roster);
    log.write();
    CHECK(names(verify(log, head), FindingKind::tampered, place));
    log.entries().pop_back();
  }
}

TEST_CASE("a missing middle batch is named by stream and number") {
  SampleLog log;
  fill(log);
  log.entries().erase(log.entries().begin() + 4);  // batch 1 of the first stream
  log.write();
  const VerifyResult result = verify(log);
  CHECK(names(result, FindingKind::missing,
              "stream " + log.stream_id(0) + " batch 1..1 records 2..3"));
}

TEST_CASE("an exchanged order, a repeated batch and a foreign batch are tampering") {
  const auto changed = [](const std::function<void(std::vector<SampleLog::Entry>&)>& change) {
    SampleLog log;
    fill(log);
    change(log.entries());
    log.write();
    return verdict(log);
  };
  CHECK(changed([](auto& entries) { std::swap(entries[2], entries[4]); }) == 1);
  CHECK(changed([](auto& entries) { entries.push_back(entries[4]); }) == 1);
  CHECK(changed([](auto& entries) { entries.push_back(entries[0]); }) == 1);
  SampleLog other(2);
  fill(other);
  CHECK(changed([&](auto& entries) { entries[4] = other.entries()[4]; }) == 1);
  CHECK(changed([&](auto& entries) { entries.push_back(other.entries()[0]); }) == 1);
  CHECK(changed([](auto& entries) { entries[2].leaf = "yunjian/batch/v1\n"; }) == 1);
  CHECK(changed([](auto& entries) { entries[2].leaf = "x"; }) == 1);
}

TEST_CASE("a split view is found against the pinned state, also at equal size") {
  SampleLog log;
  fill(log);
  const ledger::TreeHead seen = head_of(log);
  log.entries().pop_back();
  log.seal(0,
           {log.random_line(60)});  // another batch under a later number: a gap in the stream, too
  log.write();
  CHECK(verdict(log, seen) == 1);
}

TEST_CASE("what the log signed on earlier days is compared, and must have been signed by it") {
  SampleLog log;
  const std::size_t host = log.enrol("water-bureau", "web-01");
  log.seal(host, {log.random_line(40)});
  const std::string early = log.checkpoint_note();
  for (int i = 0; i < 5; ++i) log.seal(host, {log.random_line(40)});
  const std::string newest = log.checkpoint_note();
  log.write();
  const auto keep = [&](const std::string& name, const std::string& note) {
    for (const char* folder : {"/data/checkpoints", "/data/witnessed"}) {
      REQUIRE(log.files().make_directory(folder, 0700));
    }
    log.files().overwrite("/data/" + name, note);
  };
  keep("checkpoints/2026-11-22", early);
  keep("witnessed/2026-11-23", newest);
  auto result = verify(log);
  CHECK(result.findings.exit_code(false) == 0);
  CHECK(result.counts.checkpoints_kept == 2);

  keep("checkpoints/2026-11-22", early.substr(0, early.size() / 2));
  CHECK(verdict(log) == 1);
  SampleLog other;  // the same key, another history
  const std::size_t stranger = other.enrol("tax-bureau", "web-02");
  other.seal(stranger, {other.random_line(40)});
  keep("checkpoints/2026-11-22", other.checkpoint_note());
  result = verify(log);
  CHECK(result.findings.exit_code(false) == 1);
  const auto& kept = result.findings.kept();
  CHECK(std::any_of(kept.begin(), kept.end(), [](const Finding& each) {
    return each.en.find("kept in checkpoints/2026-11-22") != std::string::npos;
  }));
  for (int i = 0; i < 20; ++i) other.seal(stranger, {other.random_line(40)});
  keep("checkpoints/2026-11-22", other.checkpoint_note());
  CHECK(verdict(log) == 2);
}

TEST_CASE("an unfinished write behind the checkpoint is a notice, below it a loss") {
  SampleLog log;
  fill(log);
  log.write();
  const std::string path = "/data/wal/" + ledger::segment_name(0);
  const std::string whole = log.files().content(path).value();
  log.files().overwrite(path, whole + "torn");
  CHECK(verdict(log) == 0);
  log.files().overwrite(path, whole.substr(0, whole.size() - 1));
  CHECK(verdict(log) == 2);
}

TEST_CASE("what a stop left before its rename is no evidence, and hides none") {
  SampleLog log;
  fill(log);
  log.add_roster(log.agents());
  log.write();
  REQUIRE(log.files().make_directory("/data/checkpoints", 0700));
  const auto paths = log.files().paths();
  const auto list = std::ranges::find_if(
      paths, [](const std::string& path) { return path.starts_with("/data/lists/"); });
  REQUIRE(list != paths.end());
  for (const std::string& path :
       {*list, std::string("/data/checkpoints/2026-11-22"), std::string("/data/tile/0/000")}) {
    log.files().overwrite(path + ".new", "half of it");
  }
  const auto result = verify(log);
  CHECK(result.findings.exit_code(false) == 0);
  CHECK(result.counts.checkpoints_kept == 0);
  REQUIRE(log.files().rename(*list, *list + ".new"));
  CHECK(verdict(log) == 2);
}

TEST_CASE("tile files are compared with the leaves, strangers included") {
  SampleLog log;
  fill(log);
  log.write();
  log.files().overwrite("/data/tile/0/000", log.files().content("/data/tile/0/000").value() + "x");
  CHECK(verdict(log) == 1);
  log.write();
  log.files().overwrite("/data/tile/0/001", "x");
  CHECK(verdict(log) == 1);
  log.write();
  REQUIRE(log.files().remove("/data/tile/0/000"));
  CHECK(verdict(log) == 2);
}

TEST_CASE("another log's checkpoint, or none, does not pass") {
  SampleLog log;
  fill(log);
  SampleLog other(2);
  fill(other);
  log.write();
  other.write();
  log.files().overwrite("/data/checkpoint", other.files().content("/data/checkpoint").value());
  CHECK(verdict(log) == 1);
  REQUIRE(log.files().remove("/data/checkpoint"));
  CHECK(verdict(log) == 2);
}

}  // namespace
}  // namespace yunjian::auditor
