#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "ledger/archive/wal_entry.h"
#include "ledger/base/clock.h"

namespace yunjian::collector {

// event holds event, agent and collector records and every line that is no record.
enum class Lane { event, usage, hour };

// What a store must know of a line before anybody reads it in full.
struct LineGlance {
  std::optional<ledger::Time> time;  // its `time`; absent when it has none that can be read
  Lane lane = Lane::event;
};

// Canonical lines begin with time and kind and are read without parsing; others are parsed, and
// what cannot be parsed is an event without time.
LineGlance glance(std::string_view line);
// The kind of a line that begins as a canonical record does; empty otherwise. Parses nothing.
std::string_view kind_of(std::string_view line);

ledger::BodySpan span_of(std::span<const std::string_view> lines);
bool has_lane(const ledger::BodySpan& span, Lane lane);

}  // namespace yunjian::collector
