#include "collector/projection.h"

#include <doctest/doctest.h>

#include "collector/api/register_act.h"
#include "collector/store/own_stream.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/testing/temporary_directory.h"
#include "rules/month/register_fold.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::only;
using testing::TestAgent;
using testing::TestLog;

const ledger::Time now = testing::test_start;

// A log whose own stream holds acts, and a catalog that may have missed them.
struct ProjectionFixture {
  ProjectionFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    open_catalog("catalog.sqlite");
  }
  void open_catalog(const std::string& name) {
    catalog = std::move(*Catalog::open(directory.path() + "/" + name));
  }
  void act(const std::string& line) { REQUIRE(log->commit(only(OwnRecord{line}))); }
  void enter(const RegistryEntry& entry) { act(register_act(Act(now, "register"), entry)); }
  // The act of a step whose row a crash kept out of the catalog.
  void move(const Finding& moved, std::uint64_t step, std::string_view name) {
    act(finding_act(Act(now, "finding"), moved,
                    {.number = step, .act = std::string(name), .who = "x", .state = moved.state}));
  }
  Projected project() {
    auto done = project_acts(*catalog, *log);
    REQUIRE_MESSAGE(done, done.error().message);
    return *done;
  }
  void enter_inventory() {
    enter({.kind = "unit", .id = "tax", .unit = "tax", .fields = {{"name", "税务局"}}});
    enter({.kind = "host",
           .id = "web-01",
           .unit = "tax",
           .fields = {{"unit", "tax"}, {"vcpus", "4"}, {"memory_bytes", "8589934592"}}});
    enter({.kind = "spec", .id = "s4", .fields = {{"name", "四核"}, {"vcpus", "4"}}});
  }

  ledger::testing::TemporaryDirectory directory;
  TestLog log;
  std::unique_ptr<Catalog> catalog;
  Finding finding{.id = "web-01:reclaim:2026-10",
                  .host = "web-01",
                  .unit = "tax",
                  .verdict = "low",
                  .state = "flagged",
                  .month = "2026-10",
                  .details = {{"why_zh", "偏低"}}};
};

TEST_CASE("how a month was judged, and what a finding really saved, come back from their acts") {
  ProjectionFixture fixture;
  fixture.enter_inventory();
  const StoredOutcome judged{.host = "web-01",
                             .month = "2026-10",
                             .size = "4x8",
                             .verdict = "low",
                             .clears = "high",
                             .rules = "v1",
                             .cpu_mean = 320};
  fixture.act(outcome_act(Act(now, "outcome"), judged));
  Finding& finding = fixture.finding;
  fixture.move(finding, 0, "flag");
  finding.state = "reclaimed";
  fixture.move(finding, 1, "reclaim");
  finding.details["actual_month"] = "2026-11";
  finding.details["actual_vcpus"] = "2";
  fixture.move(finding, 2, "measure");
  for (const std::string name : {"catalog.sqlite", "lost.sqlite"}) {
    fixture.open_catalog(name);
    const Projected done = fixture.project();
    CHECK(done.outcomes == 1);
    CHECK(done.findings == 3);
    const auto kept = fixture.catalog->outcomes("2026-10", "2026-11");
    REQUIRE(kept);
    REQUIRE(kept->size() == 1);
    CHECK(rules::same_outcome(kept->front(), judged));
    const auto found = fixture.catalog->finding(Scope::all(), finding.id);
    REQUIRE(*found);
    CHECK((*found)->details.at("actual_vcpus") == "2");
    CHECK(*fixture.catalog->finding_steps() == 3);
    CHECK(fixture.project().outcomes == 0);
  }
}

TEST_CASE_FIXTURE(ProjectionFixture,
                  "an act that was durable before a crash gets its row at the next start") {
  CHECK(project().entries == 0);
  enter_inventory();
  move(finding, 0, "flag");
  CHECK(catalog->units(Scope::all())->empty());  // the crash came here
  const Projected done = project();
  CHECK(done.entries == 3);
  CHECK(done.findings == 1);
  const auto host = *catalog->host(Scope::all(), "web-01");
  REQUIRE(host);
  CHECK(host->vcpus == 4);
  CHECK(host->memory_bytes == 8589934592);
  CHECK((*catalog->entry(Scope::all(), "spec", "s4"))->field("name") == "四核");
  const auto kept = *catalog->finding(Scope::all(), finding.id);
  REQUIRE(kept);
  CHECK(kept->details.at("why_zh") == "偏低");
}

TEST_CASE_FIXTURE(ProjectionFixture,
                  "acts whose rows are there change nothing, however often they are read") {
  enter_inventory();
  move(finding, 0, "flag");
  finding.state = "reviewed";
  finding.due = "2026-11-04";
  move(finding, 1, "review");
  CHECK(project().findings == 2);
  REQUIRE(catalog->set_projected_acts(0));
  CHECK(project().findings == 0);
  const auto kept = *catalog->finding(Scope::all(), finding.id);
  CHECK(kept->state == "reviewed");
  CHECK(kept->due == "2026-11-04");
  CHECK(catalog->finding_events(finding.id)->size() == 2);
  CHECK(catalog->entries(Scope::all(), "spec")->size() == 1);
}

TEST_CASE_FIXTURE(ProjectionFixture,
                  "a certificate that was taken away stays so in an older catalog") {
  const std::vector<std::string> agents = {std::string(32, 'a'), std::string(32, 'b'),
                                           std::string(32, 'c')};
  for (const std::string& id : agents) {
    REQUIRE(catalog->put_agent({.id = id,
                                .incarnation = id[0] == 'c' ? 2U : 1U,
                                .host = "web-01",
                                .unit = "tax",
                                .certificate_sha256 = "00ff"}));
  }
  act(Act(now, "agent")
          .text("step", "revoke")
          .text("agent", agents[0])
          .number("incarnation", 1)
          .text("reason", "stolen")
          .line());
  act(Act(now, "retire").text("agent", agents[1]).number("incarnation", 1).line());
  act(Act(now, "retire").text("agent", agents[2]).number("incarnation", 1).line());
  CHECK(project().revocations == 2);
  using enum CertificateUse;
  CHECK(catalog->certificate_use(agents[0], "00ff") == refused);
  CHECK(catalog->certificate_use(agents[1], "00ff") == refused);
  CHECK(catalog->certificate_use(agents[2], "00ff") == current);  // enrolled anew since
  CHECK(catalog->revoked_agents()->at(agents[0]).reason == "stolen");
  CHECK(catalog->revoked_agents()->at(agents[1]).reason == "retired");
}

TEST_CASE_FIXTURE(ProjectionFixture,
                  "what was read once is not read again; the later of two acts wins") {
  enter_inventory();
  CHECK(project().entries == 3);
  CHECK(project().entries == 0);
  enter({.kind = "spec", .id = "s4", .fields = {{"name", "新四核"}, {"vcpus", "4"}}});
  CHECK(project().entries == 1);
  CHECK((*catalog->entry(Scope::all(), "spec", "s4"))->field("name") == "新四核");
}

TEST_CASE_FIXTURE(ProjectionFixture,
                  "a lost catalog is made again from sealed and unsealed acts and enrolments") {
  TestAgent agent{std::string(32, 'a'), 1, 7};
  enter_inventory();
  move(finding, 0, "flag");
  auto lines = log->unsealed_own_records();
  REQUIRE(log->commit(only(testing::batch_entry(log.own.seal(lines), "collector", "collector"))));
  CHECK(log->unsealed_own_count() == 0);
  enter({.kind = "unit", .id = "water", .unit = "water"});
  REQUIRE(log.enrol(agent, "water", "pump-01"));
  project();
  const auto units = *catalog->units(Scope::all());
  open_catalog("anew.sqlite");
  const Projected done = project();
  CHECK(done.entries == 4);
  CHECK(done.findings == 1);
  CHECK(done.hosts == 1);
  CHECK(catalog->units(Scope::all())->size() == units.size());
  CHECK((*catalog->host(Scope::all(), "pump-01"))->unit == "water");
  CHECK((*catalog->finding(Scope::all(), finding.id))->state == "flagged");
}

}  // namespace
}  // namespace yunjian::collector
