#pragma once

#include <compare>
#include <string>
#include <vector>

#include "ledger/usage_hour.h"

namespace yunjian::fleet {

// What a host does in one hour; percentages in tenths of a point, rates per second. Samples lie
// around the level, at most `spread` away.
struct Level {
  std::uint64_t cpu = 0, cpu_spread = 0;
  std::uint64_t memory = 0;
  std::uint64_t net_in = 0, net_out = 0;
  std::uint64_t disk_bytes = 0, disk_iops = 0;
  auto operator<=>(const Level&) const = default;
};

// usage_hour lines of one level and size, made once with a sample every 10 s, each as a host would
// seal it; an hour of the fleet is one of them with its times put in.
class HourPool {
 public:
  HourPool(const Level& level, unsigned vcpus, unsigned memory_gb);
  // The line of the hour that begins at `from`; `which` chooses among the pool's lines.
  void append(std::string& out, ledger::Time from, std::size_t which) const;
  // How many different CPU values its lines hold, on average.
  std::size_t mean_cpu_bins() const { return cpu_bins_ / lines_.size(); }

 private:
  std::vector<std::string> lines_;
  std::size_t cpu_bins_ = 0;  // of all lines together
};

}  // namespace yunjian::fleet
