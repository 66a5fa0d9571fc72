#include "rules/month/finding_fold.h"

#include <doctest/doctest.h>

namespace yunjian::rules {
namespace {

FindingStepped step(std::uint64_t number, const std::string& state, const std::string& time) {
  std::string line;
  ledger::RecordWriter writer(line, ledger::parse_time(time).value(), "collector");
  writer.text("what", "finding").text("act", number == 0 ? "flag" : "review").text("by", "p");
  writer.text("due", "2026-11-04").text("field.payer", "city");
  writer.text("finding", "a:reclaim:2026-10").text("host", "a").text("month", "2026-10");
  writer.text("state", state).integer("step", number).text("unit", "tax").text("verdict", "low");
  writer.finish();
  const auto record = ledger::parse_record(line);
  REQUIRE(record);
  const auto read = read_finding_act(**record);
  REQUIRE(read);
  return *read;
}

TEST_CASE("a finding is what its steps make of it, and a step counts once") {
  FindingFold fold;
  const auto flagged = step(0, "flagged", "2026-11-01T00:30:00.000000Z");
  const auto reviewed = step(1, "reviewed", "2026-11-02T01:00:00.000000Z");
  CHECK_FALSE(fold.add(reviewed));  // nothing it could follow
  CHECK(fold.add(flagged));
  CHECK_FALSE(fold.add(flagged));
  CHECK(fold.add(reviewed));
  CHECK(fold.steps() == 2);
  const StoredFinding& finding = fold.findings().at("a:reclaim:2026-10");
  CHECK(finding.state == "reviewed");
  CHECK(finding.opened == flagged.event.time);
  CHECK(finding.changed == reviewed.event.time);
  CHECK(finding.details.at("payer") == "city");
  const std::string list = format_findings(fold.steps(), fold.list());
  CHECK(list == "steps 2\na:reclaim:2026-10 low reviewed 2026-11-04\n");
  CHECK(steps_of_list(list) == 2);
  CHECK_FALSE(steps_of_list("steps two\n"));
  CHECK_FALSE(steps_of_list("steps 2"));
}

}  // namespace
}  // namespace yunjian::rules
