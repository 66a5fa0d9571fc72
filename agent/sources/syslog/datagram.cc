#include "agent/sources/syslog/datagram.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

constexpr uid_t overflow_uid = 65534;

std::string address_text(const sockaddr_storage& name) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = &reinterpret_cast<const sockaddr_in*>(&name)->sin_addr;
  if (name.ss_family == AF_INET6)
    address = &reinterpret_cast<const sockaddr_in6*>(&name)->sin6_addr;
  const char* written = inet_ntop(name.ss_family, address, text.data(), text.size());
  return written == nullptr ? "unknown" : written;
}

SyslogOrigin unix_origin(const SyslogAddress& address, const ucred* credentials) {
  SyslogOrigin origin;
  origin.log =
      ledger::is_valid_utf8(address.host) ? address.host : ledger::escape_bytes(address.host);
  origin.sender = "unix";
  if (credentials == nullptr) return origin;
  // A user that has no number in this name space says nothing.
  if (credentials->uid != overflow_uid) origin.uid = credentials->uid;
  origin.sender = fmt::format("uid {}", credentials->uid);
  // 0: a process of another name space.
  if (credentials->pid > 0) origin.pid = static_cast<std::uint64_t>(credentials->pid);
  return origin;
}

SyslogOrigin inet_origin(const sockaddr_storage& name) {
  SyslogOrigin origin;
  origin.log = origin.sender = address_text(name);
  return origin;
}

template <typename Value>
const Value* find_control(msghdr& header, int type) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == type)
      return reinterpret_cast<const Value*>(CMSG_DATA(control));
  }
  return nullptr;
}

// A sender may pass open files along; nobody wants them.
void close_passed(msghdr& header) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int passed = -1;
      std::memcpy(&passed, CMSG_DATA(control) + i * sizeof(int), sizeof passed);
      close(passed);
    }
  }
}

}  // namespace

std::optional<Datagram> receive_datagram(int descriptor, const SyslogAddress& address,
                                         std::span<char> buffer) {
  sockaddr_storage name{};
  iovec room{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr header{};
  header.msg_name = &name;
  header.msg_namelen = sizeof name;
  header.msg_iov = &room;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got = 0;
  do {
    got = recvmsg(descriptor, &header, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return {};
  close_passed(header);
  Datagram datagram;
  const auto size = static_cast<std::size_t>(got);
  datagram.bytes = {buffer.data(), std::min(size, buffer.size())};
  datagram.cut_off = size - datagram.bytes.size();
  if (const auto* drops = find_control<std::uint32_t>(header, SO_RXQ_OVFL)) datagram.drops = *drops;
  datagram.origin = address.is_unix()
                        ? unix_origin(address, find_control<ucred>(header, SCM_CREDENTIALS))
                        : inet_origin(name);
  return datagram;
}

std::optional<std::uint32_t> dropped_datagrams(int descriptor) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> values{};
  socklen_t length = sizeof values;
  if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, values.data(), &length) != 0) return {};
  if (length <= SK_MEMINFO_DROPS * sizeof values[0]) return {};
  return values[SK_MEMINFO_DROPS];
}

SyslogOrigin origin_of_connection(int descriptor, const SyslogAddress& address) {
  if (address.is_unix()) {
    ucred credentials{};
    socklen_t length = sizeof credentials;
    const bool known = getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0;
    return unix_origin(address, known ? &credentials : nullptr);
  }
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  getpeername(descriptor, reinterpret_cast<sockaddr*>(&name), &length);
  return inet_origin(name);
}

}  // namespace yunjian::agent
