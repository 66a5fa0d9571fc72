#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/month/finding_fold.h"
#include "rules/month/inventory.h"
#include "rules/month/utilization_table.h"

// What a collector writes about a month, without the collector: acts of its own stream as lines,
// and files of a pack as far as they are checked.
namespace yunjian::auditor::testing {

std::string register_line(ledger::Time time, const rules::RegistryEntry& entry);
std::string step_line(const rules::StoredFinding& finding, std::string_view act, int step);
std::string outcome_line(ledger::Time time, const rules::StoredOutcome& outcome);

std::string advice_of(const std::vector<rules::StoredFinding>& findings);
std::string csv_of(const rules::UtilizationTable& table);
std::string optional_percent(const std::optional<rules::Hundredths>& value);

}  // namespace yunjian::auditor::testing
