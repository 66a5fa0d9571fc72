#pragma once

#include <map>
#include <string>
#include <vector>

#include "collector/store/record_store.h"
#include "rules/utilization/judge.h"

namespace yunjian::collector {

// What the records of a month say of hosts besides their usage hours.
struct FactsRequest {
  std::vector<std::string> hosts;  // a few at a time
  ledger::Time from{};
  ledger::Time to{};
};

// Logins (OCSF authentication, logon, successful) and access records are counted only for hosts
// that sent log records at all: where nothing is sent, nothing is known. File systems are those of
// the month's last `usage` record; when they fill up, by the growth over its last week.
ledger::Result<std::map<std::string, rules::MonthFacts, std::less<>>> month_facts(
    RecordStore& records, const Scope& scope, const FactsRequest& request);

}  // namespace yunjian::collector
