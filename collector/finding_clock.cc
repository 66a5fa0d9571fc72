#include "collector/finding_clock.h"

#include "collector/api/register_act.h"

namespace yunjian::collector {

using ledger::Result;
using rules::Date;

namespace {

const std::string set_due = "set_due";

void count(LateFindings& late, rules::FindingState state) {
  switch (rules::owed_by(state).value_or(rules::Actor::authority)) {
    case rules::Actor::provider:
      ++late.provider;
      return;
    case rules::Actor::unit:
      ++late.unit;
      return;
    default:
      ++late.authority;
  }
}

}  // namespace

Result<FindingClock::Looked> FindingClock::look(ledger::Time now) {
  const std::lock_guard acting(parts_.acts);
  now_ = now;
  auto calendar = rules::cn_calendar();
  if (!calendar) return ledger::failure(calendar);
  auto findings = parts_.catalog.findings(Scope::all(), {.open_only = true});
  if (!findings) return ledger::failure(findings);
  Looked looked;
  for (Finding& finding : *findings) {
    if (auto done = look_at(std::move(finding), *calendar, looked); !done) {
      return ledger::failure(done);
    }
  }
  if (looked.late.all() > 0) {
    if (auto warned = warn(looked.late); !warned) return ledger::failure(warned);
  }
  return looked;
}

Result<void> FindingClock::look_at(Finding finding, const rules::Calendar& calendar,
                                   Looked& looked) {
  const auto verdict = rules::parse_verdict(finding.verdict);
  const auto state = rules::parse_finding_state(finding.state);
  if (!verdict || !state) return {};
  const Date today = rules::china_date(now_);
  auto due = rules::parse_date(finding.due);
  if (!due) {
    const auto found = rules::due_in(*state, rules::china_date(finding.changed), calendar);
    if (found.unknown) ++looked.late.undated;
    if (!found.date) return {};
    due = *found.date;
    finding.due = rules::due_text(found);
    if (auto done = step(finding, set_due); !done) return done;
  }
  if (today <= *due) return {};
  const auto result = rules::advance_finding({.road = rules::road_of(*verdict),
                                              .state = *state,
                                              .act = rules::FindingAct::expire,
                                              .actor = rules::Actor::system,
                                              .today = today,
                                              .due = *due},
                                             calendar);
  if (!result) {
    count(looked.late, *state);
    return {};
  }
  finding.state = rules::state_key(result->state);
  finding.due = rules::due_text({.date = result->due, .unknown = result->due_unknown});
  finding.changed = now_;
  ++looked.expired;
  return step(finding, rules::act_key(rules::FindingAct::expire));
}

// A record of the own stream first.
Result<void> FindingClock::step(const Finding& finding, std::string_view act) {
  auto events = parts_.catalog.finding_events(finding.id);
  if (!events) return ledger::failure(events);
  const FindingEvent event{.number = events->size(),
                           .time = now_,
                           .act = std::string(act),
                           .who = "collector",
                           .state = finding.state};
  auto recorded = parts_.own.record(finding_act(Act(now_, "finding"), finding, event));
  if (!recorded) return ledger::failure(recorded);
  return parts_.catalog.put_finding(finding, event);
}

// Once a day.
Result<void> FindingClock::warn(const LateFindings& late) {
  const Date today = rules::china_date(now_);
  if (warned_ == today) return {};
  Act act(now_, "alarm");
  act.text("alarm", "findings-late").number("provider", late.provider);
  act.number("authority", late.authority).number("using_unit", late.unit);
  if (auto recorded = parts_.own.record(act.line()); !recorded) return ledger::failure(recorded);
  warned_ = today;
  return {};
}

}  // namespace yunjian::collector
