#include "rules/utilization/standing.h"

#include <doctest/doctest.h>

namespace yunjian::rules {
namespace {

using std::chrono::year;

RuleSet rules() {
  auto parsed = default_rule_set();
  REQUIRE(parsed);
  return *parsed;
}

Month month(int number) {
  return Month(year(2026), std::chrono::month(1)) + std::chrono::months(number - 1);
}

Date date(std::string_view text) {
  const auto parsed = parse_date(text);
  REQUIRE(parsed);
  return *parsed;
}

// Months from January on; letters: l low, L low but near the clearing limit, n normal, h high,
// s severe, i idle, ? not judged, x low and exempt, c normal and every flag cleared.
std::vector<MonthOutcome> history(std::string_view letters) {
  std::vector<MonthOutcome> months;
  int number = 0;
  for (const char letter : letters) {
    MonthOutcome outcome{.month = month(++number)};
    if (letter == 'l') outcome.verdict = Verdict::low;
    if (letter == 'i') outcome.verdict = Verdict::idle;
    if (letter == 'h') outcome.verdict = Verdict::high;
    if (letter == 's') outcome.verdict = Verdict::severe;
    if (letter == 'n' || letter == 'c') outcome.verdict = Verdict::normal;
    if (letter == 'c')
      outcome.clears = {Verdict::low, Verdict::high, Verdict::idle, Verdict::severe};
    if (letter == 'x') {
      outcome.verdict = Verdict::low;
      outcome.exempt = Exempt{.kind = ExemptionKind::key_event};
    }
    months.push_back(outcome);
  }
  return months;
}

Standing standing(std::string_view letters) { return stand(rules(), history(letters)); }

TEST_CASE("low is flagged in the third month in a row, not before") {
  CHECK_FALSE(standing("l").flag);
  CHECK_FALSE(standing("ll").flag);
  const Standing third = standing("lll");
  REQUIRE(third.flag);
  CHECK(*third.flag == Verdict::low);
  CHECK(third.since == month(1));
  CHECK(third.consecutive == 3);
  CHECK_FALSE(standing("llnl").flag);
  CHECK(standing("llnlll").since == month(4));
}

TEST_CASE("a month that was not judged neither counts nor clears") {
  CHECK_FALSE(standing("ll?l").flag);
  const Standing kept = standing("lll?");
  CHECK(kept.flag == Verdict::low);
  CHECK(kept.held);
}

TEST_CASE("a flag stays until what clears it is reached") {
  const Standing held = standing("llln");
  CHECK(held.flag == Verdict::low);
  CHECK(held.held);
  CHECK(held.since == month(1));
  CHECK(held.explanation.zh ==
        "自 2026-01 起标记为偏低；本月未再达到，但尚未达到解除条件，标记保留。");
  CHECK_FALSE(standing("lllc").flag);
  CHECK_FALSE(standing("lllcl").flag);
}

TEST_CASE("high is flagged by two of three months, severe at once") {
  CHECK_FALSE(standing("h").flag);
  CHECK(standing("hh").flag == Verdict::high);
  CHECK(standing("hnh").flag == Verdict::high);
  CHECK_FALSE(standing("hnnh").flag);
  CHECK(standing("s").flag == Verdict::severe);
  CHECK(standing("ncs").flag == Verdict::severe);
  CHECK(standing("hs").flag == Verdict::severe);
}

TEST_CASE("an idle month counts as low too, and idle itself needs two") {
  CHECK(standing("ii").flag == Verdict::idle);
  CHECK_FALSE(standing("i").flag);
  CHECK(standing("lil").flag == Verdict::low);
  CHECK(standing("lli").flag == Verdict::low);
}

TEST_CASE("an exempt month is not flagged and says why") {
  const Standing exempt = standing("llx");
  CHECK_FALSE(exempt.flag);
  REQUIRE(exempt.exempt);
  CHECK(exempt.exempt->kind == ExemptionKind::key_event);
  CHECK(exempt.explanation.zh == "本月偏低，因重大活动保障期豁免，不予标记。");
  CHECK_FALSE(standing("lllx").flag);
  CHECK_FALSE(standing("xxx").flag);
}

TEST_CASE("no month, and a month with nothing to do, are said to be that") {
  CHECK(stand(rules(), {}).explanation.en == "no month was judged.");
  CHECK(standing("n").explanation.zh == "本月正常，无标记。");
  CHECK(standing("l").explanation.zh ==
        "本月偏低，最近 3 个月中 1 个月，未达到规定的 3 个月，不予标记。");
}

TEST_CASE("purpose and state exempt before anybody asks") {
  CHECK(exempt_in({.purpose = Purpose::disaster_recovery}, month(3))->kind ==
        ExemptionKind::disaster_recovery);
  CHECK(exempt_in({.state = HostState::trial}, month(3))->kind == ExemptionKind::trial);
  CHECK_FALSE(exempt_in({.purpose = Purpose::production, .state = HostState::online}, month(3)));
}

TEST_CASE("the first ninety days online are exempt, to the day") {
  // 90 days from 1 January 2026 end with 31 March; the month of March is covered to its last day.
  HostTerms terms{.online_since = date("2026-01-01")};
  REQUIRE(exempt_in(terms, month(3)));
  CHECK(exempt_in(terms, month(3))->kind == ExemptionKind::recently_online);
  terms.online_since = date("2025-12-31");
  CHECK_FALSE(exempt_in(terms, month(3)));
}

TEST_CASE("an exemption covers the months whose last day it includes") {
  const HostTerms terms{.exemptions = {{.id = "HM-1",
                                        .kind = ExemptionKind::declared_cycle,
                                        .reason = "年终决算",
                                        .approver = "李",
                                        .from = date("2026-02-10"),
                                        .until = date("2026-03-30")}}};
  CHECK_FALSE(exempt_in(terms, month(1)));
  REQUIRE(exempt_in(terms, month(2)));
  CHECK(exempt_in(terms, month(2))->exemption == "HM-1");
  CHECK_FALSE(exempt_in(terms, month(3)));
}

TEST_CASE("exemptions never hide a starving host") {
  Judgement made;
  made.verdict = Verdict::severe;
  CHECK_FALSE(outcome_of(month(3), made, Exempt{.kind = ExemptionKind::trial}).exempt);
  made.verdict = Verdict::low;
  CHECK(outcome_of(month(3), made, Exempt{.kind = ExemptionKind::trial}).exempt);
}

TEST_CASE("an exemption without reason, approver or end within a year is refused") {
  const Exemption good{.id = "HM-2",
                       .kind = ExemptionKind::legal_retention,
                       .reason = "档案",
                       .approver = "王",
                       .from = date("2026-03-01"),
                       .until = date("2027-03-01")};
  CHECK(check_exemption(good));
  Exemption bad = good;
  bad.until = date("2027-03-02");
  CHECK(check_exemption(bad).error().message.find("longer than 12 months") != std::string::npos);
  bad = good;
  bad.until = date("2026-02-28");
  CHECK(check_exemption(bad).error().message.find("ends before it begins") != std::string::npos);
  bad = good;
  bad.reason.clear();
  CHECK_FALSE(check_exemption(bad));
  bad = good;
  bad.approver.clear();
  CHECK_FALSE(check_exemption(bad));
  bad = good;
  bad.from = date("2028-02-29");
  bad.until = date("2029-02-28");
  CHECK(check_exemption(bad));
}

}  // namespace
}  // namespace yunjian::rules
