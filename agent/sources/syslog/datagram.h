#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "agent/sources/syslog/listen_address.h"
#include "agent/sources/syslog/message_record.h"

namespace yunjian::agent {

// One datagram with what the kernel says about it.
struct Datagram {
  std::string_view bytes;     // in the buffer it was received into
  std::uint64_t cut_off = 0;  // bytes that did not fit
  SyslogOrigin origin;
  std::optional<std::uint32_t> drops;  // so many did the socket drop before this one
};

// Nothing when none waits.
std::optional<Datagram> receive_datagram(int descriptor, const SyslogAddress& address,
                                         std::span<char> buffer);
// The kernel's count of dropped datagrams now, where it can be asked (Linux 4.12).
std::optional<std::uint32_t> dropped_datagrams(int descriptor);

// Where a connection just accepted comes from.
SyslogOrigin origin_of_connection(int descriptor, const SyslogAddress& address);

}  // namespace yunjian::agent
