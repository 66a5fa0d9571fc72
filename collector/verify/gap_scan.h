#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yunjian::collector {

// A gap record of an accepted batch: what the agent itself says is lost.
struct GapSeen {
  std::string stream;
  std::uint64_t batch = 0;
  std::string cause;    // e.g. "spool-full"
  std::string batches;  // "7" or "7-9" when bodies of the same stream are meant; else empty
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

// The first gaps_a_body_max of a body's records, looked for in canonical lines of kind agent only:
// an agent that writes them otherwise escapes nothing but its own alarm.
inline constexpr std::size_t gaps_a_body_max = 64;
std::vector<GapSeen> find_gaps(std::span<const std::string_view> lines);

}  // namespace yunjian::collector
