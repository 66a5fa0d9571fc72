#include "agent/sources/syslog/message_record.h"

#include <fmt/format.h>

#include "agent/sources/syslog/message_head.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

// Of all keys besides `log` and `message`, with room to spare.
constexpr std::size_t fixed_overhead = 768;

}  // namespace

bool RecordQueue::message(const SyslogOrigin& origin, const SyslogPiece& piece, RecordSink& sink) {
  const SyslogHead head = piece.first ? read_syslog_head(piece.bytes) : SyslogHead();
  const auto pid = origin.pid ? origin.pid : head.pid;
  const auto parts = ledger::split_message(piece.bytes, fixed_overhead + 6 * origin.log.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    line_.clear();
    ledger::RecordWriter record(line_, now_, "event");
    record.text("source", "syslog").text("log", origin.log);
    if (head.severity) record.integer("severity", *head.severity);
    if (head.facility) record.integer("facility", *head.facility);
    if (!head.process.empty()) record.text("process.name", head.process);
    if (pid) record.integer("process.pid", *pid);
    if (origin.uid) record.integer("uid", *origin.uid);
    if (piece.open) {
      record.text("part", "+");
    } else if (parts.size() > 1) {
      record.text("part", fmt::format("{}/{}", i + 1, parts.size()));
    }
    record.message(parts[i]).finish();
    give(sink);
  }
  return waiting_.empty();
}

bool RecordQueue::gap(Gap gap, RecordSink& sink) {
  gap.source = "syslog";
  write_gap(line_, now_, gap);
  return give(sink);
}

bool RecordQueue::give(RecordSink& sink) {
  if (waiting_.empty() && sink.take(line_)) return true;
  waiting_.push_back(line_);
  return false;
}

bool RecordQueue::hand_over(RecordSink& sink) {
  while (!waiting_.empty() && sink.take(waiting_.front())) waiting_.pop_front();
  return waiting_.empty();
}

}  // namespace yunjian::agent
