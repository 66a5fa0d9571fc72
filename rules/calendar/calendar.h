#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ledger/base/result.h"
#include "rules/calendar/china_time.h"

namespace yunjian::rules {

// Which days are working days: Monday to Friday, except published holidays, and the published
// make-up days. What has not been published is unknown, never "no holidays": a year without a
// notice, and of every year the days from 29 December on until the next year's notice is here,
// because the New Year holiday of that notice may reach back to them.
// Immutable; any thread.
class Calendar {
 public:
  // Reject: not the format of rules/calendar/README.md; the message names the key.
  static ledger::Result<Calendar> parse(std::string_view json);

  std::optional<bool> is_working_day(Date date) const;

  // The `count`-th working day after `date` (before it when negative); `date` itself never counts
  // and 0 gives it back. Reject: a day on the way is unknown.
  ledger::Result<Date> add_working_days(Date date, int count) const;

  // Working days in [first, past_last). Reject: one of the days is unknown.
  ledger::Result<unsigned> working_days(Date first, Date past_last) const;

  const std::string& version() const { return version_; }

 private:
  struct Builder;

  std::string version_;
  std::set<int> published_;
  std::map<std::chrono::sys_days, bool> exceptions_;  // day -> is it a working day
};

// The data file cn.json as it was compiled in.
std::string_view cn_calendar_json();

// China, 2020 to 2026.
ledger::Result<Calendar> cn_calendar();

}  // namespace yunjian::rules
