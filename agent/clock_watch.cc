#include "agent/clock_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/own_record.h"

namespace yunjian::agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds off_beyond{5000};
constexpr milliseconds right_within{3000};
constexpr milliseconds rest = std::chrono::hours(1);
constexpr milliseconds step_beyond_max = std::chrono::hours(24);
// An adjusted clock runs at most half a thousandth fast or slow; twice that is no step.
constexpr int slew_divisor = 1000;

std::uint64_t magnitude(milliseconds span) {
  return static_cast<std::uint64_t>(std::chrono::abs(span).count());
}

}  // namespace

std::optional<std::string> ClockWatch::stepped(Moment now) {
  const milliseconds passed = now.boot - boot_;
  const ledger::Time expected = wall_ + passed;
  const auto moved = std::chrono::duration_cast<milliseconds>(now.wall - expected);
  const milliseconds slewed = std::clamp(moved, -passed / slew_divisor, passed / slew_divisor);
  wall_ = expected + slewed;
  boot_ = now.boot;
  if (now.boot - stepped_at_ >= std::max(rest, 2 * step_beyond_)) step_beyond_ = off_beyond;
  if (std::chrono::abs(moved) <= step_beyond_) return {};
  wall_ = now.wall;
  stepped_at_ = now.boot;
  step_beyond_ = std::min(step_beyond_ * 2, step_beyond_max);
  return own_record(now.wall, "clock",
                    {{"cause", "stepped"},
                     {"expected", ledger::format_time(expected)},
                     {"moved_ms", magnitude(moved)},
                     {"side", moved < milliseconds(0) ? "back" : "forward"}});
}

std::optional<std::string> ClockWatch::compared(ledger::Time now, milliseconds offset) {
  offset_ = offset;
  bool tell = false;
  if (!told_) {
    tell = std::chrono::abs(offset) > off_beyond;
    if (tell) told_ = offset;
  } else if (std::chrono::abs(offset) < right_within) {
    tell = true;
    told_.reset();
  } else {
    const bool turned = (*told_ < milliseconds(0)) != (offset < milliseconds(0));
    tell = turned || std::chrono::abs(offset) >= 2 * std::chrono::abs(*told_);
    if (tell) told_ = offset;
  }
  if (!tell) return {};
  return own_record(now, "clock",
                    {{"cause", "collector"},
                     {"collector_time", ledger::format_time(now - offset)},
                     {"offset_ms", magnitude(offset)},
                     {"side", offset < milliseconds(0) ? "behind" : "ahead"},
                     {"state", told_ ? "off" : "right"}});
}

std::string describe_offset(milliseconds offset) {
  if (std::chrono::abs(offset) < right_within) return "right";
  return fmt::format("{:.1f} s {} the collector: set it (NTP)",
                     static_cast<double>(std::chrono::abs(offset).count()) / 1000,
                     offset < milliseconds(0) ? "behind" : "ahead of");
}

}  // namespace yunjian::agent
