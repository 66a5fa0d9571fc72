#include "collector/pack_keeper.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/api/metrics.h"
#include "collector/api/register_act.h"
#include "ledger/leaves.h"

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
constexpr int backlog_months = 12;  // as long as records are kept

// The city's reports that should be there as PDF and are not, a line each.
std::string not_whole(const ledger::ReportManifest& manifest) {
  std::string lines;
  for (const std::string_view report : report_names) {
    const std::string path = fmt::format("{}.pdf", report);
    const bool there = std::any_of(manifest.files.begin(), manifest.files.end(),
                                   [&](const auto& file) { return file.path == path; });
    if (!there) lines += path + " is not in the pack\n";
  }
  return lines;
}

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
  parts_.packs.cancel();
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

// Months up to `last` in which the log existed, rising.
std::vector<Month> PackKeeper::owed_months(Month last) {
  std::vector<Month> owed;
  if (!log_begun_) {
    const auto leaf = parts_.log.leaf(0);
    if (!leaf) return owed;
    auto note = ledger::parse_note(*leaf);
    const auto enrolment = note ? ledger::parse_enrolment(note->text)
                                : Result<ledger::Enrolment>(ledger::failure(note));
    if (!enrolment) return owed;
    log_begun_ = enrolment->enrolled;
  }
  for (int back = backlog_months; back >= 0; --back) {
    const Month month = last - std::chrono::months(back);
    if (*log_begun_ < rules::month_end(month)) owed.push_back(month);
  }
  return owed;
}

void PackKeeper::step(Time now) {
  auto looked = look(pack_duty(now), now);
  if (auto done = look_at_findings(now); !done && looked) {
    looked = ledger::failure(done, "findings");
  }
  if (auto folded = parts_.packs.fold_day(); !folded && looked) {
    looked = ledger::failure(folded, "folding hours");
  }
  const std::lock_guard lock(mutex_);
  status_.error = looked ? "" : looked.error().message;
}

Result<void> PackKeeper::look_at_findings(Time now) {
  const bool due = !findings_at_ || now < *findings_at_ || now - *findings_at_ >= try_again ||
                   rules::china_date(now) != rules::china_date(*findings_at_);
  if (!due) return {};
  auto looked = clock_.look(now);
  if (!looked) return ledger::failure(looked);
  findings_at_ = now;
  const std::lock_guard lock(mutex_);
  status_.expired += looked->expired;
  status_.findings = looked->late;
  return {};
}

// Those without a pack whose leaf is in the log.
Result<std::vector<Month>> PackKeeper::missing_of(const std::vector<Month>& owed) {
  std::vector<Month> missing;
  for (const Month month : owed) {
    const bool newest = month == owed.back();
    if (!newest && built_.contains(month)) continue;
    auto pack = parts_.packs.store().newest(month);
    if (!pack) return ledger::failure(pack);
    const bool there = *pack && (*pack)->leaf;
    if (!there) {
      missing.push_back(month);
    } else if (!newest) {
      built_.insert(month);
    }
    if (!newest) continue;
    const std::lock_guard lock(mutex_);
    status_.revision = there ? (*pack)->manifest.revision : 0;
    status_.incomplete = there ? not_whole((*pack)->manifest) + notes_[month] : "";
  }
  return missing;
}

Result<std::vector<Month>> PackKeeper::tell_missing(const PackDuty& duty) {
  const auto owed = owed_months(duty.month);
  if (owed.empty()) return owed;
  auto missing = missing_of(owed);
  if (!missing) return missing;
  const std::lock_guard lock(mutex_);
  status_.month = duty.month;
  status_.due = duty.due;
  status_.missing = missing->size();
  status_.late = std::any_of(missing->begin(), missing->end(),
                             [&](Month month) { return month != duty.month || duty.warn; });
  return missing;
}

bool PackKeeper::may_try(Month month, Time now) {
  const auto before = tried_.find(month);
  return before == tried_.end() || now - before->second >= try_again || now < before->second;
}

// Builds at most one; the next look builds the next.
Result<void> PackKeeper::look(const PackDuty& duty, Time now) {
  auto missing = tell_missing(duty);
  if (!missing) return ledger::failure(missing);
  Result<void> built;
  for (const Month month : *missing) {
    if ((month == duty.month && !duty.may_build) || !may_try(month, now)) continue;
    tried_[month] = now;
    built = build(month, now);
    if (!built) {
      const std::lock_guard lock(mutex_);
      ++status_.failed;
    }
    missing = tell_missing(duty);
    if (!missing) return ledger::failure(missing);
    break;
  }
  for (const Month month : *missing) {
    if (month == duty.month && !duty.warn) continue;
    if (auto warned = warn(month, now); !warned) return warned;
  }
  return built;
}

Result<void> PackKeeper::build(Month month, Time now) {
  auto built = parts_.packs.build({.month = month, .narrow = true, .who = "collector"});
  if (!built) return ledger::failure(built, rules::format_month(month));
  Act act(now, "report");
  act.text("month", rules::format_month(month)).number("results", built->rows);
  act.number("revision", built->pack.manifest.revision);
  if (auto recorded = parts_.own.record(act.line()); !recorded) return recorded;
  if (auto told = tell_note(month, built->note, now); !told) return told;
  const std::lock_guard lock(mutex_);
  ++status_.built;
  status_.build_seconds = built->city_s + built->narrow_s;
  return {};
}

// A form that is not there, or has boxes in the place of letters, is seen by whoever opens it, and
// should be known before.
Result<void> PackKeeper::tell_note(Month month, const std::string& note, Time now) {
  notes_[month] = note;
  if (note.empty()) return {};
  Act act(now, "alarm");
  act.text("alarm", "report-incomplete").text("month", rules::format_month(month));
  act.text("note", note);
  return parts_.own.record(act.line());
}

// Once a day and month.
Result<void> PackKeeper::warn(Month month, Time now) {
  const Date today = rules::china_date(now);
  const std::string name = rules::format_month(month);
  const std::string due =
      rules::format_date((month + std::chrono::months(1)) / std::chrono::day(due_day));
  const auto before = warned_.find(month);
  if (before == warned_.end() || before->second != today) {
    Act act(now, "alarm");
    act.text("alarm", "report-late").text("month", name).text("due", due);
    if (auto recorded = parts_.own.record(act.line()); !recorded) return recorded;
    warned_[month] = today;
  }
  return ledger::fail(ledger::ErrorKind::retry,
                      fmt::format("the pack of {} is not built; it is due before {}", name, due));
}

PackKeeper::Status PackKeeper::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::string PackKeeper::status_line() const {
  const Status now = status();
  if (!now.month) return {};
  const std::string month = rules::format_month(*now.month);
  const std::uint64_t before = now.missing - (now.missing > 0 && now.revision == 0 ? 1 : 0);
  std::string line;
  if (now.revision > 0) {
    line = fmt::format("{} revision {}{}", month, now.revision,
                       now.incomplete.empty() ? "" : ", NOT WHOLE (see report-incomplete)");
  } else {
    line = fmt::format("{} not built, due before {}{}", month, rules::format_date(now.due),
                       now.late && before == 0 ? ": LATE" : "");
  }
  if (before > 0) line += fmt::format("; {} months before are LATE", before);
  return line + (now.missing == 0 || now.error.empty() ? "" : "; " + now.error);
}

std::string PackKeeper::metrics() const {
  const Status now = status();
  const auto number = [](std::uint64_t count) { return static_cast<double>(count); };
  MetricsText text;
  text.metric("yunjian_report_built", "gauge",
              "Whether the pack of the last month is built and in the log.")
      .sample(!now.month || now.revision > 0 ? 1 : 0);
  text.metric("yunjian_report_late", "gauge",
              "Whether it is missing although it is the 3rd or later, or one before is.")
      .sample(now.late ? 1 : 0);
  text.metric("yunjian_report_missing", "gauge",
              "Months that are over, of the last thirteen, whose pack is not built.")
      .sample(number(now.missing));
  text.metric("yunjian_report_incomplete", "gauge",
              "Whether the last pack lacks a PDF or has letters that no font here knows.")
      .sample(now.incomplete.empty() ? 0 : 1);
  text.metric("yunjian_report_builds_total", "counter", "Packs that the collector built by itself.")
      .sample(number(now.built));
  text.metric("yunjian_report_failures_total", "counter", "Builds by itself that failed.")
      .sample(number(now.failed));
  text.metric("yunjian_report_build_seconds", "gauge", "Time that the last of them took.")
      .sample(now.build_seconds);
  text.metric("yunjian_findings_expired_total", "counter",
              "Findings whose deadline passed without an answer.")
      .sample(number(now.expired));
  text.metric("yunjian_findings_late", "gauge", "Findings whose next step is late, by whose it is.")
      .sample("owed_by", "provider", number(now.findings.provider))
      .sample("owed_by", "authority", number(now.findings.authority))
      .sample("owed_by", "unit", number(now.findings.unit));
  text.metric("yunjian_findings_undated", "gauge",
              "Findings whose deadline waits for the calendar of the next year.")
      .sample(number(now.findings.undated));
  return text.take();
}

}  // namespace yunjian::collector
