#include "agent/sources/syslog/listen_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "ledger/base/file_system.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

// Room for a burst while the loop is busy; the kernel gives less to an agent that is not root.
constexpr int receive_buffer_bytes = 4 * 1024 * 1024;
constexpr int backlog = 64;
constexpr mode_t socket_mode = 0666;  // as /dev/log

// A socket address of either family, and its length.
struct Name {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

bool fill_inet(const std::string& host, std::uint16_t port, Name& name) {
  if (host.find(':') == std::string::npos) {
    auto* address = reinterpret_cast<sockaddr_in*>(&name.storage);
    address->sin_family = AF_INET;
    address->sin_port = htons(port);
    name.length = sizeof *address;
    return inet_pton(AF_INET, host.c_str(), &address->sin_addr) == 1;
  }
  auto* address = reinterpret_cast<sockaddr_in6*>(&name.storage);
  address->sin6_family = AF_INET6;
  address->sin6_port = htons(port);
  name.length = sizeof *address;
  return inet_pton(AF_INET6, host.c_str(), &address->sin6_addr) == 1;
}

bool fill_unix(const std::string& path, Name& name) {
  auto* address = reinterpret_cast<sockaddr_un*>(&name.storage);
  address->sun_family = AF_UNIX;
  name.length = sizeof *address;
  if (!path.starts_with('/') || path.size() >= sizeof address->sun_path) return false;
  std::memcpy(address->sun_path, path.data(), path.size());
  return true;
}

bool fill(const SyslogAddress& address, Name& name) {
  return address.is_unix() ? fill_unix(address.host, name)
                           : fill_inet(address.host, address.port, name);
}

void set(int descriptor, int level, int option, int value) {
  setsockopt(descriptor, level, option, &value, sizeof value);
}

void set_options(int descriptor, const SyslogAddress& address, int family) {
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes,
                 sizeof receive_buffer_bytes) != 0)
    set(descriptor, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  if (family == AF_INET6) set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (address.transport == SyslogTransport::tcp) set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.transport == SyslogTransport::udp) set(descriptor, SOL_SOCKET, SO_RXQ_OVFL, 1);
  if (address.is_unix()) set(descriptor, SOL_SOCKET, SO_PASSCRED, 1);
}

// Left by a process that ended: nobody answers there.
bool is_stale(const Name& name, int type) {
  const int probe = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool refused = connect(probe, name.get(), name.length) != 0 && errno == ECONNREFUSED;
  close(probe);
  return refused;
}

bool bind_there(int descriptor, const SyslogAddress& address, const Name& name, int type) {
  if (bind(descriptor, name.get(), name.length) == 0) return true;
  if (errno != EADDRINUSE || !address.is_unix()) return false;
  struct stat status {};
  const bool is_socket = lstat(address.host.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  if (!is_socket || !is_stale(name, type)) {
    errno = EADDRINUSE;
    return false;
  }
  unlink(address.host.c_str());
  return bind(descriptor, name.get(), name.length) == 0;
}

std::string reason(int error, const SyslogAddress& address) {
  std::string text = std::strerror(error);
  if (error == EADDRINUSE) text = "another program listens there (this agent, when it runs)";
  if (error == EACCES && !address.is_unix())
    text +=
        "; ports below 1024 need CAP_NET_BIND_SERVICE: take a higher one, or add it to the unit "
        "(systemctl edit yunjian-agent: AmbientCapabilities=CAP_NET_BIND_SERVICE)";
  if (error == EADDRNOTAVAIL) text += "; no interface of this host has that address";
  return text;
}

// The directory decides who may make a socket there, and who may replace one that nobody uses.
std::string unix_listen_problem(const SyslogAddress& address, const Name& name, int type) {
  struct stat status {};
  if (lstat(address.host.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return "something that is no socket has this name";
    if (!is_stale(name, type)) return reason(EADDRINUSE, address);
  }
  const std::string directory = ledger::parent_directory(address.host);
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  return fmt::format("{}: {}", directory, std::strerror(errno));
}

}  // namespace

std::string syslog_listen_problem(const SyslogAddress& address) {
  Name name;
  ledger::require(fill(address, name), "a syslog address was parsed");
  const int type = address.is_stream() ? SOCK_STREAM : SOCK_DGRAM;
  if (address.is_unix()) return unix_listen_problem(address, name, type);
  const int descriptor = socket(name.storage.ss_family, type | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return reason(errno, address);
  set_options(descriptor, address, name.storage.ss_family);
  const bool open = bind(descriptor, name.get(), name.length) == 0 &&
                    (!address.is_stream() || listen(descriptor, backlog) == 0);
  const int problem = errno;
  close(descriptor);
  return open ? std::string() : reason(problem, address);
}

Result<SyslogAddress> parse_syslog_address(std::string_view text) {
  SyslogAddress address;
  address.text = text;
  const auto take = [&](std::string_view scheme, SyslogTransport transport) {
    if (!text.starts_with(scheme)) return false;
    address.transport = transport;
    text.remove_prefix(scheme.size());
    return true;
  };
  const bool known = take("udp://", SyslogTransport::udp) || take("tcp://", SyslogTransport::tcp) ||
                     take("unix:", SyslogTransport::unix_datagram) ||
                     take("unix-stream:", SyslogTransport::unix_stream);
  address.host = text;
  bool good = known;
  if (known && !address.is_unix()) {
    const std::size_t colon = text.rfind(':');
    good = colon != std::string_view::npos;
    const std::string_view port = good ? text.substr(colon + 1) : std::string_view();
    address.host = text.substr(0, colon);
    const auto read = std::from_chars(port.data(), port.data() + port.size(), address.port);
    good = good && !port.empty() && read.ec == std::errc() && read.ptr == port.data() + port.size();
    const bool bracketed = address.host.starts_with('[') && address.host.ends_with(']');
    if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
    good = good && bracketed == (address.host.find(':') != std::string::npos);
  }
  Name name;
  if (good && fill(address, name)) return address;
  return fail(ErrorKind::reject,
              fmt::format("{} must look like \"udp://127.0.0.1:514\", \"tcp://[::1]:601\", "
                          "\"unix:/run/x/log\" or \"unix-stream:/run/x/log\" (path of at most {} "
                          "bytes)",
                          address.text, sizeof(sockaddr_un::sun_path) - 1));
}

Result<int> open_syslog_socket(const SyslogAddress& address) {
  Name name;
  ledger::require(fill(address, name), "a syslog address was parsed");
  const int type = address.is_stream() ? SOCK_STREAM : SOCK_DGRAM;
  const int descriptor = socket(name.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor >= 0) set_options(descriptor, address, name.storage.ss_family);
  const bool open = descriptor >= 0 && bind_there(descriptor, address, name, type) &&
                    (!address.is_unix() || chmod(address.host.c_str(), socket_mode) == 0) &&
                    (!address.is_stream() || listen(descriptor, backlog) == 0);
  if (open) return descriptor;
  const int problem = errno;
  if (descriptor >= 0) close(descriptor);
  return fail(ErrorKind::retry,
              fmt::format("cannot listen at {}: {}", address.text, std::strerror(problem)));
}

}  // namespace yunjian::agent
