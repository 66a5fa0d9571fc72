#include <doctest/doctest.h>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"
#include "auditor/verifier.h"
#include "ledger/statement_leaves.h"

// What an operator with the log's key and the whole data directory can try, each with the log
// signed anew as if nothing had been: every attempt is reported as what it is.
namespace yunjian::auditor {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::SampleLog;

struct Checked {
  VerifyResult result;
  int code() const { return result.findings.exit_code(false); }
  bool says(FindingKind kind, std::string_view words) const {
    for (const Finding& finding : result.findings.kept()) {
      const std::string all = finding.place + "\n" + finding.en;
      if (finding.kind == kind && all.find(words) != std::string::npos) return true;
    }
    return false;
  }
};

Checked verify(SampleLog& log, std::optional<ledger::TreeHead> pinned = std::nullopt,
               VerifySettings settings = {}) {
  log.write();
  DirectoryEvidence evidence(log.files(), "/data", log.verifier().suite());
  LogVerifier verifier(log.verifier(), pinned, std::move(settings));
  auto result = verifier.run(evidence);
  REQUIRE(result);
  return {std::move(*result)};
}

std::string fmt_leaf(std::size_t leaf) { return "leaf " + std::to_string(leaf); }

ledger::TreeHead head_of(const SampleLog& log) {
  const auto hashes = log.leaf_hashes();
  return {hashes.size(), ledger::merkle_root(*log.verifier().suite().hasher(), hashes)};
}

// The collector's own stream, two hosts, rosters each hour.
struct Fleet {
  explicit Fleet(const ledger::Suite& suite = testing::sample_suite()) : log(1, suite) {
    own = log.enrol("collector", "collector");
    a = log.enrol("water-bureau", "web-01");
    b = log.enrol("health-bureau", "db-01");
    for (int i = 0; i < 3; ++i) minute();
    log.add_roster(log.agents());
  }
  void minute() {
    log.seal(a, {log.random_line(60), log.random_line(60)});
    log.seal(b, {log.random_line(60)});
    log.advance(seconds(60));
  }
  SampleLog log;
  std::size_t own = 0, a = 0, b = 0;
};

const ledger::Suite& suite_of(int number) {
  return *ledger::all_suites()[static_cast<std::size_t>(number)];
}

TEST_CASE("an honest fleet with rosters, a re-enrolment and a retirement is good in each suite") {
  for (int number = 0; number < 2; ++number) {
    Fleet fleet(suite_of(number));
    const std::size_t again = fleet.log.enrol_again(fleet.a, true);
    fleet.log.seal(again, {fleet.log.checkpoint_line(fleet.log.checkpoint_note())});
    const auto agents = fleet.log.agents();
    fleet.log.add_roster(agents);
    fleet.log.retire(again);
    const Checked checked = verify(fleet.log);
    CHECK(checked.code() == 0);
    CHECK(checked.result.counts.book.rosters == 2);
    CHECK(checked.result.counts.book.retirements == 1);
    CHECK(checked.result.counts.checkpoints_shown == 1);
    CHECK(checked.result.counts.unendorsed == 3);
    CHECK(checked.result.levels.size() == 5);
  }
}

TEST_CASE("a stream chained anew under the operator's key is tampering from its first batch") {
  Fleet fleet;
  SampleLog forged(7);
  forged.enrol("x", "x");
  forged.enrol("x", "x");
  const std::size_t other = forged.enrol("health-bureau", "db-01");
  std::size_t next = 0;
  std::vector<std::size_t> seals;
  for (std::size_t i = 0; i < 3; ++i) seals.push_back(forged.seal(other, {forged.random_line(60)}));
  for (auto& entry : fleet.log.entries()) {
    if (entry.stream != fleet.log.stream_id(fleet.b)) continue;
    // The forged header, under the name of the real stream.
    auto parsed =
        ledger::read_header(forged.entries()[seals[next]].leaf, testing::sample_suite()).value();
    auto real = ledger::read_header(entry.leaf, testing::sample_suite()).value();
    parsed.header.agent = real.header.agent;
    entry.leaf = ledger::format_note(ledger::format_header(parsed.header), parsed.note.signatures);
    entry.body = forged.entries()[seals[next++]].body;
  }
  const Checked checked = verify(fleet.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, fleet.log.stream_id(fleet.b) + " batch 0"));
  CHECK(checked.says(FindingKind::tampered, "not signed by the key"));
}

TEST_CASE("the last day dropped is found by whoever remembers it: state or an agent's own record") {
  Fleet fleet;
  const ledger::TreeHead seen = head_of(fleet.log);
  auto& entries = fleet.log.entries();
  entries.resize(entries.size() - 4);
  Checked checked = verify(fleet.log, seen);
  CHECK(checked.code() == 2);
  CHECK(checked.says(FindingKind::missing, "the log went back"));
  // Without state the log alone cannot tell; the host that was shown the larger tree can.
  Fleet again;
  again.log.seal(again.a, {again.log.checkpoint_line(again.log.checkpoint_note())});
  CHECK(verify(again.log).code() == 0);
  auto& cut = again.log.entries();
  cut.erase(cut.begin() + 7, cut.end() - 1);
  checked = verify(again.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "two histories"));
}

TEST_CASE("an agent left out of a roster, or called live while it is silent, is named") {
  Fleet fleet;
  fleet.log.advance(hours(1));
  auto lines = fleet.log.agents();
  CHECK_FALSE(lines[0].live);
  auto without = lines;
  without.erase(without.begin());
  fleet.log.add_roster(without);
  Checked checked = verify(fleet.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "leaves out host"));

  Fleet lying;
  lying.log.advance(hours(1));
  lines = lying.log.agents();
  lines[0].live = true;
  lying.log.add_roster(lines);
  checked = verify(lying.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "live, but no batch of it came"));

  Fleet wrong;
  lines = wrong.log.agents();
  lines[1].batch = *lines[1].batch - 1;
  wrong.log.add_roster(lines);
  CHECK(verify(wrong.log).says(FindingKind::tampered, "the log says otherwise"));
}

TEST_CASE("a list that was changed or is gone is named by its leaf") {
  Fleet fleet;
  const std::size_t leaf = fleet.log.add_roster(fleet.log.agents());
  CHECK(verify(fleet.log).code() == 0);
  const auto paths = fleet.log.files().paths();
  const auto list = std::find_if(paths.begin(), paths.end(),
                                 [](const auto& p) { return p.starts_with("/data/lists/"); });
  REQUIRE(list != paths.end());
  const auto check = [&] {
    DirectoryEvidence evidence(fleet.log.files(), "/data", testing::sample_suite());
    LogVerifier verifier(fleet.log.verifier(), std::nullopt);
    return Checked{verifier.run(evidence).value()};
  };
  const std::string content = fleet.log.files().content(*list).value();
  std::string changed = content;
  changed.replace(changed.find("live"), 4, "dead");
  fleet.log.files().overwrite(*list, changed);
  CHECK(check().says(FindingKind::tampered, fmt_leaf(leaf)));
  REQUIRE(fleet.log.files().remove(*list));
  CHECK(check().code() == 2);
  CHECK(check().says(FindingKind::missing, fmt_leaf(leaf)));
}

TEST_CASE("silence is told with its hours, by the host's own seals and by the rosters") {
  Fleet fleet;
  fleet.log.advance(hours(3));
  fleet.log.add_roster(fleet.log.agents());
  fleet.log.advance(seconds(1800));
  fleet.minute();
  fleet.log.add_roster(fleet.log.agents());
  const Checked checked = verify(fleet.log);
  CHECK(checked.code() == 0);
  CHECK(checked.result.findings.exit_code(true) == 4);
  CHECK(
      checked.says(FindingKind::notice,
                   "host web-01 (unit water-bureau) sent nothing from 2026-11-22T08:02:00.000000Z "
                   "to 2026-11-22T11:33:00.000000Z: batches 2 and 3 follow each other"));
  CHECK(checked.says(FindingKind::notice,
                     "was silent from 2026-11-22T11:03:00.000000Z to 2026-11-22T11:34:00.000000Z"));
  CHECK(checked.result.counts.batches.silences == 2);
}

TEST_CASE("two histories shown to agent and auditor meet in the agent's own record") {
  Fleet fleet;
  Fleet other;
  other.minute();
  fleet.log.seal(fleet.a, {fleet.log.random_line(60)});
  fleet.log.seal(fleet.b, {fleet.log.random_line(60)});
  REQUIRE(other.log.leaf_hashes().size() == fleet.log.leaf_hashes().size());
  fleet.log.seal(fleet.a, {fleet.log.checkpoint_line(other.log.checkpoint_note())});
  const Checked checked = verify(fleet.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "one key signed two histories"));
  CHECK(checked.says(FindingKind::tampered, "host web-01"));
}

TEST_CASE(
    "a host enrolled again under the operator's key is unendorsed, until an authority stands "
    "for it") {
  Fleet fleet;
  const std::size_t forged = fleet.log.enrol_again(fleet.a, false);
  const std::size_t leaf = fleet.log.entries().size() - 1;
  fleet.log.seal(forged, {fleet.log.random_line(60)});
  Checked checked = verify(fleet.log);
  CHECK(checked.says(FindingKind::notice, fleet.log.stream_id(forged)));
  CHECK(checked.result.counts.unendorsed == 4);

  ledger::testing::SeededRandom random(31);
  const auto key = testing::sample_suite().generate(random).value();
  const ledger::Verifier authority(testing::sample_suite(), "authority.example", key->public_key());
  const std::string text = ledger::format_endorsement(
      {fleet.log.verifier().name(), leaf, fleet.log.leaf_hashes()[leaf], fleet.log.now()});
  fleet.log.add_note(ledger::format_note(
      text, {ledger::sign_line(authority, *key, text).value(), fleet.log.log_line(text)}));
  VerifySettings settings;
  settings.authorities = {authority};
  checked = verify(fleet.log, std::nullopt, settings);
  CHECK(checked.result.counts.unendorsed == 3);
  CHECK(checked.result.counts.book.endorsements == 1);
  checked = verify(fleet.log);
  CHECK(checked.result.counts.unendorsed == 4);
  CHECK(checked.says(FindingKind::notice, "no authority's key that was given"));
}

TEST_CASE("an endorsement of another leaf, and a batch behind a retirement, are tampering") {
  Fleet fleet;
  fleet.log.add_leaf(ledger::format_endorsement(
      {fleet.log.verifier().name(), 1, fleet.log.leaf_hashes()[2], fleet.log.now()}));
  CHECK(verify(fleet.log).code() == 1);

  Fleet retired;
  const auto& entries = retired.log.entries();
  const auto last = std::find_if(entries.rbegin(), entries.rend(), [&](const auto& entry) {
    return entry.stream == retired.log.stream_id(retired.b);
  });
  const auto hasher = testing::sample_suite().hasher();
  const std::string agent = retired.log.stream_id(retired.b).substr(0, 32);
  const std::string text =
      ledger::format_retirement({agent, 1, 3, hasher->leaf(last->leaf), retired.log.now()});
  retired.log.add_leaf(text);
  auto lines = retired.log.agents();
  std::erase_if(lines, [&](const auto& line) { return line.agent == agent; });
  retired.log.add_roster(lines);
  CHECK(verify(retired.log).code() == 0);
  retired.log.seal(retired.b, {retired.log.random_line(60)});
  const Checked checked = verify(retired.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "no batch may follow"));
}

TEST_CASE("a restored old copy is shorter than what was verified before") {
  Fleet fleet;
  const auto old_entries = fleet.log.entries();
  fleet.minute();
  const ledger::TreeHead seen = head_of(fleet.log);
  fleet.log.entries() = old_entries;
  const Checked checked = verify(fleet.log, seen);
  CHECK(checked.code() == 2);
  CHECK(checked.says(FindingKind::missing, "the log went back"));
}

TEST_CASE("a batch with an earlier time does not fit between its neighbours") {
  Fleet fleet;
  auto& entry = *std::find_if(fleet.log.entries().begin(), fleet.log.entries().end(),
                              [&](const auto& e) { return e.stream == fleet.log.stream_id(1); });
  const std::size_t at = entry.leaf.find("sealed 2026-11-22T08");
  REQUIRE(at != std::string::npos);
  entry.leaf.replace(at, 20, "sealed 2025-11-22T08");
  const Checked checked = verify(fleet.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "not signed by the key"));
}

// A purge leaf of `day`, with the bodies that are gone taken away.
void purge(SampleLog& log, const std::string& day, const ledger::PurgeLine& line) {
  std::string lines;
  ledger::append_purge_line(lines, line);
  log.keep_list(lines);
  const auto head = ledger::list_head(lines, *testing::sample_suite().hasher()).value();
  log.add_leaf(ledger::format_purge({log.now(), log.leaf_hashes().size(), day, head}));
}

void drop_bodies(SampleLog& log, const std::string& stream, std::uint64_t from, std::uint64_t to) {
  for (auto& entry : log.entries()) {
    if (entry.stream == stream && entry.batch >= from && entry.batch <= to) entry.hollow = true;
  }
}

TEST_CASE("bodies that a purge names are lawfully absent, not before 366 days have passed") {
  const auto purge_after = [](std::chrono::days age) {
    Fleet fleet;
    const std::string stream = fleet.log.stream_id(fleet.b);
    drop_bodies(fleet.log, stream, 0, 1);
    fleet.log.advance(age);
    purge(fleet.log, "2026-11-22", {stream, 0, 1});
    return verify(fleet.log);
  };
  const Checked lawful = purge_after(std::chrono::days(367));
  CHECK(lawful.code() == 0);
  CHECK(lawful.result.counts.batches.bodies_purged == 2);
  const Checked early = purge_after(std::chrono::days(300));
  CHECK(early.code() == 1);
  CHECK(early.says(FindingKind::tampered, "before 366 days"));
}

// Three minutes of 2026-11-22, and two more of 400 days later, behind a roster.
struct TwoDays : Fleet {
  TwoDays() {
    log.advance(std::chrono::days(400));
    log.add_roster(log.agents());
    minute();
    minute();
    stream = log.stream_id(b);
  }
  std::string stream;
};

TEST_CASE("a purge of an old day does not excuse the bodies of a later one") {
  TwoDays fleet;
  drop_bodies(fleet.log, fleet.stream, 0, 3);
  purge(fleet.log, "2026-11-22", {fleet.stream, 0, 3});
  Checked checked = verify(fleet.log);
  CHECK(checked.code() == 1);
  CHECK(checked.result.findings.count(FindingKind::tampered) == 1);
  CHECK(checked.says(FindingKind::tampered, fleet.stream + " batch 3 "));
  CHECK(checked.says(FindingKind::tampered, "time before it was 2027-12-27"));
  CHECK(checked.result.counts.batches.bodies_purged == 3);

  // The same batch under two purges: the later day excuses it.
  TwoDays again;
  drop_bodies(again.log, again.stream, 0, 3);
  purge(again.log, "2026-11-22", {again.stream, 0, 3});
  again.log.advance(std::chrono::days(367));
  purge(again.log, "2027-12-27", {again.stream, 3, 3});
  CHECK(verify(again.log).code() == 0);
}

TEST_CASE("a purge that names batches without end excuses none that came behind it") {
  TwoDays fleet;
  purge(fleet.log, "2026-11-22", {fleet.stream, 0, (std::uint64_t{1} << 63) - 1});
  fleet.minute();
  drop_bodies(fleet.log, fleet.stream, 5, 5);
  Checked checked = verify(fleet.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, fleet.stream + " batch 5..9223372036854775807"));
  CHECK(checked.says(FindingKind::tampered, "not in the log yet"));
  CHECK(checked.says(FindingKind::missing, fleet.stream + " batch 5 "));

  TwoDays stranger;
  purge(stranger.log, "2026-11-22", {std::string(32, 'a') + ".1", 0, 1});
  checked = verify(stranger.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "which is not in the log"));
}

TEST_CASE("times that the operator signs do not go back, but for a clock that was set right") {
  const auto signed_after = [](std::chrono::microseconds by,
                               const std::function<void(Fleet&)>& sign) {
    Fleet fleet;
    fleet.log.advance(by);
    sign(fleet);
    return verify(fleet.log);
  };
  const auto roster = [](Fleet& fleet) { fleet.log.add_roster(fleet.log.agents()); };
  const auto report = [](Fleet& fleet) {
    fleet.log.add_leaf(ledger::format_report({"2026-10", 3, {}, fleet.log.now()}));
  };
  const auto own = [](Fleet& fleet) { fleet.log.seal(fleet.own, {fleet.log.random_line(60)}); };
  const auto enrolment = [](Fleet& fleet) { fleet.log.enrol("tax", "late-01"); };
  for (const auto& sign : std::vector<std::function<void(Fleet&)>>{roster, report, own}) {
    const Checked back = signed_after(-hours(2), sign);
    CHECK(back.code() == 1);
    CHECK(back.says(FindingKind::tampered, "the log's own time goes back"));
    CHECK(back.result.findings.count(FindingKind::tampered) == 1);
    CHECK(signed_after(-std::chrono::minutes(30), sign).code() == 0);
  }
  // A reservation may wait for its host, not for ever.
  const Checked late = signed_after(-hours(50), enrolment);
  CHECK(late.code() == 0);
  CHECK(late.says(FindingKind::notice, "the log's own time goes back"));
  CHECK(signed_after(-std::chrono::days(40), enrolment).code() == 1);
}

TEST_CASE("a purge with a time that has not come is found by the next roster") {
  Fleet fleet;
  const std::string stream = fleet.log.stream_id(fleet.b);
  drop_bodies(fleet.log, stream, 0, 1);
  fleet.log.advance(std::chrono::days(367));
  purge(fleet.log, "2026-11-22", {stream, 0, 1});
  fleet.log.advance(-std::chrono::days(367));
  fleet.minute();
  CHECK(verify(fleet.log).code() == 0);
  fleet.log.add_roster(fleet.log.agents());
  const Checked checked = verify(fleet.log);
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "the log's own time goes back"));
}

TEST_CASE("a collector that ran for hours without a roster over all agents is told") {
  const auto ran = [](bool with_rosters) {
    Fleet fleet;
    for (int hour = 0; hour < 4; ++hour) {
      fleet.log.advance(hours(1));
      if (hour == 0) fleet.log.flags = {"clean-start"};
      fleet.log.seal(fleet.own, {fleet.log.random_line(60)});
      fleet.log.add_roster(fleet.log.agents(), with_rosters);
    }
    return verify(fleet.log);
  };
  CHECK(ran(true).code() == 0);
  const Checked checked = ran(false);
  CHECK(checked.code() == 2);
  CHECK(checked.result.findings.count(FindingKind::missing) == 1);
  CHECK(checked.says(FindingKind::missing, "without a roster over all agents"));
}

// The fleet's log with a checkpoint that two witnesses signed beside it, or what stands for one.
struct WitnessedFleet {
  WitnessedFleet() {
    for (const char* name : {"one.example", "two.example"}) {
      keys.push_back(testing::sample_suite().generate(random).value());
      witnesses.emplace_back(testing::sample_suite(), name, keys.back()->public_key(),
                             ledger::SignatureKind::cosignature);
    }
  }
  std::string cosigned(const std::string& note, std::size_t by) {
    auto parsed = ledger::parse_note(note).value();
    for (std::size_t i = 0; i < by; ++i) {
      parsed.signatures.push_back(
          ledger::cosign_line(witnesses[i], *keys[i], parsed.text, 1800000000).value());
    }
    return ledger::format_note(parsed.text, parsed.signatures);
  }
  Checked check(const std::optional<std::string>& newest) {
    fleet.log.write();
    if (newest) fleet.log.files().overwrite("/data/witnessed/newest", *newest);
    VerifySettings settings;
    settings.witnesses = witnesses;
    settings.quorum = 2;
    DirectoryEvidence evidence(fleet.log.files(), "/data", testing::sample_suite());
    LogVerifier verifier(fleet.log.verifier(), std::nullopt, std::move(settings));
    return {verifier.run(evidence).value()};
  }
  ledger::testing::SeededRandom random{77};
  std::vector<std::unique_ptr<ledger::PrivateKey>> keys;
  std::vector<ledger::Verifier> witnesses;
  Fleet fleet;
};

TEST_CASE("what witnesses signed is asked for, counted, and held against the log") {
  WitnessedFleet witnessed;
  const std::string note = witnessed.fleet.log.checkpoint_note();
  Checked checked = witnessed.check(witnessed.cosigned(note, 2));
  CHECK(checked.code() == 0);
  CHECK(checked.result.counts.cosignatures == 2);
  checked = witnessed.check(witnessed.cosigned(note, 1));
  CHECK(checked.code() == 2);
  CHECK(checked.says(FindingKind::missing, "1 of the witnesses that were given signed it, 2"));
  checked = witnessed.check(std::nullopt);
  CHECK(checked.code() == 2);
  CHECK(checked.says(FindingKind::missing, "no witnessed checkpoint"));
  checked = witnessed.check("no note\n");
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered, "the witnessed checkpoint is not the log's"));
}

TEST_CASE("a log behind its witnessed checkpoint, or beside it, is told") {
  WitnessedFleet behind;
  const std::string note = behind.cosigned(behind.fleet.log.checkpoint_note(), 2);
  behind.fleet.log.entries().pop_back();
  Checked checked = behind.check(note);
  CHECK(checked.code() == 2);
  CHECK(checked.says(FindingKind::missing, "went back behind its witnessed checkpoint"));

  WitnessedFleet beside;
  Fleet other;
  other.minute();
  beside.fleet.log.seal(beside.fleet.a, {beside.fleet.log.random_line(60)});
  beside.fleet.log.seal(beside.fleet.b, {beside.fleet.log.random_line(60)});
  const auto leaves = other.log.leaf_hashes().size();
  REQUIRE(leaves == beside.fleet.log.leaf_hashes().size());
  beside.fleet.minute();
  checked = beside.check(beside.cosigned(other.log.checkpoint_note(), 2));
  CHECK(checked.code() == 1);
  CHECK(checked.says(FindingKind::tampered,
                     "leaves 0.." + std::to_string(leaves - 1) +
                         "\nthey are not those of the witnessed checkpoint: one key signed two"));
}

TEST_CASE("threads find what one thread finds, in the same order") {
  const auto with_threads = [](unsigned workers) {
    Fleet fleet;
    auto& entries = fleet.log.entries();
    std::swap(entries[4].body, entries[6].body);
    entries[5].hollow = true;
    fleet.minute();
    VerifySettings settings;
    settings.threads = workers;
    const Checked checked = verify(fleet.log, std::nullopt, settings);
    std::string all;
    for (const Finding& finding : checked.result.findings.kept()) {
      all += finding.place + finding.en + "\n";
    }
    return all;
  };
  const std::string one = with_threads(0);
  CHECK(one.find("tampered") == std::string::npos);
  CHECK(one.find("the records are not those that were sealed") != std::string::npos);
  CHECK(with_threads(1) == one);
  CHECK(with_threads(3) == one);
}

}  // namespace
}  // namespace yunjian::auditor
