#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "collector/store/record_store.h"
#include "rules/utilization/judge.h"

namespace yunjian::collector {

// What the records of a month say of hosts besides their usage hours.
struct FactsRequest {
  std::vector<std::string> hosts;
  ledger::Time from{};
  ledger::Time to{};
  const std::atomic<bool>* cancelled = nullptr;  // then: retry
};

// What rules::FactsFold says of the same records, read through the store's index: logins (OCSF
// authentication, logon, successful) only for hosts that sent log records at all, accesses (API
// activity with an address, answered) only where there is one, file systems of the month's last
// `usage` record and when they fill up, by the growth over its last week.
ledger::Result<std::map<std::string, rules::MonthFacts, std::less<>>> month_facts(
    RecordStore& records, const Scope& scope, const FactsRequest& request);

}  // namespace yunjian::collector
