#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::agent {

enum class SyslogTransport { udp, tcp, unix_datagram, unix_stream };

// One place where syslog is listened for.
struct SyslogAddress {
  SyslogTransport transport = SyslogTransport::udp;
  std::string host;  // IPv4 or IPv6 address; of a unix socket its path
  std::uint16_t port = 0;
  std::string text;  // as it was written

  bool is_stream() const {
    return transport == SyslogTransport::tcp || transport == SyslogTransport::unix_stream;
  }
  bool is_unix() const {
    return transport == SyslogTransport::unix_datagram || transport == SyslogTransport::unix_stream;
  }
};

// `udp://ADDRESS:PORT`, `tcp://ADDRESS:PORT` (IPv6 in brackets; port 0 takes any),
// `unix:/PATH` (datagrams, as /dev/log) or `unix-stream:/PATH`. Reject: anything else.
ledger::Result<SyslogAddress> parse_syslog_address(std::string_view text);

// A socket that does not block, bound to it and, for a stream, listening. A socket file that nobody
// listens at is replaced; every program of the host may write to it. Retry: it cannot be had now.
ledger::Result<int> open_syslog_socket(const SyslogAddress& address);

// Why open_syslog_socket would fail now, in one sentence; empty: it would not. Leaves nothing
// behind and disturbs nobody who listens there.
std::string syslog_listen_problem(const SyslogAddress& address);

}  // namespace yunjian::agent
