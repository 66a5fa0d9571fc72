#include "rules/findings/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using enum FindingState;
using enum FindingAct;

namespace {

struct StateFacts {
  std::string_view key, zh, en;
};

constexpr std::array<StateFacts, finding_state_count> states = {{
    {"flagged", "已标记", "flagged"},
    {"reviewed", "供应商已复核", "reviewed by the provider"},
    {"issued", "主管部门已签发", "issued"},
    {"notified", "已通知使用单位", "unit notified"},
    {"overdue", "逾期未复", "overdue"},
    {"agreed", "确认核减", "agreed"},
    {"disputed", "有异议", "disputed"},
    {"exemption_asked", "申请豁免", "exemption asked"},
    {"exempted", "已豁免", "exempted"},
    {"backed_up", "数据已备份", "backed up"},
    {"handed_over", "已交割确认", "handed over"},
    {"observing", "停机观察", "stopped for observation"},
    {"reclaimed", "核减完成", "reclaimed"},
    {"negotiating", "协商扩容", "negotiating"},
    {"change_requested", "已提变更申请", "change requested"},
    {"expanded", "已扩容", "expanded"},
    {"remeasured", "已复测", "re-measured"},
    {"withdrawn", "已撤销", "withdrawn"},
}};

constexpr std::array<std::string_view, finding_act_count> acts = {
    "review",        "issue",           "notify",
    "expire",        "agree",           "dispute",
    "ask_exemption", "grant_exemption", "refuse_exemption",
    "uphold",        "back_up",         "hand_over",
    "stop",          "reclaim",         "resume",
    "negotiate",     "request_change",  "expand",
    "remeasure",     "withdraw"};

constexpr unsigned on_reclaim = 1;
constexpr unsigned on_expand = 2;
constexpr unsigned on_both = on_reclaim | on_expand;

constexpr unsigned by(Actor actor) { return 1U << static_cast<unsigned>(actor); }
constexpr unsigned by_authority = by(Actor::authority) | by(Actor::county);
constexpr unsigned by_unit = by(Actor::unit);
constexpr unsigned by_provider = by(Actor::provider);

// Working days within which the step behind a state is expected. The rules name 3 working days for
// a change (Art. 18); the others are defaults of this system.
constexpr int review_days = 3;
constexpr int issue_days = 3;
constexpr int notice_days = 1;
constexpr int answer_days = 10;
constexpr int backup_days = 10;
constexpr int change_days = 3;
constexpr int observation_days = 7;  // calendar days
constexpr unsigned report_day = 5;   // until when a month is measured and reported

// Whose step is next in a state, and how long it may take; in the order of the states.
struct Term {
  std::optional<Actor> owed_by;
  int working_days = 0;  // 0: no clock in working days
};

constexpr std::array<Term, finding_state_count> terms = {{
    {Actor::provider, review_days},   // flagged
    {Actor::authority, issue_days},   // reviewed
    {Actor::authority, notice_days},  // issued
    {Actor::unit, answer_days},       // notified
    {Actor::authority, issue_days},   // overdue
    {Actor::unit, backup_days},       // agreed
    {Actor::authority, issue_days},   // disputed
    {Actor::authority, issue_days},   // exemption_asked
    {},                               // exempted
    {Actor::unit, backup_days},       // backed_up
    {Actor::provider, change_days},   // handed_over
    {Actor::provider, change_days},   // observing: behind the days of observation
    {},                               // reclaimed
    {Actor::unit, answer_days},       // negotiating
    {Actor::provider, change_days},   // change_requested
    {Actor::provider, 0},             // expanded: a whole month is measured first
    {},                               // remeasured
    {},                               // withdrawn
}};

struct Edge {
  FindingState from;
  FindingAct act;
  FindingState to;
  unsigned roads;
  unsigned actors;
  bool needs_reason;
};

constexpr Edge edges[] = {
    {flagged, review, reviewed, on_both, by_provider, false},
    {reviewed, issue, issued, on_both, by_authority, false},
    {issued, notify, notified, on_reclaim, by_authority | by(Actor::system), false},
    {notified, expire, overdue, on_reclaim, by(Actor::system), false},
    {notified, agree, agreed, on_reclaim, by_unit, false},
    {notified, dispute, disputed, on_reclaim, by_unit, true},
    {notified, ask_exemption, exemption_asked, on_reclaim, by_unit, true},
    {overdue, notify, notified, on_reclaim, by_authority, false},
    {overdue, agree, agreed, on_reclaim, by_unit, false},
    {overdue, dispute, disputed, on_reclaim, by_unit, true},
    {overdue, ask_exemption, exemption_asked, on_reclaim, by_unit, true},
    {disputed, uphold, issued, on_reclaim, by_authority, true},
    {exemption_asked, grant_exemption, exempted, on_reclaim, by_authority, false},
    {exemption_asked, refuse_exemption, issued, on_reclaim, by_authority, true},
    {agreed, back_up, backed_up, on_reclaim, by_unit, false},
    {backed_up, hand_over, handed_over, on_reclaim, by_unit, false},
    {handed_over, stop, observing, on_reclaim, by_provider, false},
    {observing, reclaim, reclaimed, on_reclaim, by_provider, false},
    {observing, resume, disputed, on_reclaim, by_unit, true},
    {issued, negotiate, negotiating, on_expand, by_authority, false},
    {negotiating, expire, overdue, on_expand, by(Actor::system), false},
    {overdue, negotiate, negotiating, on_expand, by_authority, false},
    {negotiating, request_change, change_requested, on_expand, by_unit, false},
    {change_requested, expand, expanded, on_expand, by_provider, false},
    {expanded, remeasure, remeasured, on_expand, by(Actor::system) | by_provider, false},
};

constexpr Edge withdrawal{flagged, withdraw, withdrawn, on_both, by_authority, true};

unsigned bit(Road road) { return road == Road::reclaim ? on_reclaim : on_expand; }

const Edge* find_edge(Road road, FindingState state, FindingAct act) {
  if (act == withdraw) return is_closed(state) ? nullptr : &withdrawal;
  for (const Edge& edge : edges) {
    if (edge.from == state && edge.act == act && (edge.roads & bit(road)) != 0) return &edge;
  }
  return nullptr;
}

std::string_view actor_name(Actor actor) {
  constexpr std::array<std::string_view, 5> names = {"the authority", "the county", "the unit",
                                                     "the provider", "the collector"};
  return names[static_cast<std::size_t>(actor)];
}

std::string whoever_may(unsigned actors) {
  std::string names;
  for (unsigned i = 0; i < 5; ++i) {
    if ((actors & (1U << i)) == 0) continue;
    names += (names.empty() ? "" : " or ") + std::string(actor_name(static_cast<Actor>(i)));
  }
  return names;
}

std::string what_is_allowed(Road road, FindingState state) {
  std::string allowed;
  for (std::size_t i = 0; i < finding_act_count; ++i) {
    const auto act = static_cast<FindingAct>(i);
    if (find_edge(road, state, act) == nullptr) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(act_key(act));
  }
  return allowed.empty() ? "nothing, it is closed" : allowed;
}

Result<void> check_time(const FindingStep& step) {
  if (step.act == expire && (!step.due || step.today <= *step.due)) {
    return fail(ErrorKind::reject, "the unit still has time to answer; nothing is overdue");
  }
  if (step.act == reclaim) {
    if (!step.stopped_since) {
      return fail(ErrorKind::reject, "reclaim: it is not known since when the host is stopped");
    }
    const Date earliest = next_day(*step.stopped_since, observation_days);
    if (step.today < earliest) {
      return fail(ErrorKind::reject,
                  fmt::format("reclaim: the host is stopped for observation until {}",
                              format_date(earliest)));
    }
  }
  return {};
}

}  // namespace

Road road_of(Verdict verdict) {
  return verdict == Verdict::high || verdict == Verdict::severe ? Road::expand : Road::reclaim;
}

std::string_view state_key(FindingState state) {
  return states[static_cast<std::size_t>(state)].key;
}

std::optional<FindingState> parse_finding_state(std::string_view key) {
  const auto found =
      std::find_if(states.begin(), states.end(), [&](const auto& one) { return one.key == key; });
  if (found == states.end()) return std::nullopt;
  return static_cast<FindingState>(found - states.begin());
}

Words state_name(FindingState state) {
  const StateFacts& facts = states[static_cast<std::size_t>(state)];
  return {.zh = std::string(facts.zh), .en = std::string(facts.en)};
}

std::string_view act_key(FindingAct act) { return acts[static_cast<std::size_t>(act)]; }

std::optional<FindingAct> parse_finding_act(std::string_view key) {
  const auto found = std::find(acts.begin(), acts.end(), key);
  if (found == acts.end()) return std::nullopt;
  return static_cast<FindingAct>(found - acts.begin());
}

bool is_closed(FindingState state) {
  return state == exempted || state == reclaimed || state == remeasured || state == withdrawn;
}

Result<FindingResult> advance_finding(const FindingStep& step, const Calendar& calendar) {
  const Edge* edge = find_edge(step.road, step.state, step.act);
  if (edge == nullptr) {
    return fail(
        ErrorKind::reject,
        fmt::format("a finding that is {} does not allow {}; allowed: {}", state_key(step.state),
                    act_key(step.act), what_is_allowed(step.road, step.state)));
  }
  if ((edge->actors & by(step.actor)) == 0) {
    return fail(ErrorKind::reject, fmt::format("{} is for {}, not for {}", act_key(step.act),
                                               whoever_may(edge->actors), actor_name(step.actor)));
  }
  if (edge->needs_reason && step.reason.empty()) {
    return fail(ErrorKind::reject, fmt::format("{} needs a reason", act_key(step.act)));
  }
  if (auto timely = check_time(step); !timely) return failure(timely);

  const FindingDue due = due_in(edge->to, step.today, calendar);
  return FindingResult{.state = edge->to, .due = due.date, .due_unknown = due.unknown};
}

FindingDue due_in(FindingState state, Date since, const Calendar& calendar) {
  if (state == expanded) {
    const Month after = since.year() / since.month() + std::chrono::months(2);
    return {.date = after / std::chrono::day(report_day)};
  }
  const int days = terms[static_cast<std::size_t>(state)].working_days;
  if (days == 0) return {};
  const Date from = state == observing ? next_day(since, observation_days) : since;
  const auto due = calendar.add_working_days(from, days);
  if (!due) return {.unknown = true};
  return {.date = *due};
}

std::optional<Actor> owed_by(FindingState state) {
  return terms[static_cast<std::size_t>(state)].owed_by;
}

std::string due_text(const FindingDue& due) {
  if (due.unknown) return "unknown";
  return due.date ? format_date(*due.date) : "";
}

std::vector<FindingAct> allowed_acts(Road road, FindingState state, Actor actor) {
  std::vector<FindingAct> allowed;
  for (std::size_t i = 0; i < finding_act_count; ++i) {
    const auto act = static_cast<FindingAct>(i);
    const Edge* edge = find_edge(road, state, act);
    if (edge != nullptr && (edge->actors & by(actor)) != 0) allowed.push_back(act);
  }
  return allowed;
}

}  // namespace yunjian::rules
