#include "collector/ingest/clock_watch.h"

#include <algorithm>
#include <charconv>

#include "ledger/record.h"

namespace yunjian::collector {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds off_beyond{5000};
constexpr milliseconds right_within{3000};
// Further than any clock can be off; keeps what is computed from it in range.
constexpr milliseconds offset_max = std::chrono::hours(24 * 365 * 200);

bool tells_more(milliseconds alarmed, milliseconds offset) {
  const bool turned = (alarmed < milliseconds(0)) != (offset < milliseconds(0));
  return turned || std::chrono::abs(offset) >= 2 * std::chrono::abs(alarmed);
}

}  // namespace

std::optional<milliseconds> parse_clock_offset(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  if (value > offset_max.count() || value < -offset_max.count()) return {};
  return milliseconds(value);
}

std::string clock_alarm_record(ledger::Time now, const ClockAlarm& alarm, const ClockAlarmOf& of) {
  std::string line;
  ledger::RecordWriter writer(line, now, "collector");
  writer.text("what", "alarm").text("agent", of.agent).text("alarm", "clock").text("host", of.host);
  writer.integer("offset_ms", static_cast<std::uint64_t>(std::chrono::abs(alarm.offset).count()));
  writer.text("side", alarm.offset < milliseconds(0) ? "behind" : "ahead");
  writer.text("state", alarm.off ? "raised" : "cleared");
  writer.finish();
  return line;
}

std::optional<ClockAlarm> ClockWatch::observe(std::string_view agent, milliseconds offset) {
  const std::scoped_lock lock(mutex_);
  const auto it = off_.find(agent);
  if (it == off_.end()) {
    if (std::chrono::abs(offset) <= off_beyond) return {};
    off_.emplace(agent, Off{offset, offset});
    return ClockAlarm{.off = true, .offset = offset};
  }
  if (std::chrono::abs(offset) < right_within) {
    off_.erase(it);
    return ClockAlarm{.off = false, .offset = offset};
  }
  it->second.now = offset;
  if (!tells_more(it->second.alarmed, offset)) return {};
  it->second.alarmed = offset;
  return ClockAlarm{.off = true, .offset = offset};
}

std::size_t ClockWatch::off() const {
  const std::scoped_lock lock(mutex_);
  return off_.size();
}

milliseconds ClockWatch::largest() const {
  const std::scoped_lock lock(mutex_);
  milliseconds largest{};
  for (const auto& [agent, off] : off_) largest = std::max(largest, std::chrono::abs(off.now));
  return largest;
}

}  // namespace yunjian::collector
