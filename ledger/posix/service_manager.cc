#include "ledger/posix/service_manager.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace yunjian::ledger {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

std::string take_environment(const char* name) {
  const char* value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);
  return taken;
}

// 0 for what is no number.
long long number_of(const std::string& text) {
  long long number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Failure fail_to_become(const std::string& directory, std::string_view what, int error) {
  return fail(ErrorKind::fatal, fmt::format("cannot work as the owner of {}: {}: {}", directory,
                                            what, std::strerror(error)));
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  std::string socket = take_environment("NOTIFY_SOCKET");
  const std::string interval = take_environment("WATCHDOG_USEC");
  const std::string process = take_environment("WATCHDOG_PID");
  const bool ours = process.empty() || number_of(process) == ::getpid();
  const microseconds watchdog(ours ? std::max(number_of(interval), 0LL) : 0);
  return {std::move(socket), std::chrono::duration_cast<milliseconds>(watchdog)};
}

void ServiceManager::ready() { send("READY=1"); }

void ServiceManager::stopping() { send("STOPPING=1"); }

void ServiceManager::status(std::string_view line) {
  if (line == status_) return;
  status_ = line;
  // One assignment a line: more of them would be read as others.
  std::replace(status_.begin(), status_.end(), '\n', ' ');
  send("STATUS=" + status_);
}

void ServiceManager::alive(milliseconds now) {
  if (watchdog_ <= milliseconds(0)) return;
  if (told_ >= milliseconds(0) && now >= told_ && now - told_ < watchdog_ / 3) return;
  told_ = now;
  send("WATCHDOG=1");
}

milliseconds ServiceManager::rest_max(milliseconds wanted) const {
  return watchdog_ <= milliseconds(0) ? wanted : std::min(wanted, watchdog_ / 3);
}

void ServiceManager::send(std::string_view text) const {
  sockaddr_un address{};
  if (socket_.size() < 2 || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // A manager that does not read must not stop us: it will notice that we are silent.
  [[maybe_unused]] const auto sent =
      ::sendto(descriptor, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), length);
  ::close(descriptor);
}

Result<void> become_owner(const std::string& directory) {
  struct stat about {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &about) != 0 || about.st_uid == 0) return {};
  const passwd* user = ::getpwuid(about.st_uid);
  if (user != nullptr) {
    if (::initgroups(user->pw_name, about.st_gid) != 0)
      return fail_to_become(directory, "initgroups", errno);
  } else if (::setgroups(0, nullptr) != 0) {
    return fail_to_become(directory, "setgroups", errno);
  }
  if (::setgid(about.st_gid) != 0) return fail_to_become(directory, "setgid", errno);
  if (::setuid(about.st_uid) != 0) return fail_to_become(directory, "setuid", errno);
  return {};
}

}  // namespace yunjian::ledger
