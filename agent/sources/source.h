#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "ledger/base/clock.h"

namespace yunjian::agent {

// Where a source hands its records. `line` is one canonical record; it is copied. False: the agent
// takes no more now (batch and queue are full): the source keeps its place and is asked again after
// the next seal.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual bool take(std::string_view line) = 0;
};

// Something that yields records. Passive: driven by the one loop thread, never blocks, knows
// neither batches nor spool.
//
// Life: constructed from configuration -> restore(position text of the last durable seal, "" at
// first) -> poll() again and again -> position() is asked at each seal and stored durably with it
// -> destroyed. After a crash poll() starts again from the stored position, so that what was handed
// out but not sealed is handed out again.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::string_view name()
      const = 0;  // key of its position; stable over restarts, e.g. "file:/var/log/auth.log"
  virtual void restore(std::string_view position) = 0;  // a position it cannot use: starts anew and
                                                        // says so in a gap record
  virtual std::string position() const = 0;  // as of the last record that take() accepted
  // Hands over what is there. Returns true when it stopped because the sink was full.
  virtual bool poll(ledger::Time now, RecordSink& sink) = 0;
  // A file descriptor that becomes readable when there may be more; -1 = none, ask every second.
  virtual int wake_descriptor() const { return -1; }
};

}  // namespace yunjian::agent
