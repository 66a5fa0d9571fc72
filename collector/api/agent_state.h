#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "collector/catalog/catalog.h"
#include "collector/store/entry.h"

namespace yunjian::collector {

// How an agent stands, the first of these that holds: retired (the log says that it has ended),
// revoked (its certificate was taken away), forked (two machines signed different batches with its
// keys), never (no batch of it was accepted), silent (none for 180 s), live.
enum class AgentState { retired, revoked, forked, never, silent, live };
std::string_view to_string(AgentState state);

inline constexpr std::chrono::seconds silent_after{180};

// By agent, as Catalog::revoked_agents gives them.
using RevokedAgents = std::map<std::string, AgentRevocation>;

// `newest`: of its streams; null: there is none.
AgentState agent_state(const StreamState* newest, const RevokedAgents& revoked, ledger::Time now);

}  // namespace yunjian::collector
