#include <array>
#include <string>

#include "agent/config.h"
#include "ledger/base/result.h"
#include "tests/fuzz/targets.h"

namespace yunjian::fuzz {
namespace {

void agent_toml(std::string_view bytes) {
  const auto config = agent::parse_config(std::string(bytes), "/etc/yunjian/agent.toml");
  if (!config) {
    ledger::require(!config.error().message.empty(), "what is refused is told");
    return;
  }
  ledger::require(!agent::describe_config(*config).empty(), "what is taken can be described");
}

constexpr std::array targets{Target{"agent_toml", agent_toml}};

}  // namespace

std::span<const Target> agent_targets() { return targets; }

}  // namespace yunjian::fuzz
