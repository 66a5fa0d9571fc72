#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "agent/sources/audit/audit_line.h"

namespace yunjian::agent {

inline constexpr std::chrono::seconds event_wait{2};  // auditd's own end_of_event_timeout
inline constexpr std::size_t open_events_max = 128;
inline constexpr std::size_t open_bytes_max = 512 * 1024;
inline constexpr std::size_t event_bytes_max = 256 * 1024;
inline constexpr std::size_t done_lines_max = 1024;

// The records of one event, in the order in which they came, as they came.
struct AuditEvent {
  bool stamped = false;  // false: one line that is no audit record
  std::string node;
  ledger::Time time{};
  std::uint64_t serial = 0;
  std::vector<std::string> lines;
  std::size_t bytes = 0;
  ledger::Time arrival{};  // of the first line; zero: not known yet
};

// Joins audit records to events by node, time and serial. An event is complete with its last
// record, when event_wait has passed (by the host's clock or by the time of newer events), and when
// more is open than the limits above allow. A record that comes behind its completed event makes a
// further event with the same serial, unless it repeats one of the last done_lines_max records:
// then it is dropped. EOE only marks an end and is never kept. One thread.
class EventAssembler {
 public:
  void add(std::string_view line, ledger::Time now);
  void expire(ledger::Time now);

  // Puts back an event that was complete before a restart.
  void add_complete(AuditEvent event) { complete_.push_back(std::move(event)); }

  // Complete events, oldest first; the owner takes them off the front.
  std::deque<AuditEvent>& complete() { return complete_; }
  const std::deque<AuditEvent>& complete() const { return complete_; }
  const std::deque<AuditEvent>& open() const { return open_; }

 private:
  using Open = std::deque<AuditEvent>::iterator;

  Open find(const AuditLine& parsed);
  void append(AuditEvent& event, std::string_view line);
  void complete(const Open& event);
  void close_older(const AuditLine& newest);
  void keep_limits();
  bool is_done(std::string_view line) const;
  void remember(const AuditEvent& event);

  std::deque<AuditEvent> open_;
  std::deque<AuditEvent> complete_;
  std::size_t open_bytes_ = 0;
  std::vector<std::uint64_t> done_;  // a ring of hashes of lines
  std::size_t next_done_ = 0;
};

// An event of lines that belong together, for add_complete.
AuditEvent make_event(std::vector<std::string> lines);

}  // namespace yunjian::agent
