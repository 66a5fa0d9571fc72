#include "collector/pack_keeper.h"

#include <doctest/doctest.h>

#include "collector/collector.h"
#include "collector/init.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/seeded_random.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using ledger::Time;

Time china(std::string_view text) {
  return *ledger::parse_time(std::string(text) + ":00.000000Z") - rules::china_offset;
}

TEST_CASE("a month is built from 00:30 on the 1st and late from the 3rd on") {
  const auto at = [](std::string_view text) { return pack_duty(china(text)); };
  using std::chrono::year;
  CHECK(at("2026-10-31T23:59").month == year(2026) / 9);
  CHECK(at("2026-11-01T00:29").month == year(2026) / 10);
  CHECK_FALSE(at("2026-11-01T00:29").may_build);
  CHECK(at("2026-11-01T00:30").may_build);
  CHECK_FALSE(at("2026-11-02T23:59").warn);
  CHECK(at("2026-11-03T00:00").warn);
  CHECK(at("2026-11-30T12:00").warn);
  CHECK(rules::format_date(at("2026-11-01T00:00").due) == "2026-11-05");
  CHECK(at("2027-01-01T08:00").month == year(2026) / 12);
  CHECK(at("2024-03-01T00:30").month == year(2024) / 2);
}

// A collector whose log was begun on 20 September, on a clock that is set.
struct PackKeeperFixture {
  ledger::testing::TemporaryDirectory directory;
  ledger::PosixFileSystem files;
  ledger::testing::ManualClock clock{china("2026-09-20T10:00")};
  ledger::testing::SeededRandom random{5};
  const OwnStream::Tools tools{.files = files, .clock = clock, .random = random};
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<EvidenceLog> log;
  std::unique_ptr<OwnStream> own;
  std::unique_ptr<LogRecordStore> records;
  std::unique_ptr<HourFolds> folds;
  std::unique_ptr<MonthPacks> packs;
  std::unique_ptr<PackKeeper> keeper;
  std::mutex acts;

  PackKeeperFixture() {
    const DataDirectory data{directory.path() + "/data"};
    REQUIRE(init_collector(tools, {.data = data.root,
                                   .origin = "log.test/yunjian",
                                   .anchor = directory.path() + "/anchor",
                                   .names = {"localhost"},
                                   .suite = &ledger::default_suite()}));
    const auto facts = *read_log_facts(files, data.log_facts());
    catalog = std::move(*Catalog::open(data.catalog()));
    log = std::move(*EvidenceLog::open(files, clock,
                                       {.directory = data.root,
                                        .anchor_path = directory.path() + "/anchor",
                                        .origin = facts.origin,
                                        .suite = facts.suite},
                                       *read_log_key(files, data, facts)));
    own = std::move(*OwnStream::open(
        *log, tools,
        {.state_path = data.stream_state(), .boot_id = "00000000-0000-0000-0000-000000000000"}));
    records = std::make_unique<LogRecordStore>(*log);
    folds = std::make_unique<HourFolds>(
        HourFolds::Parts{.records = *records,
                         .files = files,
                         .clock = clock,
                         .directory = data.folds(),
                         .hosts = [] { return std::vector<std::string>(); }});
    packs = std::make_unique<MonthPacks>(MonthPacks::Parts{.catalog = *catalog,
                                                           .log = *log,
                                                           .own = *own,
                                                           .records = *records,
                                                           .files = files,
                                                           .clock = clock,
                                                           .scratch = data.scratch(),
                                                           .directory = data.reports(),
                                                           .folds = *folds,
                                                           .acts = acts});
    keeper = std::make_unique<PackKeeper>(PackKeeper::Parts{
        .packs = *packs, .catalog = *catalog, .log = *log, .own = *own, .acts = acts});
    REQUIRE(catalog->put_units({{"tax", "税务局", ""}}));
  }
  PackKeeper::Status step(std::string_view time) {
    clock.advance(china(time) - clock.wall());
    keeper->step(clock.wall());
    return keeper->status();
  }
  // Sealed or not yet.
  std::size_t recorded(std::string_view words) {
    std::size_t found = 0;
    const auto look = [&](std::string_view line) {
      if (line.find(words) != std::string_view::npos) ++found;
    };
    for (const std::string& line : log->unsealed_own_records()) look(line);
    ScanQuery all;
    all.to = Time::max();
    all.limit = 1000;
    REQUIRE(
        records->scan(Scope::all(), all, [&](const StoredRecord& record) { look(record.line); }));
    return found;
  }
};

TEST_CASE_FIXTURE(PackKeeperFixture, "the pack is built by itself on the 1st, once") {
  CHECK_FALSE(step("2026-09-30T12:00").month);  // the log did not exist in August
  CHECK(step("2026-10-01T00:29").revision == 0);
  const auto built = step("2026-10-01T00:30");
  CHECK(built.error == "");
  CHECK(built.revision == 1);
  CHECK(built.built == 1);
  CHECK(packs->store().newest(2026y / 9)->has_value());
  CHECK(recorded(R"("what":"report","month":"2026-09")") == 1);
  CHECK(step("2026-10-01T08:00").built == 1);
  CHECK(step("2026-10-05T08:00").late == false);
  CHECK(keeper->status_line() == "2026-09 revision 1");
  CHECK(keeper->metrics().find("yunjian_report_built 1\n") != std::string::npos);
}

TEST_CASE_FIXTURE(PackKeeperFixture, "a build ends when the collector stops, and keeps nothing") {
  packs->cancel();
  const auto now = step("2026-10-01T00:30");
  CHECK(now.failed == 1);
  CHECK(now.revision == 0);
  const auto built = packs->build({.month = 2026y / 9, .who = "test"});
  REQUIRE_FALSE(built);
  CHECK(built.error().kind == ledger::ErrorKind::retry);
  CHECK_FALSE(packs->store().newest(2026y / 9)->has_value());
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "a build that fails is tried again; from the 3rd on it is late, an alarm a day") {
  // A directory stands where the packs' directory would be made.
  REQUIRE(ledger::replace_file(files, directory.path() + "/data/reports", "in the way", 0600));
  auto now = step("2026-10-01T00:30");
  CHECK(now.failed == 1);
  CHECK_FALSE(now.error.empty());
  CHECK_FALSE(now.late);
  CHECK(step("2026-10-01T00:35").failed == 1);  // not yet again
  CHECK(step("2026-10-01T00:41").failed == 2);
  now = step("2026-10-03T00:01");
  CHECK(now.late);
  CHECK(now.error.find("2026-10-05") != std::string::npos);
  CHECK(recorded("report-late") == 1);
  step("2026-10-03T09:00");
  CHECK(recorded("report-late") == 1);
  step("2026-10-04T00:01");
  CHECK(recorded("report-late") == 2);
  CHECK(keeper->status_line().starts_with("2026-09 not built, due before 2026-10-05: LATE; "));
  CHECK(keeper->metrics().find("yunjian_report_late 1\n") != std::string::npos);
  REQUIRE(files.remove(directory.path() + "/data/reports"));
  now = step("2026-10-04T10:00");
  CHECK(now.revision == 1);
  CHECK_FALSE(now.late);
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "a finding whose deadline has passed becomes overdue, and no more than that") {
  Finding finding{.id = "web-01:reclaim:2026-08",
                  .host = "web-01",
                  .unit = "tax",
                  .verdict = "low",
                  .state = "notified",
                  .month = "2026-08",
                  .due = "2026-09-25"};
  REQUIRE(catalog->put_finding(finding, {.act = "flag", .state = "notified"}));
  CHECK(step("2026-09-25T23:59").expired == 0);
  CHECK(step("2026-09-26T00:00").expired == 1);
  const auto kept = *catalog->finding(Scope::all(), finding.id);
  CHECK(kept->state == "overdue");
  CHECK(catalog->finding_events(finding.id)->back().who == "collector");
  CHECK(kept->due == "2026-09-30");  // until then the authority takes it up
  CHECK(recorded(R"("act":"expire")") == 1);
  CHECK(step("2026-10-20T00:00").expired == 1);
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "a step of the provider or the authority that is late is an alarm a day") {
  const auto put = [&](const std::string& host, const std::string& state, const std::string& due) {
    REQUIRE(catalog->put_finding({.id = host + ":reclaim:2026-08",
                                  .host = host,
                                  .unit = "tax",
                                  .verdict = "low",
                                  .state = state,
                                  .month = "2026-08",
                                  .due = due,
                                  .changed = china("2026-09-21T09:00")},
                                 {.act = "flag", .state = state}));
  };
  put("a", "flagged", "2026-09-24");
  put("b", "reviewed", "2026-09-24");
  put("c", "agreed", "2026-09-24");
  put("d", "handed_over", "2026-09-28");
  CHECK(step("2026-09-24T23:59").findings.all() == 0);
  auto late = step("2026-09-25T00:01").findings;
  CHECK(late.provider == 1);
  CHECK(late.authority == 1);
  CHECK(late.unit == 1);
  CHECK(recorded(R"("alarm":"findings-late")") == 1);
  step("2026-09-25T12:00");
  CHECK(recorded("findings-late") == 1);
  CHECK(step("2026-09-29T00:00").findings.provider == 2);
  CHECK(recorded("findings-late") == 2);
  CHECK(keeper->metrics().find("yunjian_findings_late{owed_by=\"provider\"} 2\n") !=
        std::string::npos);
  CHECK((*catalog->finding(Scope::all(), "a:reclaim:2026-08"))->state == "flagged");
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "a deadline that the calendar did not know gets its date when it does") {
  const auto put = [&](const std::string& host, std::string_view changed) {
    REQUIRE(catalog->put_finding({.id = host + ":reclaim:2026-08",
                                  .host = host,
                                  .unit = "tax",
                                  .verdict = "low",
                                  .state = "notified",
                                  .month = "2026-08",
                                  .due = "unknown",
                                  .changed = china(changed)},
                                 {.act = "flag", .state = "notified"}));
  };
  put("a", "2026-09-14T09:00");
  put("b", "2026-12-24T09:00");  // across the New Year of a year without a notice
  CHECK(step("2026-09-20T12:00").findings.undated == 1);
  const auto known = *catalog->finding(Scope::all(), "a:reclaim:2026-08");
  CHECK(known->due == "2026-09-28");  // with the worked Sunday of the 20th
  CHECK(known->state == "notified");
  CHECK(catalog->finding_events(known->id)->back().act == "set_due");
  CHECK(recorded(R"("act":"set_due")") == 1);
  CHECK((*catalog->finding(Scope::all(), "b:reclaim:2026-08"))->due == "unknown");
  step("2026-09-20T13:00");
  CHECK(recorded(R"("act":"set_due")") == 1);
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "months that an outage left without a pack are built, the oldest first") {
  auto now = step("2026-12-02T09:00");  // nothing ran since September
  CHECK(now.month == 2026y / 11);
  CHECK(now.built == 1);
  CHECK(now.missing == 2);
  CHECK(now.late);
  CHECK(packs->store().newest(2026y / 9)->has_value());
  CHECK(keeper->metrics().find("yunjian_report_missing 2\n") != std::string::npos);
  CHECK(keeper->status_line().find("2026-11 not built, due before 2026-12-05; 1 months") == 0);
  CHECK(recorded(R"("alarm":"report-late","due":"2026-11-05","month":"2026-10")") +
            recorded(R"("alarm":"report-late","month":"2026-10","due":"2026-11-05")") ==
        1);
  CHECK(step("2026-12-02T09:01").missing == 1);
  now = step("2026-12-02T09:02");
  CHECK(now.missing == 0);
  CHECK_FALSE(now.late);
  CHECK(now.revision == 1);
  CHECK(step("2026-12-02T09:30").built == 3);
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "letters that no font has are told before somebody opens the print") {
  REQUIRE(catalog->put_units({{"tax", "税务局\xf4\x8f\xbf\xbd", ""}}));
  RegistryEntry incident{.kind = "incident", .id = "I-1"};
  incident.fields = {{"title", "\xf4\x8f\xbf\xbd"},
                     {"level", "3"},
                     {"began", "2026-09-25T02:00:00.000000Z"},
                     {"responsible", "云"}};
  REQUIRE(catalog->put_entries({incident}));
  const auto now = step("2026-10-01T00:30");
  CHECK(now.built == 1);
  CHECK(now.incomplete.find("operations.pdf: 1 letters are in no font") != std::string::npos);
  CHECK(recorded("report-incomplete") == 1);
  CHECK(keeper->metrics().find("yunjian_report_incomplete 1\n") != std::string::npos);
  CHECK(keeper->status_line() == "2026-09 revision 1, NOT WHOLE (see report-incomplete)");
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "a pack that was made without a font is not whole, also after a start") {
  ledger::ReportManifest manifest{.origin = "log.test/yunjian",
                                  .month = "2026-09",
                                  .as_of = rules::month_end(2026y / 9),
                                  .rules = "default-2026.2",
                                  .calendar = "cn-2026.1",
                                  .tree = {.size = 1}};
  manifest.files = {{.path = "advice.csv", .bytes = 1}, {.path = "advice.pdf", .bytes = 1}};
  const std::string text = ledger::format_report_manifest(manifest);
  const auto making = packs->store().begin(2026y / 9, "making");
  REQUIRE(making);
  auto pack =
      packs->store().finish(*making, manifest, ledger::format_note(text, {*log->sign(text)}));
  REQUIRE_MESSAGE(pack, pack.error().message);
  REQUIRE(packs->store().set_leaf(*pack, 0));
  const auto now = step("2026-10-01T00:30");
  CHECK(now.built == 0);
  CHECK(now.revision == 1);
  CHECK(now.incomplete ==
        "utilization.pdf is not in the pack\noperations.pdf is not in the pack\n"
        "security.pdf is not in the pack\n");
  CHECK(keeper->metrics().find("yunjian_report_incomplete 1\n") != std::string::npos);
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "the pack of a unit holds the drills and changes of the whole cloud") {
  RegistryEntry drill{.kind = "drill", .id = "D-1"};
  drill.fields = {{"date", "2026-09-22"}, {"scenario", "断电演练"}, {"result", "好"}};
  RegistryEntry change{.kind = "change", .id = "C-1"};
  change.fields = {
      {"title", "割接"}, {"applied", "2026-09-20"}, {"planned", "2026-09-26"}, {"impact", "无"}};
  RegistryEntry incident{.kind = "incident", .id = "I-1"};
  incident.fields = {{"title", "全市故障"},
                     {"level", "3"},
                     {"began", "2026-09-25T02:00:00.000000Z"},
                     {"responsible", "云"}};
  REQUIRE(catalog->put_entries({drill, change, incident}));
  CHECK(step("2026-10-01T00:30").revision == 1);
  const auto pack = packs->store().newest(2026y / 9);
  const auto hasher = ledger::default_suite().hasher();
  const auto page = packs->store().file(**pack, "unit/tax/operations.html", *hasher);
  REQUIRE_MESSAGE(page, page.error().message);
  for (const char* words : {"今年已开展应急演练 1 次", "断电演练", "割接", "见全市报告"}) {
    CHECK_MESSAGE(page->find(words) != std::string::npos, words);
  }
  CHECK(page->find("全市故障") == std::string::npos);
  const auto city = packs->store().file(**pack, "operations.html", *hasher);
  CHECK(city->find("全市故障") != std::string::npos);
  CHECK(city->find("见全市报告") == std::string::npos);
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "English forms are in the manifest, and stay in later revisions") {
  REQUIRE(catalog->put_units({{"tax", "税务局", "east"}}));
  CHECK(step("2026-10-01T00:30").revision == 1);
  auto built = packs->build({.month = 2026y / 9, .english = true, .who = "test"});
  REQUIRE_MESSAGE(built, built.error().message);
  CHECK(built->pack.manifest.revision == 2);
  const auto hasher = ledger::default_suite().hasher();
  const auto has = [&](const std::string& path) {
    return packs->store().file(built->pack, path, *hasher).has_value();
  };
  for (const std::string place : {"", "unit/tax/", "county/east/"}) {
    CAPTURE(place);
    const auto page = packs->store().file(built->pack, "en/" + place + "advice.html", *hasher);
    REQUIRE(page);
    CHECK(page->find("Expected savings by payer") != std::string::npos);
    CHECK(has(place + "advice.html"));
    CHECK(has("en/" + place + "utilization.csv"));
    CHECK_FALSE(has("en/" + place + "advice.json"));  // of these there is one form for all
    CHECK_FALSE(has("en/" + place + "utilization.xlsx"));
  }
  built = packs->build({.month = 2026y / 9, .who = "test"});
  CHECK_FALSE(built->fresh);
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "outcomes that an older program kept get their acts before a pack is made") {
  REQUIRE(catalog->put_outcomes({{.host = "web-01", .month = "2026-08", .verdict = "low"},
                                 {.host = "web-01", .month = "2025-08", .verdict = "low"}}));
  CHECK(step("2026-10-01T00:30").revision == 1);
  CHECK(recorded(R"("what":"outcome","host":"web-01","month":"2026-08")") == 1);
  CHECK(recorded(R"("what":"outcome")") == 1);  // what lies a year back counts no more
  CHECK(catalog->sealed_outcome_months()->contains("2026-08"));
  REQUIRE(packs->build({.month = 2026y / 9, .who = "test"}));
  CHECK(recorded(R"("what":"outcome")") == 1);
}

TEST_CASE_FIXTURE(PackKeeperFixture,
                  "what a finding really saved is an act, once it was carried out") {
  Finding finding{.id = "web-01:reclaim:2026-08", .host = "web-01", .unit = "tax"};
  finding.verdict = "low";
  finding.month = "2026-08";
  finding.state = "reclaimed";
  finding.changed = china("2026-09-21T09:00");
  finding.details = {{"vcpus", "4"}, {"memory_gb", "8.00"}, {"saving_vcpus", "2"}};
  REQUIRE(catalog->put_finding(finding, {.act = "flag", .state = finding.state}));
  CHECK(step("2026-10-01T00:30").revision == 1);
  CHECK(recorded(R"("act":"measure")") == 1);
  CHECK(recorded(R"("field.actual_vcpus":"4")") == 1);  // the host is gone: all of it
  const auto kept = *catalog->finding(Scope::all(), finding.id);
  CHECK(kept->details.at("actual_month") == "2026-09");
  CHECK(catalog->finding_events(finding.id)->back().act == "measure");
  const auto pack = *packs->store().newest(2026y / 9);
  const auto hasher = ledger::default_suite().hasher();
  CHECK(*packs->store().file(*pack, "findings.list", *hasher) ==
        "steps 2\nweb-01:reclaim:2026-08 low reclaimed -\n");
  CHECK(packs->store().file(*pack, "advice.json", *hasher)->find("\"measured\":\"2026-09\"") !=
        std::string::npos);
  REQUIRE(packs->build({.month = 2026y / 9, .who = "test"}));
  CHECK(recorded(R"("act":"measure")") == 1);
}

}  // namespace
}  // namespace yunjian::collector
