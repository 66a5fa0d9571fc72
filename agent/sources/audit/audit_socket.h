#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/sources/audit/audit_feed.h"
#include "agent/sources/wake_set.h"

namespace yunjian::agent {

// Complete events that wait for room; more is read and thrown away, with a gap record: a reader
// that stops makes auditd stop, and then the kernel delays every audited call of the host.
inline constexpr std::size_t socket_waiting_max = 1024 * 1024;

// Audit events from the unix socket of auditd's af_unix plugin (format = string), as its client.
//
// What auditd sent while nobody listened cannot be asked for again. Therefore every connection
// after the first begins with a gap record from the last moment that is known to be sealed, or the
// end of the connection before, to now. Lines that are read and sealed in the position are kept
// over restarts.
class AuditSocket : public Source {
 public:
  explicit AuditSocket(std::string path);
  ~AuditSocket() override;
  AuditSocket(const AuditSocket&) = delete;
  AuditSocket& operator=(const AuditSocket&) = delete;

  std::string_view name() const override { return name_; }
  void restore(std::string_view position) override;
  std::string position() const override;
  bool poll(ledger::Time now, RecordSink& sink) override;
  int wake_descriptor() const override { return wake_.descriptor(); }

 private:
  bool connect(ledger::Time now);
  void read_all(ledger::Time now);
  void take_bytes(std::string_view bytes, ledger::Time now);
  void take_line(std::string_view line, ledger::Time now);
  void disconnect(ledger::Time now);
  bool report_gaps(ledger::Time now, RecordSink& sink);

  std::string path_;
  std::string name_;
  WakeSet wake_;
  AuditFeed feed_;
  int descriptor_ = -1;
  std::string unfinished_;                   // the beginning of a line
  std::optional<ledger::Time> heard_until_;  // nothing since then is known to be missing
  std::optional<ledger::Time> gap_to_;       // connected again: the gap record is due
  bool has_room_ = true;
  std::uint64_t dropped_lines_ = 0;
  std::uint64_t dropped_bytes_ = 0;
  ledger::Time last_try_{};
  std::string line_;
};

}  // namespace yunjian::agent
