#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "ledger/record.h"
#include "rules/classify/classifier.h"
#include "rules/utilization/judge.h"

namespace yunjian::rules {

// Share in use of each file system, by mount.
using Disks = std::map<std::string, Hundredths, std::less<>>;
// As a usage record has them; empty when it has none.
Disks disks_of(const ledger::ParsedRecord& record);

// The file systems at one time.
struct DiskSnapshot {
  ledger::Time time{};
  Disks disks;
};
// The growth up to `newest` is counted from the newest snapshot before this time: the end of the
// day (+08:00) a week earlier.
ledger::Time growth_begin(ledger::Time newest);
// Days until `now` is full when it goes on growing as since `before`; absent when it does not grow.
std::optional<std::uint64_t> days_to_full(const DiskSnapshot& before, const DiskSnapshot& now);

// Whether a record tells of a login that went well, or of somebody's use of what the host serves.
bool is_login(const Derived& meant);
bool is_access(const Derived& meant);

// What the records of one host and month say besides its hours, from all of them in any order:
// - logins are counted only when log records are there at all, for where nothing is sent nothing is
//   known; accesses only when there is one.
// - file systems are those of the month's last usage record.
// Keeps one snapshot a day. One thread.
class FactsFold {
 public:
  FactsFold(ledger::Time from, ledger::Time to) : from_(from), to_(to) {}
  // Records of another time, and usage hours, are passed over.
  void add(const ledger::ParsedRecord& record, std::string_view stream, std::uint64_t number);
  MonthFacts finish() const;

 private:
  using Place = std::tuple<ledger::Time, std::string, std::uint64_t>;
  struct Newest {
    Place place;
    Disks disks;
  };
  void add_usage(const ledger::ParsedRecord& record, Place place);
  void add_event(const ledger::ParsedRecord& record);

  ledger::Time from_, to_;
  std::map<std::chrono::sys_days, Newest> days_;  // in +08:00
  std::optional<std::uint64_t> oom_kills_;
  std::optional<std::uint64_t> accesses_;
  std::uint64_t logins_ = 0;
  bool sends_logs_ = false;
};

}  // namespace yunjian::rules
