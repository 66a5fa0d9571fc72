#include "agent/sources/syslog/syslog_listener.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "agent/sources/elapsed.h"
#include "agent/sources/syslog/datagram.h"

namespace yunjian::agent {
namespace {

using std::chrono::seconds;

constexpr std::string_view version = "syslog/v1 ";
constexpr std::size_t datagram_bytes_max = 256 * 1024;  // above what a unix socket takes by default
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t budget_bytes = 8 * 1024 * 1024;  // of one turn, then the loop has one
constexpr std::size_t datagram_cost = 1024;            // at least; so at most 8192 in a turn
constexpr int accepts_at_once = 64;
constexpr seconds retry_interval{10};
constexpr seconds told_every{10};
constexpr seconds descriptor_rest{1};  // when there is no descriptor for a connection

}  // namespace

SyslogListener::SyslogListener(SyslogOptions options)
    : options_(std::move(options)),
      next_key_(options_.listen.size()),
      limits_(options_.limits),
      buffer_(datagram_bytes_max) {
  name_ = "syslog:";
  if (!options_.listen.empty()) name_ += options_.listen.front().text;
  for (const auto& address : options_.listen) listeners_.push_back({.address = address});
}

SyslogListener::~SyslogListener() {
  for (const auto& [key, connection] : connections_) close(connection.descriptor);
  for (const auto& listener : listeners_) {
    if (listener.descriptor >= 0) close(listener.descriptor);
  }
}

void SyslogListener::restore(std::string_view position) {
  if (position.empty()) return;
  was_away_ = true;
  heard_until_ = ledger::Time{};
  if (!position.starts_with(version)) return;
  position.remove_prefix(version.size());
  std::int64_t microseconds = 0;
  std::from_chars(position.data(), position.data() + position.size(), microseconds);
  heard_until_ = ledger::Time(std::chrono::microseconds(microseconds));
}

std::string SyslogListener::position() const {
  if (!heard_until_) return {};
  return fmt::format("{}{}", version, heard_until_->time_since_epoch().count());
}

bool SyslogListener::poll(ledger::Time now, RecordSink& sink) {
  queue_.set_time(now);
  if (!queue_.hand_over(sink) || !open_all(now, sink) || !tell_losses(now, sink)) return true;
  budget_ = budget_bytes;
  if (serve_behind(now, sink) == Turn::full || serve_ready(now, sink) == Turn::full) return true;
  if (!close_idle(now, sink)) return true;
  note_heard(now);
  return false;
}

// False when the sink is full; so it is below.
bool SyslogListener::open_all(ledger::Time now, RecordSink& sink) {
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    Listener& listener = listeners_[i];
    if (listener.asleep && elapsed(now, listener.last_try, descriptor_rest)) {
      listener.asleep = false;
      wake_.set_asleep(listener.descriptor, false, i);
    }
    if (listener.descriptor >= 0 || !elapsed(now, listener.last_try, retry_interval)) continue;
    listener.last_try = now;
    const auto opened = open_syslog_socket(listener.address);
    if (opened) {
      listener.descriptor = *opened;
      listener.drops_from = now;
      listener.told = false;
      wake_.add(*opened, i);
      continue;
    }
    if (listener.told) continue;
    listener.told = true;
    const std::string detail = opened.error().message + "; tried again every 10 s";
    if (!queue_.gap({.cause = "cannot-listen", .detail = detail, .log = listener.address.text},
                    sink))
      return false;
  }
  return true;
}

bool SyslogListener::tell_losses(ledger::Time now, RecordSink& sink) {
  if (was_away_) {
    was_away_ = false;
    Gap gap{.cause = "not-replayable",
            .detail = "nobody listened, or what was heard was not sealed; some of it may be here",
            .log = listeners_.front().address.text,
            .to = now};
    if (*heard_until_ != ledger::Time{}) gap.from = heard_until_;
    if (!queue_.gap(gap, sink)) return false;
  }
  for (Listener& listener : listeners_) {
    if (!tell_drops(listener, now, sink)) return false;
  }
  while (const auto loss = limits_.due_loss(now)) {
    limits_.forget_loss(loss->sender, now);
    Gap gap{.log = loss->sender, .from = loss->from, .to = loss->to};
    gap.cause = loss->lines > 0 ? "rate-limited" : "too-many-connections";
    if (loss->lines > 0) gap.count = loss->lines;
    if (loss->lines > 0) gap.bytes = loss->bytes;
    const std::string refused = fmt::format("{} connections were refused", loss->connections);
    if (loss->connections > 0) gap.detail = refused;
    if (!queue_.gap(gap, sink)) return false;
  }
  return true;
}

bool SyslogListener::tell_drops(Listener& listener, ledger::Time now, RecordSink& sink) {
  if (listener.descriptor < 0 || listener.address.transport != SyslogTransport::udp) return true;
  if (!elapsed(now, listener.drops_told, told_every)) return true;
  listener.drops_told = now;
  const Gap gap{.cause = "kernel-dropped",
                .detail = "datagrams came faster than they were read, or were damaged",
                .log = listener.address.text,
                .count = listener.untold,
                .from = listener.drops_from,
                .to = now};
  if (listener.untold == 0) return true;
  listener.untold = 0;
  return queue_.gap(gap, sink);
}

// The count wraps; a datagram in the queue may carry an older one than was asked for meanwhile.
void SyslogListener::note_drops(Listener& listener, std::uint32_t drops) {
  const std::uint32_t more = drops - listener.drops;
  if (more >= 1U << 31) return;
  listener.untold += more;
  listener.drops = drops;
}

SyslogListener::Turn SyslogListener::serve_behind(ledger::Time now, RecordSink& sink) {
  keys_.clear();
  for (const auto& [key, connection] : connections_) {
    if (connection.behind) keys_.push_back(key);
  }
  for (const std::uint64_t key : keys_) {
    Connection& connection = connections_.at(key);
    const bool was_asleep = connection.asleep;
    if (connection.asleep && limits_.may_send(connection.origin.sender, now)) {
      connection.asleep = false;
    }
    const Turn turn = connection.asleep ? Turn::done : take_frames(connection, now, sink);
    if (connection.asleep != was_asleep)
      wake_.set_asleep(connection.descriptor, connection.asleep, key);
    if (turn == Turn::full) return Turn::full;
  }
  return Turn::done;
}

SyslogListener::Turn SyslogListener::serve_ready(ledger::Time now, RecordSink& sink) {
  while (budget_ > 0) {
    wake_.ready(keys_);
    if (keys_.empty()) break;
    for (const std::uint64_t key : keys_) {
      if (serve(key, now, sink) == Turn::full) return Turn::full;
    }
  }
  return Turn::done;
}

SyslogListener::Turn SyslogListener::serve(std::uint64_t key, ledger::Time now, RecordSink& sink) {
  if (key >= listeners_.size()) return read_connection(key, now, sink);
  Listener& listener = listeners_[key];
  if (!listener.address.is_stream()) return read_datagrams(listener, now, sink);
  accept_all(listener, now);
  if (listener.asleep) wake_.set_asleep(listener.descriptor, true, key);
  return Turn::done;
}

SyslogListener::Turn SyslogListener::read_datagrams(Listener& listener, ledger::Time now,
                                                    RecordSink& sink) {
  while (budget_ > 0) {
    const auto datagram = receive_datagram(listener.descriptor, listener.address, buffer_);
    if (!datagram) return Turn::done;
    budget_ -= std::min(budget_, std::max(datagram->bytes.size(), datagram_cost));
    if (datagram->drops) note_drops(listener, *datagram->drops);
    if (datagram->bytes.empty()) continue;
    const std::string& sender = datagram->origin.sender;
    if (!limits_.may_send(sender, now)) {
      limits_.lose(sender, datagram->bytes.size(), now);
      continue;
    }
    limits_.charge(sender, datagram->bytes.size(), now);
    bool room = queue_.message(datagram->origin, {.bytes = datagram->bytes}, sink);
    if (datagram->cut_off > 0) {
      room = queue_.gap({.cause = "truncated",
                         .detail = "the datagram was too long; its beginning is the record before",
                         .log = datagram->origin.log,
                         .bytes = datagram->cut_off},
                        sink);
    }
    if (!room) return Turn::full;
  }
  return Turn::done;
}

void SyslogListener::accept_all(Listener& listener, ledger::Time now) {
  for (int i = 0; i < accepts_at_once; ++i) {
    const int descriptor =
        accept4(listener.descriptor, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // No descriptors: who knocks would wake the loop for ever.
      listener.asleep = errno != EAGAIN && errno != EWOULDBLOCK;
      listener.last_try = now;
      return;
    }
    SyslogOrigin origin = origin_of_connection(descriptor, listener.address);
    auto account = limits_.connect(origin.sender, now);
    if (!account) {
      close(descriptor);
      continue;
    }
    origin.sender = std::move(*account);
    const std::uint64_t key = next_key_++;
    wake_.add(descriptor, key);
    connections_.emplace(key, Connection{.descriptor = descriptor,
                                         .reader = FrameReader(listener.address.is_unix()),
                                         .origin = std::move(origin),
                                         .last_heard = now});
  }
}

SyslogListener::Turn SyslogListener::read_connection(std::uint64_t key, ledger::Time now,
                                                     RecordSink& sink) {
  const auto found = connections_.find(key);
  if (found == connections_.end()) return Turn::done;
  Connection& connection = found->second;
  const ssize_t got = read(connection.descriptor, buffer_.data(), read_bytes);
  if (got <= 0) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Turn::done;
    return close_connection(key, now, sink) ? Turn::done : Turn::full;
  }
  const auto size = static_cast<std::size_t>(got);
  budget_ -= std::min(budget_, size);
  if (connection.reader.empty()) connection.unfinished_since = now;
  connection.last_heard = now;
  connection.reader.add({buffer_.data(), size});
  const Turn turn = take_frames(connection, now, sink);
  if (connection.asleep) wake_.set_asleep(connection.descriptor, true, key);
  return turn;
}

SyslogListener::Turn SyslogListener::take_frames(Connection& connection, ledger::Time now,
                                                 RecordSink& sink) {
  connection.behind = true;
  while (true) {
    if (!limits_.may_send(connection.origin.sender, now)) {
      connection.asleep = true;
      return Turn::done;
    }
    const auto frame = connection.reader.next();
    if (!frame) break;
    limits_.charge(connection.origin.sender, frame->bytes.size(), now);
    const SyslogPiece piece{
        .bytes = frame->bytes, .first = !connection.inside, .open = frame->open};
    connection.inside = frame->open;
    // What is still held came with the last bytes.
    connection.unfinished_since = connection.last_heard;
    if (!queue_.message(connection.origin, piece, sink)) return Turn::full;
  }
  connection.behind = false;
  return Turn::done;
}

bool SyslogListener::close_connection(std::uint64_t key, ledger::Time now, RecordSink& sink) {
  Connection& connection = connections_.at(key);
  const std::uint64_t missing = connection.reader.missing();
  const SyslogOrigin& origin = connection.origin;
  bool room = true;
  if (const auto rest = connection.reader.rest()) {
    limits_.charge(origin.sender, rest->bytes.size(), now);
    room = queue_.message(origin, {.bytes = rest->bytes, .first = !connection.inside}, sink);
  }
  if (missing > 0) {
    room = queue_.gap({.cause = "cut-off",
                       .detail = "the connection ended inside a message whose length it had given",
                       .log = origin.log,
                       .bytes = missing},
                      sink);
  }
  limits_.disconnect(origin.sender);
  close(connection.descriptor);
  connections_.erase(key);
  return room;
}

bool SyslogListener::close_idle(ledger::Time now, RecordSink& sink) {
  keys_.clear();
  for (auto& [key, connection] : connections_) {
    if (now < connection.last_heard) connection.last_heard = now;
    const bool idle = now - connection.last_heard >= options_.idle;
    if (idle && !connection.behind) keys_.push_back(key);
  }
  return std::all_of(keys_.begin(), keys_.end(),
                     [&](std::uint64_t key) { return close_connection(key, now, sink); });
}

// All sockets are read to their end, but for what the limits hold back and what is not whole yet.
// A loss that waits to be told counts as not heard: it is declared by the span if this run ends.
void SyslogListener::note_heard(ledger::Time now) {
  if (budget_ == 0) return;
  ledger::Time until = std::min(now, limits_.oldest_loss().value_or(now));
  for (Listener& listener : listeners_) {
    if (listener.descriptor < 0 || listener.address.transport != SyslogTransport::udp) continue;
    if (const auto drops = dropped_datagrams(listener.descriptor)) note_drops(listener, *drops);
    if (listener.untold == 0) listener.drops_from = now;
    until = std::min(until, listener.drops_from);
  }
  for (const auto& [key, connection] : connections_) {
    if (connection.behind || !connection.reader.empty())
      until = std::min(until, connection.unfinished_since);
  }
  if (!heard_until_ || until > *heard_until_) heard_until_ = until;
}

}  // namespace yunjian::agent
