#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/sources/audit/event_assembler.h"

namespace yunjian::agent {

inline constexpr std::size_t field_bytes_max = 1024;
inline constexpr std::size_t command_bytes_max = 4096;
inline constexpr std::size_t fields_encoded_max = 16 * 1024;

struct AuditValue {
  std::string text;  // valid UTF-8, bounded; empty for numbers
  std::optional<std::uint64_t> number;
};

// What an event says, by the key of the record: audit.auid, audit.command, … README.md lists them.
// The first record of the event that states a field decides.
using AuditFieldMap = std::map<std::string, AuditValue, std::less<>>;
AuditFieldMap decode_event(const AuditEvent& event);

// The kernel's count of records it had no room for, when a record of the event tells it.
std::optional<std::uint64_t> lost_count(const AuditEvent& event);

}  // namespace yunjian::agent
