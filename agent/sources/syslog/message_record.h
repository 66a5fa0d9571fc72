#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "agent/sources/gap_record.h"
#include "agent/sources/source.h"

namespace yunjian::agent {

// Who sent something, as far as this host knows it.
struct SyslogOrigin {
  std::string log;     // address of the sender, or path of the unix socket; UTF-8
  std::string sender;  // whose limits count: the address, or the user of a unix socket
  std::optional<std::uint64_t> pid;  // of a unix socket, by the kernel
  std::optional<std::uint64_t> uid;
};

struct SyslogPiece {
  std::string_view bytes;
  bool first = true;  // of its message: the head is here
  bool open = false;  // the message goes on in the next piece
};

// Makes records and keeps those that the sink refused, until it takes them. One thread.
class RecordQueue {
 public:
  // False when something waits: give no more before hand_over() says true.
  bool message(const SyslogOrigin& origin, const SyslogPiece& piece, RecordSink& sink);
  bool gap(Gap gap, RecordSink& sink);
  bool hand_over(RecordSink& sink);

  void set_time(ledger::Time now) { now_ = now; }  // what records say from here on

 private:
  bool give(RecordSink& sink);

  ledger::Time now_{};
  std::string line_;
  std::deque<std::string> waiting_;
};

}  // namespace yunjian::agent
