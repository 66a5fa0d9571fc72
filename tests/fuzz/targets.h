#pragma once

#include <span>
#include <string_view>

namespace yunjian::fuzz {

// One thing that reads bytes of strangers. `run` ends the process (CHECK, or the sanitizers) when a
// promise is broken.
struct Target {
  std::string_view name;
  void (*run)(std::string_view bytes);
};

std::span<const Target> agent_targets();     // what an agent is configured with
std::span<const Target> edge_targets();      // what clients and operators send
std::span<const Target> evidence_targets();  // what agents send and files hold

}  // namespace yunjian::fuzz
