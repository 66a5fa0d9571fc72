#pragma once

#include <string>

#include "agent/config.h"

namespace yunjian::agent {

struct CheckReport {
  std::string text;      // for people
  bool complete = true;  // false: something that is configured is there and cannot be read
};

// Looks at every source that the configuration names, as the user that runs this.
CheckReport check_sources(const AgentConfig& config);

}  // namespace yunjian::agent
