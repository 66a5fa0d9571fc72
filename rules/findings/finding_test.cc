#include "rules/findings/finding.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>

namespace yunjian::rules {
namespace {

Date date(std::string_view text) {
  const auto parsed = parse_date(text);
  REQUIRE(parsed);
  return *parsed;
}

Calendar calendar() {
  auto parsed = cn_calendar();
  REQUIRE(parsed);
  return *parsed;
}

FindingStep step(FindingState state, FindingAct act, Actor actor) {
  return {.state = state, .act = act, .actor = actor, .reason = "因", .today = date("2026-06-01")};
}

std::string refusal(const FindingStep& step) {
  const auto result = advance_finding(step, calendar());
  return result ? "" : result.error().message;
}

// Walks a road and gives back the state at its end.
FindingState walk(Road road, const std::vector<std::pair<FindingAct, Actor>>& steps) {
  FindingState state = FindingState::flagged;
  for (const auto& [act, actor] : steps) {
    FindingStep next = step(state, act, actor);
    next.road = road;
    next.stopped_since = date("2026-05-01");
    const auto result = advance_finding(next, calendar());
    REQUIRE_MESSAGE(result, result.error().message);
    state = result->state;
  }
  return state;
}

using enum FindingAct;
using enum Actor;

TEST_CASE("resources go back only behind backup, hand-over and observation") {
  CHECK(walk(Road::reclaim, {{review, provider},
                             {issue, authority},
                             {notify, authority},
                             {agree, unit},
                             {back_up, unit},
                             {hand_over, unit},
                             {stop, provider},
                             {reclaim, provider}}) == FindingState::reclaimed);
  CHECK(refusal(step(FindingState::agreed, stop, provider)) ==
        "a finding that is agreed does not allow stop; allowed: back_up, withdraw");
  CHECK(refusal(step(FindingState::backed_up, reclaim, provider)).find("does not allow reclaim") !=
        std::string::npos);
}

TEST_CASE("the road to a larger host ends with a new measurement") {
  CHECK(walk(Road::expand, {{review, provider},
                            {issue, county},
                            {negotiate, county},
                            {request_change, unit},
                            {expand, provider},
                            {remeasure, system}}) == FindingState::remeasured);
}

TEST_CASE("a dispute that does not stand, and an exemption that is refused, come back") {
  CHECK(walk(Road::reclaim, {{review, provider},
                             {issue, authority},
                             {notify, authority},
                             {dispute, unit},
                             {uphold, authority},
                             {notify, system},
                             {ask_exemption, unit},
                             {refuse_exemption, authority},
                             {notify, system},
                             {ask_exemption, unit},
                             {grant_exemption, authority}}) == FindingState::exempted);
}

TEST_CASE("silence escalates and never reclaims") {
  FindingStep silent = step(FindingState::notified, expire, system);
  silent.due = date("2026-06-15");
  silent.today = date("2026-06-15");
  CHECK(refusal(silent).find("still has time") != std::string::npos);
  silent.today = date("2026-06-16");
  const auto result = advance_finding(silent, calendar());
  REQUIRE(result);
  CHECK(result->state == FindingState::overdue);
  // From there nobody but the unit can agree.
  for (const Actor actor : {authority, county, provider, system}) {
    const auto acts = allowed_acts(Road::reclaim, FindingState::overdue, actor);
    for (const FindingAct act : acts) CHECK((act == notify || act == withdraw));
  }
}

TEST_CASE("only those may act whose act it is, and the refusal says whose") {
  CHECK(refusal(step(FindingState::notified, agree, provider)) ==
        "agree is for the unit, not for the provider");
  CHECK(refusal(step(FindingState::reviewed, issue, provider)) ==
        "issue is for the authority or the county, not for the provider");
  CHECK(refusal(step(FindingState::flagged, withdraw, unit)) ==
        "withdraw is for the authority or the county, not for the unit");
}

TEST_CASE("who says no must say why") {
  for (const auto& [state, act, actor] : std::vector<std::tuple<FindingState, FindingAct, Actor>>{
           {FindingState::notified, dispute, unit},
           {FindingState::notified, ask_exemption, unit},
           {FindingState::exemption_asked, refuse_exemption, authority},
           {FindingState::disputed, uphold, authority},
           {FindingState::flagged, withdraw, authority},
           {FindingState::observing, resume, unit}}) {
    FindingStep mute = step(state, act, actor);
    mute.reason.clear();
    CHECK(refusal(mute) == fmt::format("{} needs a reason", act_key(act)));
  }
}

TEST_CASE("a stopped host is observed for seven days") {
  FindingStep last = step(FindingState::observing, reclaim, provider);
  CHECK(refusal(last).find("not known since when") != std::string::npos);
  last.stopped_since = date("2026-05-26");
  CHECK(refusal(last).find("until 2026-06-02") != std::string::npos);
  last.today = date("2026-06-02");
  CHECK(refusal(last).empty());
}

TEST_CASE("deadlines run in working days, and an unknown calendar is said to be unknown") {
  FindingStep tell = step(FindingState::issued, notify, authority);
  tell.today = date("2026-09-25");  // behind it the National Day holidays, a worked Sunday
  auto result = advance_finding(tell, calendar());
  REQUIRE(result);
  REQUIRE(result->due);
  CHECK(*calendar().working_days(date("2026-09-26"), next_day(*result->due)) == 10);
  CHECK(*result->due > date("2026-10-09"));
  tell.today = date("2026-12-24");  // the days around New Year 2027 are not published
  result = advance_finding(tell, calendar());
  REQUIRE(result);
  CHECK_FALSE(result->due);
  CHECK(result->due_unknown);
}

TEST_CASE("each state that is not closed has a clock and somebody who owes the next step") {
  const std::pair<FindingState, std::string_view> expected[] = {
      {FindingState::flagged, "2026-06-04 3"},
      {FindingState::reviewed, "2026-06-04 0"},
      {FindingState::issued, "2026-06-02 0"},
      {FindingState::notified, "2026-06-15 2"},
      {FindingState::overdue, "2026-06-04 0"},
      {FindingState::agreed, "2026-06-15 2"},
      {FindingState::disputed, "2026-06-04 0"},
      {FindingState::exemption_asked, "2026-06-04 0"},
      {FindingState::exempted, " -"},
      {FindingState::backed_up, "2026-06-15 2"},
      {FindingState::handed_over, "2026-06-04 3"},
      {FindingState::observing, "2026-06-11 3"},
      {FindingState::reclaimed, " -"},
      {FindingState::negotiating, "2026-06-15 2"},
      {FindingState::change_requested, "2026-06-04 3"},
      {FindingState::expanded, "2026-08-05 3"},
      {FindingState::remeasured, " -"},
      {FindingState::withdrawn, " -"},
  };
  CHECK(std::size(expected) == finding_state_count);
  for (const auto& [state, wanted] : expected) {
    const auto owed = owed_by(state);
    CHECK(fmt::format("{} {}", due_text(due_in(state, date("2026-06-01"), calendar())),
                      owed ? std::to_string(static_cast<int>(*owed)) : "-") == wanted);
    CHECK(owed.has_value() == !is_closed(state));
  }
  CHECK(due_text(due_in(FindingState::flagged, date("2026-12-30"), calendar())) == "unknown");
}

// From another program that read the same notices: the day of the act, then one, three and ten
// working days later.
TEST_CASE("the clocks of a finding over 2025 and 2026 are those of the notices") {
  const std::array<std::string_view, 4> expected[] = {
      {"2025-01-01", "2025-01-02", "2025-01-06", "2025-01-15"},
      {"2025-02-01", "2025-02-05", "2025-02-07", "2025-02-17"},
      {"2025-03-01", "2025-03-03", "2025-03-05", "2025-03-14"},
      {"2025-04-01", "2025-04-02", "2025-04-07", "2025-04-16"},
      {"2025-05-01", "2025-05-06", "2025-05-08", "2025-05-19"},
      {"2025-06-01", "2025-06-03", "2025-06-05", "2025-06-16"},
      {"2025-07-01", "2025-07-02", "2025-07-04", "2025-07-15"},
      {"2025-08-01", "2025-08-04", "2025-08-06", "2025-08-15"},
      {"2025-09-01", "2025-09-02", "2025-09-04", "2025-09-15"},
      {"2025-10-01", "2025-10-09", "2025-10-11", "2025-10-21"},
      {"2025-11-01", "2025-11-03", "2025-11-05", "2025-11-14"},
      {"2025-12-01", "2025-12-02", "2025-12-04", "2025-12-15"},
      {"2026-01-01", "2026-01-04", "2026-01-06", "2026-01-15"},
      {"2026-02-01", "2026-02-02", "2026-02-04", "2026-02-13"},
      {"2026-03-01", "2026-03-02", "2026-03-04", "2026-03-13"},
      {"2026-04-01", "2026-04-02", "2026-04-07", "2026-04-16"},
      {"2026-05-01", "2026-05-06", "2026-05-08", "2026-05-18"},
      {"2026-06-01", "2026-06-02", "2026-06-04", "2026-06-15"},
      {"2026-07-01", "2026-07-02", "2026-07-06", "2026-07-15"},
      {"2026-08-01", "2026-08-03", "2026-08-05", "2026-08-14"},
      {"2026-09-01", "2026-09-02", "2026-09-04", "2026-09-15"},
      {"2026-10-01", "2026-10-08", "2026-10-10", "2026-10-20"},
      {"2026-11-01", "2026-11-02", "2026-11-04", "2026-11-13"},
  };
  for (const auto& [today, one, three, ten] : expected) {
    CAPTURE(today);
    const auto due = [&, today = today](FindingState state, FindingAct act, Actor actor) {
      FindingStep next = step(state, act, actor);
      next.today = date(today);
      return format_date(advance_finding(next, calendar())->due.value());
    };
    CHECK(due(FindingState::reviewed, issue, authority) == one);
    CHECK(due(FindingState::flagged, review, provider) == three);
    CHECK(due(FindingState::issued, notify, authority) == ten);
    CHECK(due(FindingState::agreed, back_up, unit) == ten);
    CHECK(due(FindingState::backed_up, hand_over, unit) == three);
  }
}

// All that is allowed, one line a road and state: what is not here is refused.
TEST_CASE("no other step exists than those of the two roads") {
  std::string all;
  std::size_t refused = 0;
  for (const Road road : {Road::reclaim, Road::expand}) {
    for (std::size_t i = 0; i < finding_state_count; ++i) {
      const auto state = static_cast<FindingState>(i);
      std::string line;
      for (std::size_t k = 0; k < finding_act_count; ++k) {
        const auto act = static_cast<FindingAct>(k);
        for (const Actor actor : {authority, county, unit, provider, system}) {
          FindingStep one = step(state, act, actor);
          one.road = road;
          one.due = date("2026-05-01");
          one.stopped_since = date("2026-05-01");
          const auto result = advance_finding(one, calendar());
          const auto acts = allowed_acts(road, state, actor);
          const bool listed = std::find(acts.begin(), acts.end(), act) != acts.end();
          CHECK(result.has_value() == listed);
          if (!result) {
            ++refused;
            CHECK_FALSE(result.error().message.empty());
          } else if (act != withdraw) {
            line += fmt::format(" {}:{}", act_key(act), static_cast<int>(actor));
          }
        }
      }
      if (!line.empty()) all += fmt::format("{}{}\n", state_key(state), line);
    }
  }
  CHECK(
      all ==
      "flagged review:3\n"
      "reviewed issue:0 issue:1\n"
      "issued notify:0 notify:1 notify:4\n"
      "notified expire:4 agree:2 dispute:2 ask_exemption:2\n"
      "overdue notify:0 notify:1 agree:2 dispute:2 ask_exemption:2\n"
      "agreed back_up:2\n"
      "disputed uphold:0 uphold:1\n"
      "exemption_asked grant_exemption:0 grant_exemption:1 refuse_exemption:0 refuse_exemption:1\n"
      "backed_up hand_over:2\n"
      "handed_over stop:3\n"
      "observing reclaim:3 resume:2\n"
      "flagged review:3\n"
      "reviewed issue:0 issue:1\n"
      "issued negotiate:0 negotiate:1\n"
      "overdue negotiate:0 negotiate:1\n"
      "negotiating expire:4 request_change:2\n"
      "change_requested expand:3\n"
      "expanded remeasure:3 remeasure:4\n");
  CHECK(refused > 3500);
}

TEST_CASE("a verdict leads to one road") {
  CHECK(road_of(Verdict::severe) == Road::expand);
  CHECK(road_of(Verdict::high) == Road::expand);
  for (const Verdict verdict :
       {Verdict::off, Verdict::faked_load, Verdict::idle, Verdict::low, Verdict::wrong_shape}) {
    CHECK(road_of(verdict) == Road::reclaim);
  }
}

}  // namespace
}  // namespace yunjian::rules
