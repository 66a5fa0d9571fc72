#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/sources/audit/event_assembler.h"
#include "agent/sources/source.h"

namespace yunjian::agent {

// From lines of audit to records: what both inputs share. Holds the lines that are read and not yet
// handed over whole; they are part of the position, so that a restart loses and doubles none.
// One thread.
class AuditFeed {
 public:
  // Takes what position() gave; sets `input` to the part that belongs to the input. False: it is
  // not such a text, nothing is changed.
  bool restore(std::string_view position, std::string& input);
  std::string position(std::string_view input) const;

  void add(std::string_view line, ledger::Time now) { events_.add(line, now); }
  void expire(ledger::Time now) { events_.expire(now); }

  // Hands over all complete events; false when the sink is full.
  bool hand_over(ledger::Time now, RecordSink& sink);
  std::size_t waiting_bytes() const;  // of complete events

 private:
  bool hand_over_first(ledger::Time now, RecordSink& sink);
  bool report_lost(ledger::Time now, RecordSink& sink);

  EventAssembler events_;
  std::size_t parts_ = 0;              // of the first complete event that are handed over
  std::optional<std::uint64_t> lost_;  // the kernel's count as last reported
  std::string line_;
};

}  // namespace yunjian::agent
