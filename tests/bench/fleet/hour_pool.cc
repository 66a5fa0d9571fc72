#include "tests/bench/fleet/hour_pool.h"

#include <algorithm>

namespace yunjian::fleet {

using ledger::HourFigure;
using ledger::Time;

namespace {

constexpr std::size_t lines_of_a_pool = 8;
constexpr int samples = 360;
constexpr std::string_view this_hour = "2000-01-01T00";
constexpr std::string_view next_hour = "2000-01-01T01";
constexpr std::size_t hour_length = this_hour.size();

// The same numbers on every machine.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed * 2654435769U + 1) {}
  std::uint64_t below(std::uint64_t bound) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return bound == 0 ? 0 : (state_ >> 33U) % bound;
  }
  // Around `level`, at most `spread` away, nearer ones more often.
  std::uint64_t around(std::uint64_t level, std::uint64_t spread) {
    const std::uint64_t up = below(spread + 1) + below(spread + 1);
    const std::uint64_t value = level + up;
    return value < spread ? 0 : value - spread;
  }

 private:
  std::uint64_t state_;
};

}  // namespace

HourPool::HourPool(const Level& level, unsigned vcpus, unsigned memory_gb) {
  const Time begin = ledger::parse_time("2000-01-01T00:00:00.000000Z").value();
  for (std::size_t i = 0; i < lines_of_a_pool; ++i) {
    Noise noise(level.cpu * 31 + level.memory * 7 + i);
    ledger::UsageHour hour;
    hour.from = begin;
    hour.to = begin + std::chrono::hours(1);
    hour.samples = samples;
    hour.vcpus = vcpus;
    hour.memory_bytes = static_cast<std::uint64_t>(memory_gb) << 30U;
    for (int sample = 0; sample < samples; ++sample) {
      const Time when = begin + std::chrono::seconds(10 * sample);
      const auto add = [&](HourFigure figure, std::uint64_t value, std::uint64_t spread) {
        hour.figure(figure).add(noise.around(value, spread), when);
      };
      add(HourFigure::cpu, level.cpu, level.cpu_spread);
      add(HourFigure::memory, level.memory, std::min<std::uint64_t>(8, level.memory / 8));
      add(HourFigure::net_in, level.net_in, level.net_in / 2);
      add(HourFigure::net_out, level.net_out, level.net_out / 2);
      add(HourFigure::disk_bytes, level.disk_bytes, level.disk_bytes / 2);
      add(HourFigure::disk_iops, level.disk_iops, level.disk_iops / 2);
    }
    cpu_bins_ += hour.figure(HourFigure::cpu).bins().size();
    std::string line;
    ledger::write_usage_hour(line, hour);
    lines_.push_back(std::move(line));
  }
}

void HourPool::append(std::string& out, Time from, std::size_t which) const {
  const std::string now = ledger::format_time(from).substr(0, hour_length);
  const std::string next = ledger::format_time(from + std::chrono::hours(1)).substr(0, hour_length);
  const std::size_t start = out.size();
  out += lines_[which % lines_.size()];
  for (const auto& [wanted, given] : {std::pair(this_hour, now), std::pair(next_hour, next)}) {
    for (auto at = out.find(wanted, start); at != std::string::npos;
         at = out.find(wanted, at + hour_length)) {
      out.replace(at, hour_length, given);
    }
  }
}

}  // namespace yunjian::fleet
