#include "rules/month/register_fold.h"

#include <doctest/doctest.h>

namespace yunjian::rules {
namespace {

// An act of a collector's own stream; the details in canonical order.
std::string outcome_line(const std::string& host, const std::string& month,
                         const std::string& verdict) {
  std::string line;
  ledger::RecordWriter writer(line, ledger::parse_time("2026-11-01T00:30:00.000000Z").value(),
                              "collector");
  writer.text("what", "outcome").text("clears", "low high").integer("cpu_mean", 320);
  writer.text("host", host).text("month", month).text("rules", "v1").text("size", "4x8");
  writer.text("verdict", verdict).finish();
  return line;
}

TEST_CASE("how months were judged is read from acts, a later one in the place of the earlier") {
  RegisterFold fold;
  for (const auto& [host, month, verdict] :
       std::vector<std::array<std::string, 3>>{{"web-01", "2026-09", "low"},
                                               {"web-01", "2026-10", "low"},
                                               {"db-01", "2026-10", "high"},
                                               {"web-01", "2026-10", "normal"}}) {
    const auto record = ledger::parse_record(outcome_line(host, month, verdict));
    REQUIRE(record);
    fold.add(**record);
  }
  CHECK(fold.judged_months() == std::set<std::string, std::less<>>{"2026-09", "2026-10"});
  const auto judged = fold.inventory().outcomes("2026-10", "2026-11");
  REQUIRE(judged);
  REQUIRE(judged->size() == 2);
  CHECK((*judged)[0].host == "db-01");
  CHECK((*judged)[1].verdict == "normal");
  CHECK((*judged)[1].clears == "low high");
  CHECK((*judged)[1].cpu_mean == 320);
  CHECK_FALSE((*judged)[1].memory_mean);
  CHECK(fold.inventory().outcomes("2026-08", "2026-10")->size() == 1);
  CHECK(same_outcome((*judged)[0], (*judged)[0]));
  CHECK_FALSE(same_outcome((*judged)[0], (*judged)[1]));
}

TEST_CASE("an outcome without host or month is none") {
  StoredOutcome outcome;
  for (const auto& line : {outcome_line("", "2026-10", "low"), outcome_line("a", "2026", "low")}) {
    const auto record = ledger::parse_record(line);
    REQUIRE(record);
    CHECK_FALSE(read_outcome_act(**record, outcome));
  }
}

}  // namespace
}  // namespace yunjian::rules
