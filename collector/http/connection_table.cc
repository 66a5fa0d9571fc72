#include "collector/http/connection_table.h"

#include <utility>

namespace yunjian::collector {

ConnectionTable::Place::Place(ConnectionTable& table, std::string peer, std::uint64_t id)
    : table_(&table), peer_(std::move(peer)), id_(id) {}

ConnectionTable::Place::Place(Place&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), peer_(std::move(other.peer_)), id_(other.id_) {}

ConnectionTable::Place::~Place() {
  if (table_ != nullptr) table_->leave(*this);
}

std::optional<ConnectionTable::Place> ConnectionTable::enter(std::string peer, Limits limits) {
  const std::lock_guard lock(mutex_);
  const auto known = peers_.find(peer);
  const std::size_t of_peer = known == peers_.end() ? 0 : known->second;
  if (count_ >= limits.total || of_peer >= limits.per_peer) return std::nullopt;
  ++peers_[peer];
  ++count_;
  return Place(*this, std::move(peer), next_id_++);
}

void ConnectionTable::add(const Place& place, std::weak_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  connections_.emplace(place.id(), std::move(connection));
}

void ConnectionTable::leave(const Place& place) {
  const std::lock_guard lock(mutex_);
  connections_.erase(place.id());
  const auto found = peers_.find(place.peer());
  if (found != peers_.end() && --found->second == 0) peers_.erase(found);
  --count_;
  // Under the lock: whoever waits may destroy this table as soon as it sees zero.
  if (count_ == 0) changed_.notify_all();
}

std::size_t ConnectionTable::size() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Connection>> out;
  out.reserve(connections_.size());
  for (const auto& [id, weak] : connections_) {
    if (auto connection = weak.lock()) out.push_back(std::move(connection));
  }
  return out;
}

bool ConnectionTable::wait_until_empty(std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return count_ == 0; });
}

void ConnectionTable::wait_until_empty() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return count_ == 0; });
}

}  // namespace yunjian::collector
