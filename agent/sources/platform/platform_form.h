#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"

namespace yunjian::agent {

// Where a platform's log says what; data, one row for each form that is known (platform_form.cc) or
// from [[platform]] for any other. Paths are the names of nested keys joined by dots; the first
// that is there counts. Array elements are not looked at.
struct PlatformForm {
  std::string name;
  bool text = false;  // lines begin with time and level instead of being JSON (libvirt)
  std::vector<std::string> time;
  std::vector<std::string> severity;
  std::vector<std::string> program;
  std::string envelope = {};  // a key whose string holds the message, JSON once more
};

// Nothing when no form has the name; "json" has no paths of its own.
std::optional<PlatformForm> find_platform_form(std::string_view name);
std::string platform_form_names();  // for people: "kubernetes, …"

// What a line states, as far as its form can be read.
struct PlatformFacts {
  std::optional<ledger::Time> time;
  std::optional<std::uint64_t> severity;  // a syslog number
  std::string program;                    // UTF-8, at most 128 bytes; may be empty
};

// Never fails: what cannot be read is left out.
PlatformFacts read_platform_line(const PlatformForm& form, std::string_view line);

// RFC 3339 and its relatives: blank for T, comma for the point, zones as Z, +08:00, +0800 or none
// (UTC, as OpenStack means it); or seconds, milliseconds, microseconds since 1970. Nothing before
// the year 2000.
std::optional<ledger::Time> read_platform_time(std::string_view text);

}  // namespace yunjian::agent
