#include "collector/pack_keeper.h"

#include <fmt/format.h>

#include "collector/api/metrics.h"
#include "collector/api/register_act.h"
#include "ledger/leaves.h"
#include "rules/findings/finding.h"

namespace yunjian::collector {

using ledger::Result;
using ledger::Time;
using rules::Date;
using rules::Month;

namespace {

constexpr std::chrono::minutes build_delay{30};
constexpr std::chrono::minutes try_again{10};
constexpr std::chrono::seconds look_step{30};
constexpr unsigned warn_day = 3;
constexpr unsigned due_day = 5;

}  // namespace

PackDuty pack_duty(Time now) {
  const Month running = rules::china_month(now);
  const Month month = running - std::chrono::months(1);
  const auto day = static_cast<unsigned>(rules::china_date(now).day());
  return {.month = month,
          .may_build = now >= rules::month_end(month) + build_delay,
          .warn = day >= warn_day,
          .due = running / std::chrono::day(due_day)};
}

PackKeeper::~PackKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void PackKeeper::start(const ledger::Clock& clock) {
  thread_ = std::thread([this, &clock] { run(clock); });
}

void PackKeeper::run(const ledger::Clock& clock) {
  while (true) {
    step(clock.wall());
    std::unique_lock lock(mutex_);
    if (stopped_.wait_for(lock, look_step, [this] { return stopping_; })) return;
  }
}

// Whether the log existed in that month.
bool PackKeeper::owes(Month month) {
  if (!log_begun_) {
    const auto leaf = parts_.log.leaf(0);
    if (!leaf) return false;
    auto note = ledger::parse_note(*leaf);
    const auto enrolment = note ? ledger::parse_enrolment(note->text)
                                : Result<ledger::Enrolment>(ledger::failure(note));
    if (!enrolment) return false;
    log_begun_ = enrolment->enrolled;
  }
  return *log_begun_ < rules::month_end(month);
}

void PackKeeper::step(Time now) {
  const PackDuty duty = pack_duty(now);
  auto looked = look(duty, now);
  std::size_t expired = 0;
  if (looked && expired_on_ != rules::china_date(now)) {
    auto gone = expire(now);
    if (gone) {
      expired = *gone;
      expired_on_ = rules::china_date(now);
    } else {
      looked = ledger::failure(gone, "findings");
    }
  }
  const std::lock_guard lock(mutex_);
  status_.error = looked ? "" : looked.error().message;
  status_.expired += expired;
}

Result<void> PackKeeper::look(const PackDuty& duty, Time now) {
  if (!owes(duty.month)) return {};
  auto pack = parts_.packs.store().newest(duty.month);
  if (!pack) return ledger::failure(pack);
  const bool there = *pack && (*pack)->leaf;
  {
    const std::lock_guard lock(mutex_);
    status_.month = duty.month;
    status_.due = duty.due;
    status_.revision = there ? (*pack)->manifest.revision : 0;
    status_.late = duty.warn && !there;
  }
  if (there) return {};
  if (duty.may_build && (now - tried_ >= try_again || now < tried_)) {
    tried_ = now;
    auto built = build(duty.month, now);
    if (built) return {};
    const std::lock_guard lock(mutex_);
    ++status_.failed;
    if (!duty.warn) return built;
  }
  return duty.warn ? warn(duty, now) : Result<void>();
}

Result<void> PackKeeper::build(Month month, Time now) {
  auto built = parts_.packs.build({.month = month, .narrow = true, .who = "collector"});
  if (!built) return ledger::failure(built, rules::format_month(month));
  Act act(now, "report");
  act.text("month", rules::format_month(month)).number("results", built->rows);
  act.number("revision", built->pack.manifest.revision);
  if (auto recorded = parts_.own.record(act.line()); !recorded) return recorded;
  const std::lock_guard lock(mutex_);
  ++status_.built;
  status_.build_seconds = built->city_s + built->narrow_s;
  status_.revision = built->pack.manifest.revision;
  status_.late = false;
  return {};
}

// Once a day.
Result<void> PackKeeper::warn(const PackDuty& duty, Time now) {
  const Date today = rules::china_date(now);
  const std::string month = rules::format_month(duty.month);
  const std::string due = rules::format_date(duty.due);
  if (warned_ != today) {
    Act act(now, "alarm");
    act.text("alarm", "report-late").text("month", month).text("due", due);
    if (auto recorded = parts_.own.record(act.line()); !recorded) return recorded;
    warned_ = today;
  }
  return ledger::fail(ledger::ErrorKind::retry,
                      fmt::format("the pack of {} is not built; it is due before {}", month, due));
}

// Silence escalates; it never reclaims.
Result<std::size_t> PackKeeper::expire(Time now) {
  const std::lock_guard acting(parts_.acts);
  auto calendar = rules::cn_calendar();
  if (!calendar) return ledger::failure(calendar);
  auto findings = parts_.catalog.findings(Scope::all(), {.open_only = true});
  if (!findings) return ledger::failure(findings);
  std::size_t expired = 0;
  for (Finding& finding : *findings) {
    const auto verdict = rules::parse_verdict(finding.verdict);
    const auto state = rules::parse_finding_state(finding.state);
    const auto due = rules::parse_date(finding.due);
    if (!verdict || !state || !due) continue;
    const auto result = rules::advance_finding({.road = rules::road_of(*verdict),
                                                .state = *state,
                                                .act = rules::FindingAct::expire,
                                                .actor = rules::Actor::system,
                                                .today = rules::china_date(now),
                                                .due = *due},
                                               *calendar);
    if (!result) continue;
    auto events = parts_.catalog.finding_events(finding.id);
    if (!events) return ledger::failure(events);
    finding.state = rules::state_key(result->state);
    finding.due.clear();
    finding.changed = now;
    const FindingEvent event{.number = events->size(),
                             .time = now,
                             .act = std::string(rules::act_key(rules::FindingAct::expire)),
                             .who = "collector",
                             .state = finding.state};
    auto recorded = parts_.own.record(finding_act(Act(now, "finding"), finding, event));
    if (!recorded) return ledger::failure(recorded);
    if (auto put = parts_.catalog.put_finding(finding, event); !put) return ledger::failure(put);
    ++expired;
  }
  return expired;
}

PackKeeper::Status PackKeeper::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::string PackKeeper::status_line() const {
  const Status now = status();
  if (!now.month) return {};
  const std::string month = rules::format_month(*now.month);
  if (now.revision > 0) return fmt::format("{} revision {}", month, now.revision);
  return fmt::format("{} not built, due before {}{}{}{}", month, rules::format_date(now.due),
                     now.late ? ": LATE" : "", now.error.empty() ? "" : "; ", now.error);
}

std::string PackKeeper::metrics() const {
  const Status now = status();
  const auto number = [](std::uint64_t count) { return static_cast<double>(count); };
  MetricsText text;
  text.metric("yunjian_report_built", "gauge",
              "Whether the pack of the last month is built and in the log.")
      .sample(!now.month || now.revision > 0 ? 1 : 0);
  text.metric("yunjian_report_late", "gauge",
              "Whether it is missing although it is the 3rd or later.")
      .sample(now.late ? 1 : 0);
  text.metric("yunjian_report_builds_total", "counter", "Packs that the collector built by itself.")
      .sample(number(now.built));
  text.metric("yunjian_report_failures_total", "counter", "Builds by itself that failed.")
      .sample(number(now.failed));
  text.metric("yunjian_report_build_seconds", "gauge", "Time that the last of them took.")
      .sample(now.build_seconds);
  text.metric("yunjian_findings_expired_total", "counter",
              "Findings whose deadline passed without an answer.")
      .sample(number(now.expired));
  return text.take();
}

}  // namespace yunjian::collector
