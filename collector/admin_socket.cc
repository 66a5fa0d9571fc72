#include "collector/admin_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "collector/tokens.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr int stop_check_ms = 100;
constexpr timeval request_timeout{.tv_sec = 10, .tv_usec = 0};

ledger::Failure socket_failure(const std::string& path, std::string_view doing) {
  return ledger::fail(ErrorKind::fatal,
                      fmt::format("{}: {}: {}", path, doing, std::strerror(errno)));
}

// Closes at the end of its scope.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("{} is too long for a local socket (at most {} bytes); use a "
                                    "data directory with a shorter path",
                                    path, sizeof(address.sun_path) - 1));
  }
  path.copy(address.sun_path, path.size());
  return address;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Up to the line end; nothing when the other side goes, is too slow or sends too much.
std::optional<std::string> receive_line(int fd, std::size_t bytes_max) {
  std::string line;
  std::array<char, 65536> piece{};
  while (line.size() <= bytes_max) {
    const auto got = ::recv(fd, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    line.append(piece.data(), static_cast<std::size_t>(got));
    if (line.back() == '\n') {
      line.pop_back();
      return line;
    }
  }
  return std::nullopt;
}

std::string peer_name(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unknown";
  return operator_name(peer.uid);
}

}  // namespace

Result<std::unique_ptr<AdminServer>> AdminServer::start(const std::string& path, Run run) {
  auto address = address_of(path);
  if (!address) return ledger::failure(address);
  Socket listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (listener.fd() < 0) return socket_failure(path, "socket");
  // Nobody can connect before listen(), so the mode is right from the first moment.
  if (::bind(listener.fd(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return socket_failure(path, "bind");
  }
  if (::chmod(path.c_str(), 0600) != 0) return socket_failure(path, "chmod");
  if (::listen(listener.fd(), 16) != 0) return socket_failure(path, "listen");
  return std::unique_ptr<AdminServer>(new AdminServer(listener.release(), std::move(run)));
}

AdminServer::AdminServer(int listener, Run run)
    : listener_(listener), run_(std::move(run)), thread_([this] { loop(); }) {}

AdminServer::~AdminServer() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void AdminServer::loop() {
  while (!stopping_) {
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, stop_check_ms) <= 0) continue;
    const Socket connection(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.fd() >= 0) answer(connection.fd());
  }
}

void AdminServer::answer(int connection) const {
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &request_timeout, sizeof(request_timeout));
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &request_timeout, sizeof(request_timeout));
  const auto line = receive_line(connection, admin_request_bytes_max);
  if (!line) return;
  auto request = parse_request(*line);
  if (!request) {
    send_all(connection, format_answer(ledger::failure(request)) + "\n");
    return;
  }
  request->who = peer_name(connection);
  send_all(connection, format_answer(run_(*request)) + "\n");
}

Result<std::optional<AdminAnswer>> ask_admin(const std::string& path, const AdminRequest& request) {
  auto address = address_of(path);
  if (!address) return ledger::failure(address);
  const Socket connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.fd() < 0) return socket_failure(path, "socket");
  if (::connect(connection.fd(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) !=
      0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<AdminAnswer>();
    return socket_failure(path, "connect");
  }
  if (!send_all(connection.fd(), format_request(request) + "\n")) {
    return socket_failure(path, "send");
  }
  const auto line = receive_line(connection.fd(), admin_answer_bytes_max);
  if (!line) {
    return ledger::fail(ErrorKind::retry,
                        path + ": the collector went away before it answered; ask again");
  }
  auto answer = parse_answer(*line);
  if (!answer) return ledger::failure(answer);
  return std::optional<AdminAnswer>(std::move(*answer));
}

}  // namespace yunjian::collector
