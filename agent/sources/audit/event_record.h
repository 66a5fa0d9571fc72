#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/sources/audit/event_assembler.h"

namespace yunjian::agent {

// Makes the records of one event: one, or parts 1/n … n/n when the raw text is long. The cut
// depends on the event's lines alone, so that parts go on after a restart where they ended.
class EventRecords {
 public:
  EventRecords(const AuditEvent& event, ledger::Time now);

  std::size_t count() const { return pieces_.size(); }
  // Replaces `out` by the record; the decoded fields are in part 1, type and serial in all.
  void write(std::string& out, std::size_t index) const;

 private:
  const AuditEvent& event_;
  ledger::Time time_;
  std::string message_;
  std::vector<std::string_view> pieces_;
};

}  // namespace yunjian::agent
