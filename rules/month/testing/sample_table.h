#pragma once

#include <string_view>
#include <vector>

#include "rules/month/utilization_table.h"

namespace yunjian::rules::testing {

// One of every kind of host: ordinary, idle, starving, silent, resized, retired, late, with a gap,
// with a name that wants to be a formula; October 2026, always the same.
std::vector<HostFacts> sample_hosts();
HostFacts sample_host(std::string_view id);

// Hours of those hosts, a sample a minute.
HourSource sample_source();

UtilizationTable sample_table();

// `cpu` and `memory` in tenths of a percent; constant over the hour, a sample a minute.
ledger::UsageHour flat_hour(ledger::Time from, std::uint64_t cpu, std::uint64_t memory);

}  // namespace yunjian::rules::testing
