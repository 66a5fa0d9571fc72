#pragma once

#include <functional>
#include <string>

#include "agent/config.h"
#include "ledger/base/result.h"

namespace yunjian::agent {

struct RunOptions {
  AgentConfig config;
  std::function<ledger::Result<AgentConfig>()> reload;  // reads it again, at SIGHUP
  std::string version;
  std::function<void(const std::string&)> log;  // takes one line for people
};

// Builds the agent from its configuration and state directory and drives it until SIGTERM or
// SIGINT, then seals what is open and ships for at most ten seconds. At SIGHUP the configuration is
// read again: a bad one is refused and the old one kept, a good one exchanges the sources; a
// `config` record says which. Errors end the process: a supervisor starts it again, and it goes on
// from what is durable.
ledger::Result<void> run_agent(RunOptions options);

}  // namespace yunjian::agent
