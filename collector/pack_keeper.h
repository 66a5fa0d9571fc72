#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "collector/finding_clock.h"
#include "collector/month_packs.h"

namespace yunjian::collector {

// What is due of the month before `now`, by the clock of China. Pure.
struct PackDuty {
  rules::Month month{};    // the one that is over
  bool may_build = false;  // from 00:30 on the 1st: the last hours have come
  bool warn = false;       // from the 3rd on a pack that is not there is late
  rules::Date due{};       // the 5th: what the rules ask for
};
PackDuty pack_duty(ledger::Time now);

// Sees to it that each month's pack is there in time, and that silence about a finding becomes
// known (FindingClock): builds the pack on the 1st, and those of the twelve months before that an
// outage kept from being built, the oldest first; tries again every ten minutes while that fails,
// raises an alarm a day and month from the 3rd on while there is none, and one when a form could
// not be made or has letters that no font knows. Folds the hours of a day when it is over. A log
// that did not exist in a month owes nothing for it.
class PackKeeper {
 public:
  struct Parts {
    MonthPacks& packs;
    Catalog& catalog;
    EvidenceLog& log;
    OwnStream& own;
    std::mutex& acts;  // held while the catalog and the own stream are changed together
  };
  explicit PackKeeper(Parts parts)
      : parts_(parts), clock_({parts.catalog, parts.own, parts.acts}) {}
  ~PackKeeper();  // ends the build that runs
  PackKeeper(const PackKeeper&) = delete;
  PackKeeper& operator=(const PackKeeper&) = delete;

  // Calls step() every half minute on a thread of its own.
  void start(const ledger::Clock& clock);

  // One look; what it does takes as long as a build. One thread at a time.
  void step(ledger::Time now);

  struct Status {
    std::optional<rules::Month> month;  // the newest that is owed
    std::uint64_t revision = 0;         // 0: not built
    std::uint64_t missing = 0;          // months that are owed and not built, that one too
    bool late = false;                  // it or a month before
    std::string incomplete;             // what is not whole in it, for a person; "" = nothing
    rules::Date due{};
    std::uint64_t built = 0;  // by itself
    std::uint64_t failed = 0;
    double build_seconds = 0;   // of the last one
    std::uint64_t expired = 0;  // findings
    LateFindings findings;
    std::string error;  // of the last look; "" = none
  };
  Status status() const;            // any thread
  std::string status_line() const;  // for people; "" = nothing is owed
  std::string metrics() const;

 private:
  std::vector<rules::Month> owed_months(rules::Month last);
  ledger::Result<std::vector<rules::Month>> missing_of(const std::vector<rules::Month>& owed);
  ledger::Result<std::vector<rules::Month>> tell_missing(const PackDuty& duty);
  ledger::Result<void> look(const PackDuty& duty, ledger::Time now);
  ledger::Result<void> build(rules::Month month, ledger::Time now);
  ledger::Result<void> tell_note(rules::Month month, const std::string& note, ledger::Time now);
  ledger::Result<void> warn(rules::Month month, ledger::Time now);
  ledger::Result<void> look_at_findings(ledger::Time now);
  bool may_try(rules::Month month, ledger::Time now);
  void run(const ledger::Clock& clock);

  const Parts parts_;
  std::optional<ledger::Time> log_begun_;  // of step()
  FindingClock clock_;
  std::set<rules::Month> built_;                // before the newest that is owed
  std::map<rules::Month, ledger::Time> tried_;  // when a build was last begun
  std::map<rules::Month, rules::Date> warned_;
  std::map<rules::Month, std::string> notes_;  // of builds by itself
  std::optional<ledger::Time> findings_at_;    // when they were last looked at
  mutable std::mutex mutex_;                   // protects what follows
  Status status_;
  bool stopping_ = false;
  std::condition_variable stopped_;
  std::thread thread_;
};

}  // namespace yunjian::collector
