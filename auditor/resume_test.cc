#include <doctest/doctest.h>

#include "auditor/saved_check.h"
#include "auditor/testing/sample_source.h"
#include "auditor/verifier.h"

namespace yunjian::auditor {
namespace {

using testing::SampleLog;
using testing::SampleSource;

// A SampleLog as a running collector shows it: can begin anywhere.
class ShownLog : public Evidence {
 public:
  explicit ShownLog(SampleLog& log) : log_(&log), source_(log) {}
  ledger::Result<std::string> checkpoint() override { return log_->checkpoint_note(); }
  ledger::Result<std::string> tile(const ledger::TileId& id) override { return source_.tile(id); }
  ledger::Result<std::string> witnessed() override {
    if (!witnessed_note.empty()) return witnessed_note;
    return ledger::fail(ledger::ErrorKind::reject, "none");
  }
  ledger::Result<std::string> list(std::uint64_t, const ledger::ListHead& head) override {
    log_->write();
    return log_->files().read_file("/data/lists/" + ledger::list_file_name(head.root));
  }
  bool begin_at(std::uint64_t leaf) override {
    begin = leaf;
    return true;
  }
  bool gives_whole_leaves() const override { return true; }
  ledger::Result<void> visit(std::uint64_t size, EvidenceVisitor& visitor) override {
    for (std::uint64_t i = begin; i < size; ++i) {
      if (i == fails_at) return ledger::fail(ledger::ErrorKind::retry, "no answer");
      const SampleLog::Entry& entry = log_->entries()[i];
      const bool body = entry.type == ledger::WalType::batch && !entry.hollow;
      visitor.leaf(entry.leaf, body ? std::optional<std::string_view>(entry.body) : std::nullopt);
    }
    return {};
  }
  std::uint64_t begin = 0;
  std::optional<std::uint64_t> fails_at;
  std::string witnessed_note;

 private:
  SampleLog* log_;
  SampleSource source_;
};

struct Fleet {
  Fleet() {
    log.enrol("collector", "collector");
    a = log.enrol("water-bureau", "web-01");
    b = log.enrol("health-bureau", "db-01");
  }
  void hour() {
    for (int i = 0; i < 5; ++i) {
      log.seal(a, {log.random_line(60), log.random_line(60)});
      log.seal(b, {log.random_line(60)}, i == 2);
      log.advance(std::chrono::seconds(60));
    }
    log.seal(b, {log.gap_line(std::to_string(gap += 5))});
    ++gap;
    log.add_roster(log.agents());
  }
  ledger::TreeHead head() const {
    const auto hashes = log.leaf_hashes();
    return {hashes.size(), ledger::merkle_root(*testing::sample_suite().hasher(), hashes)};
  }
  SampleLog log;
  std::size_t a = 0, b = 0;
  int gap = -3;
};

struct Run {
  VerifyResult result;
  std::optional<SavedCheck> saved;
  std::uint64_t began = 0;
};

Run verify(Fleet& fleet, std::optional<ledger::TreeHead> pinned,
           std::optional<SavedCheck> resume = std::nullopt) {
  Run run;
  VerifySettings settings;
  settings.threads = 2;
  settings.save = [&run](const SavedCheck& check) { run.saved = check; };
  settings.resume = std::move(resume);
  ShownLog evidence(fleet.log);
  LogVerifier verifier(fleet.log.verifier(), pinned, std::move(settings));
  run.result = verifier.run(evidence).value();
  run.began = evidence.begin;
  return run;
}

TEST_CASE("a check that goes on where another ended counts and finds what a whole one does") {
  Fleet fleet;
  fleet.hour();
  const Run first = verify(fleet, std::nullopt);
  REQUIRE(first.saved);
  const ledger::TreeHead pinned = fleet.head();
  fleet.hour();
  fleet.log.advance(std::chrono::hours(2));
  const std::size_t again = fleet.log.enrol_again(fleet.a, true);
  fleet.log.seal(again, {fleet.log.random_line(60)});
  fleet.log.add_roster(fleet.log.agents());
  const Run rest = verify(fleet, pinned, first.saved);
  const Run whole = verify(fleet, pinned);
  CHECK(rest.began == pinned.size);
  CHECK(rest.result.resumed_at == pinned.size);
  CHECK(rest.result.findings.exit_code(false) == 3);
  CHECK(whole.result.findings.exit_code(false) == 3);
  CHECK(rest.result.counts.leaves == whole.result.counts.leaves);
  CHECK(rest.result.counts.enrolments == whole.result.counts.enrolments);
  CHECK(rest.result.counts.batches.records == whole.result.counts.batches.records);
  CHECK(rest.result.counts.batches.bodies_absent == whole.result.counts.batches.bodies_absent);
  CHECK(rest.result.counts.book.rosters == whole.result.counts.book.rosters);
  REQUIRE(rest.saved);
  REQUIRE(whole.saved);
  CHECK(rest.saved->peaks == whole.saved->peaks);
  CHECK(rest.saved->book == whole.saved->book);
  CHECK(rest.saved->streams == whole.saved->streams);
}

TEST_CASE("what comes behind the resumed point is held against what lies before it") {
  Fleet fleet;
  fleet.hour();
  const Run first = verify(fleet, std::nullopt);
  const ledger::TreeHead pinned = fleet.head();
  fleet.hour();
  auto& entries = fleet.log.entries();
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(pinned.size));
  const Run rest = verify(fleet, pinned, first.saved);
  // The hole in the stream, and the roster that knows better.
  CHECK(rest.result.findings.count(FindingKind::missing) > 0);
  CHECK(rest.result.findings.exit_code(false) == 1);
  CHECK_FALSE(rest.saved);
}

TEST_CASE("a roster from before the resumed point that is put there again is tampering") {
  Fleet fleet;
  fleet.hour();
  const Run first = verify(fleet, std::nullopt);
  const ledger::TreeHead pinned = fleet.head();
  const SampleLog::Entry roster = fleet.log.last();
  fleet.log.entries().push_back(roster);
  CHECK(verify(fleet, pinned, first.saved).result.findings.exit_code(false) == 1);
}

// A check that stops when the collector does not answer any more; what it kept until then.
std::optional<SavedCheck> interrupted(Fleet& fleet, std::optional<ledger::TreeHead> pinned,
                                      std::uint64_t fails_at,
                                      std::optional<SavedCheck> resume = std::nullopt) {
  std::optional<SavedCheck> saved;
  VerifySettings settings;
  settings.save = [&saved](const SavedCheck& check) { saved = check; };
  settings.resume = std::move(resume);
  ShownLog evidence(fleet.log);
  evidence.fails_at = fails_at;
  LogVerifier verifier(fleet.log.verifier(), pinned, std::move(settings));
  CHECK_FALSE(verifier.run(evidence));
  return saved;
}

TEST_CASE("a first check that was interrupted goes on where it stopped") {
  Fleet fleet;
  fleet.hour();
  fleet.hour();
  const auto saved = interrupted(fleet, std::nullopt, 9);
  REQUIRE(saved);
  CHECK_FALSE(saved->compared);
  const Run rest = verify(fleet, std::nullopt, saved);
  const Run whole = verify(fleet, std::nullopt);
  CHECK(rest.began == 9);
  CHECK(rest.result.findings.exit_code(false) == whole.result.findings.exit_code(false));
  CHECK(rest.saved->streams == whole.saved->streams);
  CHECK(rest.saved->book == whole.saved->book);
}

TEST_CASE("an interrupted check loses nothing of what was pinned before it") {
  Fleet fleet;
  fleet.hour();
  const Run first = verify(fleet, std::nullopt);
  const ledger::TreeHead pinned = fleet.head();
  fleet.hour();
  fleet.hour();
  const auto saved = interrupted(fleet, pinned, pinned.size + 5, first.saved);
  REQUIRE(saved);
  CHECK(saved->size == pinned.size + 5);
  CHECK(saved->compared == pinned);
  // Twice in a row.
  const auto again = interrupted(fleet, pinned, pinned.size + 8, saved);
  REQUIRE(again);
  const Run rest = verify(fleet, pinned, again);
  CHECK(rest.began == pinned.size + 8);
  CHECK(rest.result.findings.exit_code(false) == 3);
  CHECK(rest.saved->streams == verify(fleet, pinned).saved->streams);
  // Measured by another tree: everything is read again, and the other history found.
  const Run other = verify(fleet, ledger::TreeHead{pinned.size, {}}, again);
  CHECK(other.began == 0);
  CHECK(other.result.findings.exit_code(false) == 1);
}

TEST_CASE("a resumed check compares what a witness signed before the point where it begins") {
  Fleet fleet;
  fleet.hour();
  Fleet other;
  other.hour();
  std::swap(other.log.entries()[3], other.log.entries()[4]);
  const Run first = verify(fleet, std::nullopt);
  const std::string mine = fleet.log.checkpoint_note();
  const ledger::TreeHead pinned = fleet.head();
  fleet.hour();
  ledger::testing::SeededRandom random(5);
  const auto key = testing::sample_suite().generate(random).value();
  const ledger::Verifier witness(testing::sample_suite(), "witness.example", key->public_key(),
                                 ledger::SignatureKind::cosignature);
  for (const std::string& note : {mine, other.log.checkpoint_note()}) {
    auto parsed = ledger::parse_note(note).value();
    parsed.signatures.push_back(
        ledger::cosign_line(witness, *key, parsed.text, 1800000000).value());
    VerifySettings settings;
    settings.witnesses = {witness};
    settings.resume = first.saved;
    ShownLog evidence(fleet.log);
    evidence.witnessed_note = ledger::format_note(parsed.text, parsed.signatures);
    LogVerifier verifier(fleet.log.verifier(), pinned, std::move(settings));
    const auto result = verifier.run(evidence).value();
    CHECK(evidence.begin == pinned.size);
    CHECK(result.findings.exit_code(false) == (note == mine ? 3 : 1));
  }
}

TEST_CASE("a history that was changed before the resumed point does not have the pinned root") {
  Fleet fleet;
  fleet.hour();
  const Run first = verify(fleet, std::nullopt);
  const ledger::TreeHead pinned = fleet.head();
  fleet.hour();
  std::swap(fleet.log.entries()[3], fleet.log.entries()[4]);
  const Run rest = verify(fleet, pinned, first.saved);
  CHECK(rest.result.findings.exit_code(false) == 1);
}

TEST_CASE("a progress file reads back, and one that was changed is refused") {
  Fleet fleet;
  fleet.hour();
  const Run run = verify(fleet, fleet.head());
  REQUIRE(run.saved->compared);
  ledger::testing::MemoryFileSystem files;
  REQUIRE(files.make_directory("/state", 0700));
  const std::string path = saved_check_path("/state", fleet.log.verifier());
  CHECK_FALSE(read_saved_check(files, path).value());
  REQUIRE(write_saved_check(files, path, *run.saved));
  const auto read = read_saved_check(files, path);
  REQUIRE(read);
  REQUIRE(*read);
  CHECK((*read)->peaks == run.saved->peaks);
  CHECK((*read)->compared == run.saved->compared);
  CHECK((*read)->streams == run.saved->streams);
  const std::string good = files.content(path).value();
  for (std::size_t i = 0; i < good.size(); i += 11) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    files.overwrite(path, changed);
    CHECK_FALSE(read_saved_check(files, path));
    files.overwrite(path, good.substr(0, i));
    CHECK_FALSE(read_saved_check(files, path));
  }
}

}  // namespace
}  // namespace yunjian::auditor
