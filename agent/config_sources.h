#pragma once

#include "agent/config.h"
#include "agent/config_table.h"

namespace yunjian::agent {

// Reads the tables of agent.toml that say what is gathered.
ledger::Result<void> read_sources(Table& root, AgentConfig& config);

}  // namespace yunjian::agent
