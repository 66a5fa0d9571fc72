#include "agent/sources/audit/event_assembler.h"

#include <xxhash.h>

#include <algorithm>

namespace yunjian::agent {
namespace {

void stamp(AuditEvent& event, const AuditLine& parsed) {
  event.stamped = true;
  event.node = parsed.node;
  event.time = parsed.time;
  event.serial = parsed.serial;
}

}  // namespace

AuditEvent make_event(std::vector<std::string> lines) {
  AuditEvent event;
  if (lines.empty()) return event;
  if (const auto parsed = parse_audit_line(lines.front())) stamp(event, *parsed);
  for (const auto& line : lines) event.bytes += line.size() + 1;
  event.lines = std::move(lines);
  return event;
}

void EventAssembler::add(std::string_view line, ledger::Time now) {
  const auto parsed = parse_audit_line(line);
  if (!parsed) {
    complete_.push_back(make_event({std::string(line)}));
    return;
  }
  close_older(*parsed);
  Open event = find(*parsed);
  if (parsed->type == "EOE") {
    if (event != open_.end()) complete(event);
    return;
  }
  if (event == open_.end()) {
    if (is_done(line)) return;
    stamp(open_.emplace_back(), *parsed);
    open_.back().arrival = now;
    event = open_.end() - 1;
  }
  append(*event, line);
  if (ends_event(parsed->type) || event->bytes >= event_bytes_max) complete(event);
  keep_limits();
}

void EventAssembler::expire(ledger::Time now) {
  for (std::size_t i = 0; i < open_.size();) {
    AuditEvent& event = open_[i];
    // Restored, or the clock was set back: the wait begins now.
    if (event.arrival == ledger::Time{} || now < event.arrival) event.arrival = now;
    if (now - event.arrival < event_wait) {
      ++i;
    } else {
      complete(open_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

// The newest are asked first: records of one event mostly stand together.
EventAssembler::Open EventAssembler::find(const AuditLine& parsed) {
  for (Open event = open_.end(); event != open_.begin();) {
    --event;
    if (event->serial == parsed.serial && event->time == parsed.time && event->node == parsed.node)
      return event;
  }
  return open_.end();
}

void EventAssembler::append(AuditEvent& event, std::string_view line) {
  event.lines.emplace_back(line);
  event.bytes += line.size() + 1;
  open_bytes_ += line.size() + 1;
}

void EventAssembler::complete(const Open& event) {
  open_bytes_ -= event->bytes;
  remember(*event);
  complete_.push_back(std::move(*event));
  open_.erase(event);
}

void EventAssembler::close_older(const AuditLine& newest) {
  for (std::size_t i = 0; i < open_.size();) {
    const AuditEvent& event = open_[i];
    if (event.node == newest.node && newest.time >= event.time + event_wait) {
      complete(open_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void EventAssembler::keep_limits() {
  while (open_.size() > open_events_max || open_bytes_ > open_bytes_max) complete(open_.begin());
}

bool EventAssembler::is_done(std::string_view line) const {
  const auto hash = XXH3_64bits(line.data(), line.size());
  return std::find(done_.begin(), done_.end(), hash) != done_.end();
}

void EventAssembler::remember(const AuditEvent& event) {
  for (const auto& line : event.lines) {
    const auto hash = XXH3_64bits(line.data(), line.size());
    if (done_.size() < done_lines_max) {
      done_.push_back(hash);
    } else {
      done_[next_done_] = hash;
      next_done_ = (next_done_ + 1) % done_lines_max;
    }
  }
}

}  // namespace yunjian::agent
