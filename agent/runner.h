#pragma once

#include <functional>
#include <string>

#include "agent/config.h"
#include "ledger/base/result.h"

namespace yunjian::agent {

// Builds the agent from its configuration and state directory and drives it until SIGTERM or
// SIGINT, then seals what is open and ships for at most ten seconds. `log` takes one line for
// people. Errors end the process: a supervisor starts it again, and it goes on from what is
// durable.
ledger::Result<void> run_agent(const AgentConfig& config, const std::string& version,
                               std::function<void(const std::string&)> log);

}  // namespace yunjian::agent
