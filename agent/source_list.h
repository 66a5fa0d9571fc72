#pragma once

#include <memory>
#include <vector>

#include "agent/config.h"
#include "agent/sources/source.h"

namespace yunjian::agent {

// The sources that a configuration asks for, in the order of its tables.
std::vector<std::unique_ptr<Source>> make_sources(const AgentConfig& config);

}  // namespace yunjian::agent
