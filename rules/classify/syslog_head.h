#pragma once

#include <string_view>

namespace yunjian::rules {

// What stands before the text of a line that a syslog daemon wrote to a file.
struct SyslogLine {
  std::string_view program;  // empty: the line has no such head
  std::string_view text;     // the whole line then
};

// "Nov 22 08:16:05 web-01 sshd[812]: text", the same with an RFC 3339 time, with or
// without "<38>" in front.
SyslogLine split_syslog(std::string_view line);

}  // namespace yunjian::rules
