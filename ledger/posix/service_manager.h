#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::ledger {

// What the service manager is told (the protocol of sd_notify(3)). Does nothing in a program that
// was not started by one. One thread: the one whose progress the watchdog stands for.
class ServiceManager {
 public:
  // From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which it takes out of the environment, so
  // that no child speaks in our name.
  static ServiceManager from_environment();
  // `watchdog` is how long the manager waits before it takes us for hung; 0: for ever.
  ServiceManager(std::string socket, std::chrono::milliseconds watchdog)
      : socket_(std::move(socket)), watchdog_(watchdog) {}

  void ready();
  void stopping();
  // A line for `systemctl status`; sent when it differs from the last.
  void status(std::string_view line);
  // To be called from the loop, `now` being boot time: says that we go on, three times in what the
  // manager waits and not more often.
  void alive(std::chrono::milliseconds now);
  // How long the loop may rest before it has to call alive() again.
  std::chrono::milliseconds rest_max(std::chrono::milliseconds wanted) const;

 private:
  void send(std::string_view text) const;

  std::string socket_;  // empty: nobody listens
  std::chrono::milliseconds watchdog_{0};
  std::chrono::milliseconds told_{-1};  // when alive() sent last
  std::string status_;
};

// A command given by root works as the user who owns `directory` from here on: a file that root
// makes among the service's own would be closed to it. Without effect for anybody else, when root
// owns the directory, and when it is not there yet.
Result<void> become_owner(const std::string& directory);

}  // namespace yunjian::ledger
