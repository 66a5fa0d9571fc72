#include "tests/network/bad_proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "ledger/base/result.h"

namespace yunjian::testing {
namespace {

constexpr int tick_ms = 5;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool readable(int descriptor, int limit_ms) {
  pollfd polled{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, limit_ms) > 0;
}

bool send_all(int to, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(to, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

BadProxy::BadProxy(std::uint16_t target, bool http_connect)
    : target_(target), http_connect_(http_connect) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  ledger::require(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                      ::listen(listener_, 16) == 0 &&
                      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
                  "a proxy listens on the loopback");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

BadProxy::~BadProxy() {
  stop_ = true;
  thread_.join();
  ::close(listener_);
}

void BadProxy::next(const Trouble& trouble) {
  const std::scoped_lock lock(mutex_);
  trouble_ = trouble;
  ++generation_;
}

void BadProxy::run() {
  while (!stop_) {
    if (!readable(listener_, tick_ms)) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    serve(client);
    ::close(client);
  }
}

void BadProxy::serve(int client) {
  Trouble trouble;
  {
    const std::scoped_lock lock(mutex_);
    trouble = trouble_;
    trouble_ = {};
    serving_ = generation_;
  }
  ++connections_;
  up_bytes_ = 0;
  down_bytes_ = 0;
  if (http_connect_ && !answer_connect(client)) return;
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in address = loopback(target_);
  bool open = ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  while (open && !stale()) {
    std::array<pollfd, 3> polled{pollfd{.fd = client, .events = POLLIN, .revents = 0},
                                 pollfd{.fd = server, .events = POLLIN, .revents = 0},
                                 pollfd{.fd = listener_, .events = POLLIN, .revents = 0}};
    if (::poll(polled.data(), polled.size(), tick_ms) <= 0) continue;
    if (polled[2].revents != 0) break;
    if (polled[0].revents != 0) open = pass(client, server, true, trouble);
    if (open && polled[1].revents != 0) open = pass(server, client, false, trouble);
  }
  ::close(server);
}

// False when the connection is over.
bool BadProxy::pass(int from, int to, bool up, Trouble& trouble) {
  std::array<char, 4096> bytes{};
  std::int64_t& left = up ? trouble.up_bytes : trouble.down_bytes;
  std::size_t room = bytes.size();
  if (up && trouble.bytes_per_s > 0) {
    room = std::max<std::size_t>(static_cast<std::size_t>(trouble.bytes_per_s) / 20, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const ssize_t got = ::recv(from, bytes.data(), room, 0);
  if (got <= 0) return false;
  auto size = static_cast<std::size_t>(got);
  const bool cut = left >= 0 && static_cast<std::int64_t>(size) >= left;
  if (cut) size = static_cast<std::size_t>(left);
  if (left > 0) left -= static_cast<std::int64_t>(size);
  (up ? up_bytes_ : down_bytes_) += size;
  if (!send_all(to, bytes.data(), size)) return false;
  if (!cut) return true;
  ++cuts_;
  while (trouble.swallow && !stale() && !readable(listener_, tick_ms)) {
  }
  return false;
}

// Reads the head of CONNECT and says yes.
bool BadProxy::answer_connect(int client) const {
  std::string head;
  char byte = 0;
  while (!head.ends_with("\r\n\r\n")) {
    if (head.size() > 4096 || ::recv(client, &byte, 1, 0) != 1) return false;
    head.push_back(byte);
  }
  constexpr std::string_view yes = "HTTP/1.1 200 Connection established\r\n\r\n";
  return head.starts_with("CONNECT ") && send_all(client, yes.data(), yes.size());
}

}  // namespace yunjian::testing
