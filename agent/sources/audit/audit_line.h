#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/base/clock.h"

namespace yunjian::agent {

// One record of the kernel's audit as auditd writes it:
// `[node=N ]type=T msg=audit(SECONDS.MS:SERIAL): BODY`. The views point into the line.
struct AuditLine {
  std::string_view node;  // empty unless auditd adds names
  std::string_view type;
  ledger::Time time;
  std::uint64_t serial = 0;
  std::string_view body;  // enriched fields are behind 0x1D, as in the line
};

std::optional<AuditLine> parse_audit_line(std::string_view line);

// Whether a record of this type is a whole event, as those of programs are; the kernel's come in
// company, and a type that is not known might.
bool is_single_record(std::string_view type);
// Whether a record of this type is the last one of its event.
bool ends_event(std::string_view type);

struct AuditField {
  std::string_view name;
  std::string_view value;
  bool quoted = false;
};

// Yields the `name=value` pairs of a body, also those inside msg='…'; words without `=` are passed
// over.
class AuditFields {
 public:
  explicit AuditFields(std::string_view body) : rest_(body) {}
  bool next(AuditField& field);

 private:
  std::string_view rest_;
};

// The bytes of a field whose content the host's users choose: in quotes as it is, else in hex.
// Nothing for (null), (none) and `?`.
std::optional<std::string> decode_untrusted(const AuditField& field);

std::optional<std::uint64_t> audit_number(std::string_view text, int base = 10);

}  // namespace yunjian::agent
