#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/month/utilization_table.h"

namespace yunjian::rules {

// Where each host stands after a month, as a file of the month's pack: its outcome, whether it is
// flagged, and the months before by which it is. By host, a line each:
//
//   <host> <size> <outcome> <flag> <since> <months> <consecutive> <held> <history>
//
// outcome: <verdict>/<clears>/<exempt>, history: <month>/<outcome> of each, joined by ';', rising;
// several verdicts are joined by ','; '-' is nothing. Whoever has the month's records makes the
// same lines from them and the history.
std::string format_standings(const UtilizationTable& table);

// What stood before, by host and size. Reject: names the line.
class StandingHistory {
 public:
  static ledger::Result<StandingHistory> parse(std::string_view text);
  // The history outlives it.
  HistorySource source() const;
  std::set<Month> months() const;  // that it names

 private:
  std::map<std::string, std::vector<MonthOutcome>, std::less<>> months_;  // by "host size"
};

// "host: told → wanted" of the lines that differ, by host.
struct StandingDifference {
  std::string host;
  std::string told;    // "" = not there
  std::string wanted;  // "" = should not be there
};
std::vector<StandingDifference> standing_differences(std::string_view told,
                                                     std::string_view wanted);

}  // namespace yunjian::rules
