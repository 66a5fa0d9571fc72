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
struct Fixture {
  ledger::testing::TemporaryDirectory directory;
  ledger::PosixFileSystem files;
  ledger::testing::ManualClock clock{china("2026-09-20T10:00")};
  ledger::testing::SeededRandom random{5};
  const OwnStream::Tools tools{.files = files, .clock = clock, .random = random};
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<EvidenceLog> log;
  std::unique_ptr<OwnStream> own;
  std::unique_ptr<LogRecordStore> records;
  std::unique_ptr<MonthPacks> packs;
  std::unique_ptr<PackKeeper> keeper;
  std::mutex acts;

  Fixture() {
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
    packs = std::make_unique<MonthPacks>(MonthPacks::Parts{.catalog = *catalog,
                                                           .log = *log,
                                                           .own = *own,
                                                           .records = *records,
                                                           .files = files,
                                                           .clock = clock,
                                                           .scratch = data.scratch(),
                                                           .directory = data.reports(),
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

TEST_CASE_FIXTURE(Fixture, "the pack is built by itself on the 1st, once") {
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

TEST_CASE_FIXTURE(Fixture,
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

TEST_CASE_FIXTURE(Fixture,
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
  CHECK(recorded(R"("act":"expire")") == 1);
  CHECK(step("2026-10-20T00:00").expired == 1);
}

}  // namespace
}  // namespace yunjian::collector
