#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace yunjian::collector {

class Connection {
 public:
  virtual ~Connection() = default;
  virtual void stop_when_idle() = 0;
  virtual void cut() = 0;
};

// Who is connected to one listener: holds the limits and lets a stop reach everybody. Any thread.
class ConnectionTable {
 public:
  struct Limits {
    std::size_t total;
    std::size_t per_peer;
  };

  // One connection's place, given back when it goes. The table must outlive it.
  class Place {
   public:
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    ~Place();
    const std::string& peer() const { return peer_; }
    std::uint64_t id() const { return id_; }

   private:
    friend class ConnectionTable;
    Place(ConnectionTable& table, std::string peer, std::uint64_t id);

    ConnectionTable* table_;
    std::string peer_;
    std::uint64_t id_;
  };

  std::optional<Place> enter(std::string peer, Limits limits);  // none beyond a limit
  void add(const Place& place, std::weak_ptr<Connection> connection);

  std::size_t size() const;
  std::vector<std::shared_ptr<Connection>> all() const;
  bool wait_until_empty(std::chrono::milliseconds limit) const;
  void wait_until_empty() const;

 private:
  void leave(const Place& place);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::size_t count_ = 0;  // guarded by mutex_, like the rest
  std::uint64_t next_id_ = 0;
  std::map<std::string, std::size_t> peers_;  // address -> connections
  std::map<std::uint64_t, std::weak_ptr<Connection>> connections_;
};

}  // namespace yunjian::collector
