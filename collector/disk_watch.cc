#include "collector/disk_watch.h"

#include <array>

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::array marks{80U, 90U, 95U};
constexpr unsigned full_percent = 95;
constexpr unsigned slack_percent = 2;
constexpr auto sample_step = 1h;
constexpr auto samples_span = 24h;

}  // namespace

std::optional<DiskWatch::Alarm> DiskWatch::look(ledger::Time now, std::uint64_t used,
                                                std::uint64_t total) {
  if (total == 0) return std::nullopt;
  if (samples_.empty() || now - samples_.back().time >= sample_step)
    samples_.push_back({now, used});
  while (samples_.size() > 1 && now - samples_.front().time > samples_span) samples_.pop_front();
  const auto percent = static_cast<unsigned>(used / (total / 100 + 1));
  if (percent >= full_percent) full_ = true;
  if (percent + slack_percent < full_percent) full_ = false;
  while (raised_ > 0 && percent + slack_percent < raised_) {
    unsigned lower = 0;
    for (const unsigned mark : marks) lower = mark < raised_ ? mark : lower;
    raised_ = lower;
  }
  std::optional<Alarm> alarm;
  for (const unsigned mark : marks) {
    if (percent >= mark && mark > raised_) alarm = Alarm{mark, days_to_full(used, total)};
  }
  if (alarm) raised_ = alarm->percent;
  return alarm;
}

std::optional<std::uint64_t> DiskWatch::days_to_full(std::uint64_t used,
                                                     std::uint64_t total) const {
  const Sample& first = samples_.front();
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(samples_.back().time - first.time).count();
  if (seconds <= 0 || used <= first.used) return std::nullopt;
  const double pace = static_cast<double>(used - first.used) / static_cast<double>(seconds);
  return static_cast<std::uint64_t>(static_cast<double>(total - used) / pace / 86400);
}

}  // namespace yunjian::collector
