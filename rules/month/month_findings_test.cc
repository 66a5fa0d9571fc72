#include "rules/month/month_findings.h"

#include <doctest/doctest.h>

#include "rules/calendar/china_time.h"
#include "rules/month/terms.h"
#include "rules/month/testing/sample_table.h"

namespace yunjian::rules {
namespace {

using namespace std::chrono_literals;

const ledger::Time now = ledger::parse_time("2026-11-01T00:30:00.000000Z").value();

UtilizationRow flagged_row(const std::string& host, Verdict verdict) {
  UtilizationRow row;
  row.host.id = host;
  row.host.unit = "tax";
  row.host.payer = "county";
  row.judgement.rule_version = "v";
  row.judgement.explanation = {"判", "judged"};
  row.standing = Standing{.flag = verdict, .since = 2026y / 8, .explanation = {"标", "flag"}};
  row.advice = Recommendation{.spec = {.id = "s2"}, .explanation = {"建议", "advice"}};
  row.saving_fen = 1200;
  return row;
}

TEST_CASE("each flagged host gets one finding, with what people decide by") {
  UtilizationTable table{.month = 2026y / 10};
  table.rows = {flagged_row("a", Verdict::low), flagged_row("b", Verdict::high), UtilizationRow{}};
  const auto raised = new_findings(table, {}, now);
  REQUIRE(raised.size() == 2);
  CHECK(raised[0].id == "a:reclaim:2026-10");
  CHECK(raised[0].state == "flagged");
  CHECK(raised[0].due == "2026-11-04");  // three working days for the provider's review
  CHECK(raised[0].details.at("why_zh") == "标判");
  CHECK(raised[0].details.at("recommended") == "s2");
  CHECK(raised[0].details.at("saving_fen") == "1200");
  CHECK(raised[0].details.at("payer") == "county");
  CHECK(raised[1].id == "b:expand:2026-10");
}

TEST_CASE("what giving back would free is told in units, for a host that is off all of it") {
  UtilizationTable table{.month = 2026y / 10};
  table.rows = {flagged_row("a", Verdict::low), flagged_row("b", Verdict::off),
                flagged_row("c", Verdict::high)};
  for (UtilizationRow& row : table.rows) {
    row.host.vcpus = 4;
    row.host.memory_bytes = 8ULL << 30U;
    row.host.month_fen = 10000;
    row.advice->spec.vcpus = 2;
    row.advice->spec.memory_bytes = 4ULL << 30U;
  }
  table.rows[1].advice.reset();
  table.rows[2].advice->spec.vcpus = 8;
  table.rows[1].saving_fen.reset();
  const auto raised = new_findings(table, {}, now);
  REQUIRE(raised.size() == 3);
  CHECK(raised[0].details.at("saving_vcpus") == "2");
  CHECK(raised[0].details.at("saving_memory_gb") == "4.00");
  CHECK(raised[1].details.at("saving_vcpus") == "4");
  CHECK(raised[1].details.at("saving_memory_gb") == "8.00");
  CHECK(raised[1].details.at("saving_fen") == "20000");  // November and December
  CHECK(raised[2].details.at("vcpus") == "4");
  CHECK(raised[2].details.at("saving_vcpus") == "-4");  // it needs more
}

TEST_CASE("a host whose finding is still open gets no second one on the same road") {
  UtilizationTable table{.month = 2026y / 10};
  table.rows = {flagged_row("a", Verdict::low)};
  const StoredFinding idle{.host = "a", .verdict = "idle", .state = "notified"};
  const StoredFinding high{.host = "a", .verdict = "high", .state = "issued"};
  const StoredFinding other{.host = "b", .verdict = "low", .state = "issued"};
  CHECK(new_findings(table, std::vector{idle}, now).empty());
  CHECK(new_findings(table, std::vector{high, other}, now).size() == 1);
}

// A finding about host "a" that was carried out in October.
StoredFinding carried_out() {
  StoredFinding finding{.id = "a:reclaim:2026-09", .host = "a", .verdict = "low"};
  finding.state = "reclaimed";
  finding.changed = ledger::parse_time("2026-10-20T02:00:00.000000Z").value();
  finding.details = {{"vcpus", "4"}, {"memory_gb", "8.00"}, {"month_fen", "10000"}};
  return finding;
}

TEST_CASE("what a finding really saved is measured once, by the month in which it was done") {
  UtilizationTable table{.month = 2026y / 10, .as_of = month_end(2026y / 10)};
  table.rows = {flagged_row("a", Verdict::low)};
  UtilizationRow& row = table.rows[0];
  row.standing.reset();
  row.vcpus = 2;
  row.memory_bytes = 6ULL << 30U;
  row.host.month_fen = 7500;
  StoredFinding finding = carried_out();
  const auto measured = [&] { return measured_findings(table, std::vector{finding}); };
  SUBCASE("the size and the price that are left") {
    REQUIRE(measured().size() == 1);
    const auto details = measured()[0].details;
    CHECK(details.at("actual_month") == "2026-10");
    CHECK(details.at("actual_vcpus") == "2");
    CHECK(details.at("actual_memory_gb") == "2.00");
    CHECK(details.at("actual_month_fen") == "2500");
  }
  SUBCASE("it got more") {
    finding.state = "remeasured";
    row.vcpus = 8;
    row.memory_bytes = (17ULL << 30U) / 2;
    CHECK(measured()[0].details.at("actual_vcpus") == "-4");
    CHECK(measured()[0].details.at("actual_memory_gb") == "-0.50");
  }
  SUBCASE("a host that is gone or retired gave back all") {
    SUBCASE("gone") { table.rows.clear(); }
    SUBCASE("retired") { row.host.retired = table.as_of - 1h; }
    CHECK(measured()[0].details.at("actual_vcpus") == "4");
    CHECK(measured()[0].details.at("actual_month_fen") == "10000");
  }
  SUBCASE("no price, no money") {
    row.host.month_fen.reset();
    CHECK_FALSE(measured()[0].details.contains("actual_month_fen"));
  }
  SUBCASE("not twice, not before it was done, not what was withdrawn or has no size") {
    SUBCASE("twice") { finding.details["actual_month"] = "2026-10"; }
    SUBCASE("done in November") { finding.changed = month_end(2026y / 10); }
    SUBCASE("withdrawn") { finding.state = "withdrawn"; }
    SUBCASE("no size") { finding.details.erase("vcpus"); }
    CHECK(measured().empty());
  }
}

TEST_CASE("the third low month in a row raises a finding, the months before are kept for that") {
  const auto rule_set = default_rule_set();
  const auto calendar = cn_calendar();
  REQUIRE(rule_set);
  REQUIRE(calendar);
  const auto hosts = testing::sample_hosts();
  const auto build = [&](const HistorySource& history) {
    auto table = build_utilization_table({.month = 2026y / 10,
                                          .as_of = month_end(2026y / 10) + 1h,
                                          .rules = &*rule_set,
                                          .calendar = &*calendar,
                                          .history = history},
                                         hosts, testing::sample_source());
    REQUIRE_MESSAGE(table, table.error().message);
    return std::move(*table);
  };
  const auto first = build({});
  for (const StoredFinding& finding : new_findings(first, {}, now)) CHECK(finding.verdict != "low");
  const auto kept = outcomes_of(first);
  const auto second = build([&](const std::string& host, const std::string& size) {
    std::vector<MonthOutcome> months;
    for (const StoredOutcome& stored : kept) {
      if (stored.host != host || stored.size != size) continue;
      for (const auto month : {2026y / 8, 2026y / 9}) {
        months.push_back({.month = month, .verdict = *parse_verdict(stored.verdict)});
      }
    }
    return months;
  });
  bool low_is_raised = false;
  for (const StoredFinding& finding : new_findings(second, {}, now)) {
    low_is_raised = low_is_raised || (finding.host == "ecs-0002" && finding.verdict == "low");
  }
  CHECK(low_is_raised);
}

}  // namespace
}  // namespace yunjian::rules
