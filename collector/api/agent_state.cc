#include "collector/api/agent_state.h"

namespace yunjian::collector {

std::string_view to_string(AgentState state) {
  using enum AgentState;
  switch (state) {
    case never:
      return "never";
    case revoked:
      return "revoked";
    case retired:
      return "retired";
    case forked:
      return "forked";
    case silent:
      return "silent";
    case live:
      break;
  }
  return "live";
}

AgentState agent_state(const StreamState* newest, const RevokedAgents& ended, ledger::Time now) {
  using enum AgentState;
  if (newest == nullptr) return never;
  if (newest->retired) return retired;
  const auto found = ended.find(newest->agent);
  if (found != ended.end() && found->second.incarnation == newest->incarnation) return revoked;
  if (newest->forks > 0) return forked;
  if (newest->next_batch == 0) return never;
  return now - newest->last_received >= silent_after ? silent : live;
}

}  // namespace yunjian::collector
