#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/record.h"

namespace yunjian::rules {

// A finding as it stands. Keys and dates are kept as text in their one form; `due` is "" when no
// clock runs and "unknown" when the calendar does not know the days.
struct StoredFinding {
  std::string id = {};  // host:road:month in which it was raised
  std::string host = {};
  std::string unit = {};
  std::string verdict = {};
  std::string state = {};
  std::string month = {};
  std::string due = {};
  std::string stopped_since = {};
  ledger::Time opened = {};
  ledger::Time changed = {};
  // What people decide by: why_zh, why_en, recommended, saving_fen, payer, rules …, and once it
  // ended what it really saved: actual_month, actual_vcpus …
  std::map<std::string, std::string, std::less<>> details = {};
};

// One step of its life; the first has the act "flag".
struct FindingEvent {
  std::uint64_t number = 0;  // from 0
  ledger::Time time = {};
  std::string act = {};
  std::string who = {};
  std::string state = {};  // afterwards
  std::string reason = {};
};

inline constexpr std::string_view flag_act = "flag";        // the rules raised it
inline constexpr std::string_view measure_act = "measure";  // what it really saved was written down

// A step as an act of a collector's own stream tells it; `finding` is as it was afterwards, and
// `opened` the time of the step.
struct FindingStepped {
  StoredFinding finding;
  FindingEvent event;
};
std::optional<FindingStepped> read_finding_act(const ledger::ParsedRecord& record);

// Findings as the `finding` acts of a collector's own stream tell them, in their order. One thread.
class FindingFold {
 public:
  using Findings = std::map<std::string, StoredFinding, std::less<>>;  // by id

  // False: no such act, or one whose step is there already.
  bool add(const FindingStepped& step);
  const Findings& findings() const { return findings_; }
  std::vector<StoredFinding> list() const;  // by id
  std::uint64_t steps() const { return steps_; }

 private:
  Findings findings_;
  std::map<std::string, std::uint64_t, std::less<>> steps_of_;
  std::uint64_t steps_ = 0;
};

// The findings that a month's pack tells of, as a file of it: how many steps of findings its
// collector had sealed by then, and a line each, by id:
//
//   steps <n>
//   <id> <verdict> <state> <due>                  '-' is nothing
//
// Whoever has the first n finding acts of the log makes the same lines from them. `findings`: by
// id.
std::string format_findings(std::uint64_t steps, std::span<const StoredFinding> findings);
// The n of the first line; absent: it is not such a list.
std::optional<std::uint64_t> steps_of_list(std::string_view text);

}  // namespace yunjian::rules
