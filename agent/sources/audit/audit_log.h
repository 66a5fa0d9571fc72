#pragma once

#include <optional>
#include <string>

#include "agent/sources/audit/audit_feed.h"
#include "agent/sources/file_tail.h"
#include "agent/sources/wake_set.h"

namespace yunjian::agent {

// Audit events out of the file that auditd writes; one record each (kind event, source audit).
//
// FileTail follows the file over its rotations. Its place counts a line as read once the line is
// held here; the lines of events that are not complete travel in the position, so that a crash at
// any moment seals every event once. A host without the file costs nothing but a look every 10 s.
class AuditLog : public Source {
 public:
  explicit AuditLog(std::string path);

  std::string_view name() const override { return name_; }
  void restore(std::string_view position) override;
  std::string position() const override;
  bool poll(ledger::Time now, RecordSink& sink) override;
  int wake_descriptor() const override { return wake_.descriptor(); }

 private:
  enum class State { open, absent, denied };

  State open(ledger::Time now);

  std::string path_;
  std::string name_;
  WakeSet wake_;
  std::optional<FileTail> tail_;
  AuditFeed feed_;
  std::string tail_position_;  // restored, the tail not yet open
  bool position_lost_ = false;
  bool denied_ = false;
  bool denied_reported_ = false;
  ledger::Time last_look_{};
};

}  // namespace yunjian::agent
