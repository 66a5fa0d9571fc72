#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"
#include "rules/calendar/calendar.h"
#include "rules/utilization/rule_set.h"

namespace yunjian::rules {

// Where the work on one finding stands. Two roads: giving resources back (reclaim) and getting more
// (expand). Nothing moves by itself but `overdue`: silence escalates, it never reclaims.
enum class FindingState {
  flagged,           // 已标记: by the rules
  reviewed,          // 供应商已复核: the provider looked at it
  issued,            // 主管部门已签发
  notified,          // 已通知使用单位; the clock for an answer runs
  overdue,           // 逾期未复: escalated to people
  agreed,            // 确认核减
  disputed,          // 有异议
  exemption_asked,   // 申请豁免
  exempted,          // 豁免: closed
  backed_up,         // 数据已备份 (Art. 11 (2): before anything is taken away)
  handed_over,       // 已交割确认
  observing,         // 停机观察
  reclaimed,         // 核减完成: closed
  negotiating,       // 协商扩容
  change_requested,  // 已提变更申请 (Art. 18)
  expanded,          // 已扩容
  remeasured,        // 已复测: closed
  withdrawn,         // 撤销: closed
};
inline constexpr std::size_t finding_state_count = 18;

enum class FindingAct {
  review,
  issue,
  notify,
  expire,  // the deadline passed without an answer
  agree,
  dispute,
  ask_exemption,
  grant_exemption,
  refuse_exemption,
  uphold,  // a disputed finding stands and is issued anew
  back_up,
  hand_over,
  stop,
  reclaim,
  resume,  // somebody needs the stopped host after all
  negotiate,
  request_change,
  expand,
  remeasure,
  withdraw,
};
inline constexpr std::size_t finding_act_count = 20;

// Who does something. `system` is the collector itself.
enum class Actor { authority, county, unit, provider, system };

enum class Road { reclaim, expand };
Road road_of(Verdict verdict);  // high and severe expand, all others reclaim

std::string_view state_key(FindingState state);
std::optional<FindingState> parse_finding_state(std::string_view key);
Words state_name(FindingState state);
std::string_view act_key(FindingAct act);
std::optional<FindingAct> parse_finding_act(std::string_view key);
bool is_closed(FindingState state);

struct FindingStep {
  Road road = Road::reclaim;
  FindingState state = FindingState::flagged;
  FindingAct act{};
  Actor actor{};
  std::string
      reason;  // needed by dispute, ask_exemption, refuse_exemption, uphold, withdraw, resume
  Date today{};
  std::optional<Date> due;            // of the present state
  std::optional<Date> stopped_since;  // for reclaim
};

struct FindingResult {
  FindingState state{};
  // Until when the next step is expected; absent: no clock runs. `due_unknown`: a clock runs, but
  // the calendar does not know the days: a date must be set by people.
  std::optional<Date> due;
  bool due_unknown = false;
};

// What follows from a step. Reject, with what is allowed instead: an act that the state does not
// allow on this road, an actor who may not, a missing reason, too early. Pure.
ledger::Result<FindingResult> advance_finding(const FindingStep& step, const Calendar& calendar);

// Until when the step behind a state is expected, counted from the day the finding came into it.
struct FindingDue {
  std::optional<Date> date;  // absent: no clock runs, or
  bool unknown = false;      // the calendar does not know the days yet
};
FindingDue due_in(FindingState state, Date since, const Calendar& calendar);
std::string due_text(const FindingDue& due);  // "2026-11-16", "unknown" or ""

// Whose step is next; absent: it is closed. Where authority or county may act, the authority.
std::optional<Actor> owed_by(FindingState state);

// The acts that `actor` may do in `state`, in a fixed order.
std::vector<FindingAct> allowed_acts(Road road, FindingState state, Actor actor);

}  // namespace yunjian::rules
