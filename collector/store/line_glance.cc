#include "collector/store/line_glance.h"

#include <algorithm>

#include "ledger/record.h"

namespace yunjian::collector {
namespace {

using ledger::Time;

constexpr std::string_view time_prefix = R"({"time":")";
constexpr std::string_view kind_prefix = R"(","kind":")";
constexpr std::size_t time_chars = 27;  // 2026-11-22T08:16:05.123456Z

Lane lane_of(std::string_view kind) {
  if (kind == "usage") return Lane::usage;
  if (kind == "usage_hour") return Lane::hour;
  return Lane::event;
}

LineGlance parse_glance(std::string_view line) {
  LineGlance seen;
  const auto record = ledger::parse_record(line);
  if (!record) return seen;
  if (const auto text = (*record)->find("time")) {
    if (const auto time = ledger::parse_time(*text)) seen.time = *time;
  }
  if (const auto kind = (*record)->find("kind")) seen.lane = lane_of(*kind);
  return seen;
}

}  // namespace

std::string_view kind_of(std::string_view line) {
  constexpr std::size_t kind_at = time_prefix.size() + time_chars + kind_prefix.size();
  if (line.size() <= kind_at || !line.starts_with(time_prefix) ||
      line.substr(kind_at - kind_prefix.size(), kind_prefix.size()) != kind_prefix) {
    return {};
  }
  const std::size_t end = line.find('"', kind_at);
  return end == std::string_view::npos ? std::string_view() : line.substr(kind_at, end - kind_at);
}

LineGlance glance(std::string_view line) {
  const std::string_view kind = kind_of(line);
  if (kind.empty()) return parse_glance(line);
  const auto time = ledger::parse_time(line.substr(time_prefix.size(), time_chars));
  if (!time) return parse_glance(line);
  return {*time, lane_of(kind)};
}

ledger::BodySpan span_of(std::span<const std::string_view> lines) {
  ledger::BodySpan span;
  for (const std::string_view line : lines) {
    const LineGlance seen = glance(line);
    span.event |= seen.lane == Lane::event;
    span.usage |= seen.lane == Lane::usage;
    span.hour |= seen.lane == Lane::hour;
    if (!seen.time) {
      span.untimed = true;
      continue;
    }
    span.time_min = span.timed ? std::min(span.time_min, *seen.time) : *seen.time;
    span.time_max = span.timed ? std::max(span.time_max, *seen.time) : *seen.time;
    span.timed = true;
  }
  return span;
}

bool has_lane(const ledger::BodySpan& span, Lane lane) {
  switch (lane) {
    case Lane::event:
      return span.event;
    case Lane::usage:
      return span.usage;
    case Lane::hour:
      return span.hour;
  }
  return false;
}

}  // namespace yunjian::collector
