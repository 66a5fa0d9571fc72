#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "collector/admin_protocol.h"

namespace yunjian::collector {

// The local socket through which commands reach the collector while `serve` runs: mode 0600, one
// request and one answer a connection, one connection at a time.
// Life: start() binds and answers from its own thread until it is destroyed.
class AdminServer {
 public:
  using Run = std::function<ledger::Result<AdminAnswer>(const AdminRequest&)>;
  // Nothing may be at `path`. Reject: the path is too long for a socket.
  static ledger::Result<std::unique_ptr<AdminServer>> start(const std::string& path, Run run);
  ~AdminServer();  // waits for the command that runs
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

 private:
  AdminServer(int listener, Run run);
  void loop();
  void answer(int connection) const;

  const int listener_;
  const Run run_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// Sends `request` to whoever serves at `path`; nothing when nobody does.
ledger::Result<std::optional<AdminAnswer>> ask_admin(const std::string& path,
                                                     const AdminRequest& request);

}  // namespace yunjian::collector
