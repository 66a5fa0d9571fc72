// libFuzzer's two functions; which target runs is said by YUNJIAN_FUZZ_TARGET.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/targets.h"

namespace {

using yunjian::fuzz::Target;

const Target* chosen = nullptr;

std::array<std::span<const Target>, 3> all_targets() {
  return {yunjian::fuzz::edge_targets(), yunjian::fuzz::agent_targets(),
          yunjian::fuzz::evidence_targets()};
}

const Target* find(std::string_view name) {
  for (const auto targets : all_targets()) {
    for (const Target& target : targets) {
      if (target.name == name) return &target;
    }
  }
  return nullptr;
}

void list() {
  for (const auto targets : all_targets()) {
    for (const Target& target : targets) {
      std::printf("%.*s\n", static_cast<int>(target.name.size()), target.name.data());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* name = std::getenv("YUNJIAN_FUZZ_TARGET");
  chosen = find(name == nullptr ? "" : name);
  if (chosen != nullptr) return 0;
  list();
  std::exit(name == nullptr ? 0 : 64);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
