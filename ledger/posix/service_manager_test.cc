#include "ledger/posix/service_manager.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "ledger/testing/temporary_directory.h"

namespace yunjian::ledger {
namespace {

using std::chrono::milliseconds;

// The manager's end of the socket.
class Manager {
 public:
  Manager() : path_(directory_.path() + "/notify"), socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Manager() { ::close(socket_); }

  const std::string& path() const { return path_; }
  std::vector<std::string> heard() {
    std::vector<std::string> lines;
    char text[512];
    for (;;) {
      const auto length = ::recv(socket_, text, sizeof text, MSG_DONTWAIT);
      if (length < 0) return lines;
      lines.emplace_back(text, static_cast<std::size_t>(length));
    }
  }

 private:
  testing::TemporaryDirectory directory_;
  std::string path_;
  int socket_;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("the service manager hears when a program is ready, what it does and when it stops") {
  Manager manager;
  ServiceManager service(manager.path(), milliseconds(0));
  service.ready();
  service.status("all receipted");
  service.status("all receipted");
  service.status("two\nlines");
  service.stopping();
  CHECK(manager.heard() ==
        Lines{"READY=1", "STATUS=all receipted", "STATUS=two lines", "STOPPING=1"});
}

TEST_CASE("a program that goes on says so three times in what the manager waits") {
  Manager manager;
  ServiceManager service(manager.path(), milliseconds(9000));
  for (int ms = 0; ms <= 9000; ms += 100) service.alive(milliseconds(ms));
  CHECK(manager.heard().size() == 4);
  CHECK(service.rest_max(milliseconds(60000)) == milliseconds(3000));
  CHECK(service.rest_max(milliseconds(10)) == milliseconds(10));
}

TEST_CASE("a manager without a watchdog hears no heartbeat and lets the loop rest") {
  Manager manager;
  ServiceManager service(manager.path(), milliseconds(0));
  service.alive(milliseconds(0));
  CHECK(manager.heard().empty());
  CHECK(service.rest_max(milliseconds(60000)) == milliseconds(60000));
}

TEST_CASE("a manager that is gone does not stop the program") {
  ServiceManager gone("/nowhere/at/all", milliseconds(9000));
  gone.ready();
  gone.alive(milliseconds(0));
  ServiceManager none("", milliseconds(0));
  none.ready();
  ServiceManager long_name(std::string(200, 'x'), milliseconds(0));
  long_name.ready();
}

TEST_CASE("what the manager set is taken out of the environment") {
  Manager manager;
  ::setenv("NOTIFY_SOCKET", manager.path().c_str(), 1);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  ServiceManager service = ServiceManager::from_environment();
  CHECK(service.rest_max(milliseconds(60000)) == milliseconds(10000));
  service.ready();
  CHECK(manager.heard() == Lines{"READY=1"});
  CHECK(::getenv("NOTIFY_SOCKET") == nullptr);
  CHECK(::getenv("WATCHDOG_USEC") == nullptr);

  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  const ServiceManager other = ServiceManager::from_environment();
  CHECK(other.rest_max(milliseconds(60000)) == milliseconds(60000));
}

TEST_CASE("a command of root works as the owner of the directory, and what it writes is his") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root can work as somebody else");
    return;
  }
  testing::TemporaryDirectory directory;
  constexpr uid_t owner = 65534;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(::chown(directory.path().c_str(), owner, owner) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool became = become_owner(directory.path()).has_value();
    std::_Exit(became && ::geteuid() == owner && ::getegid() == owner && ::setuid(0) != 0 ? 0 : 1);
  }
  int ended = -1;
  REQUIRE(::waitpid(child, &ended, 0) == child);
  CHECK(ended == 0);
}

TEST_CASE("a directory of one's own, or none yet, changes nobody") {
  testing::TemporaryDirectory directory;
  const uid_t before = ::geteuid();
  CHECK(become_owner(directory.path()));
  CHECK(become_owner(directory.path() + "/later"));
  CHECK(::geteuid() == before);
}

}  // namespace yunjian::ledger
