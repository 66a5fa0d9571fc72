#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace yunjian::agent {

// What the head of a syslog message states. Absent what it does not state, or not in this form.
struct SyslogHead {
  std::optional<std::uint64_t> severity;  // 0 to 7
  std::optional<std::uint64_t> facility;  // 0 to 23
  std::string_view process;               // APP-NAME or TAG, printable ASCII; may be empty
  std::optional<std::uint64_t> pid;
};

// Reads RFC 5424 and RFC 3164, the latter also as programs of this host write it (no host name) and
// as devices do (no time). Never fails: what it cannot read it leaves out. The view points into
// `message`.
SyslogHead read_syslog_head(std::string_view message);

}  // namespace yunjian::agent
