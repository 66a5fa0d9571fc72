#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/calendar/calendar.h"
#include "rules/month/register_fold.h"
#include "rules/month/table_diff.h"
#include "rules/utilization/rule_set.h"

namespace yunjian::rules {

// The registers that the reports of a month show, a table each.
inline constexpr std::string_view operations_kinds[] = {"system", "duty",   "incident",
                                                        "change", "backup", "drill"};
inline constexpr std::string_view security_kinds[] = {"security_event", "vulnerability",
                                                      "rectification"};

// "mlps_level" as people write it: "MLPS level".
std::string english_name(std::string_view key);
// A choice of a register as reports write it; nothing: it has no words.
std::optional<Words> choice_words(std::string_view choice);

// The field that says when an entry of the kind was; "" when it is not of one day.
std::string_view day_field(std::string_view kind);

// Whether an entry of one of these kinds stands in the month's report: what happened in the month,
// drills of the year so far, vulnerabilities and rectifications that were open in it, all systems.
bool stands_in_report(const RegistryEntry& entry, Month month);

// Whether a change was applied for early enough (Art. 23: three working days); nothing: its dates
// cannot be read.
std::optional<Words> change_notice(const RegistryEntry& change, const Calendar& calendar);

// What a report is to hold.
struct RegisterScope {
  std::span<const std::string_view> kinds;  // a table each
  Month month;
  std::function<bool(const RegistryEntry&)> own;  // entries that it may not leave out
};

// Where the registers in operations.json or security.json differ from those that were sealed: each
// own entry that stands in the month's report must be there, each row must say what was sealed, and
// none may be another unit's.
// `host` of a difference is "kind id", `first` what the file says. At most cell_differences_max.
// Names are not looked at. Reject: the file is no such report.
ledger::Result<std::vector<CellDifference>> register_differences(std::string_view json,
                                                                 const RegisterScope& scope,
                                                                 const RegisterFold& registers);

}  // namespace yunjian::rules
