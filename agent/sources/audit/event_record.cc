#include "agent/sources/audit/event_record.h"

#include <fmt/format.h>

#include "agent/sources/audit/event_fields.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

// The same for every event, whatever its fields are: fields twice (as audit.* and the few that all
// sources share) and the fixed keys.
constexpr std::size_t overhead = fields_encoded_max + 8 * field_bytes_max;

void write_fields(ledger::RecordWriter& record, const AuditFieldMap& fields) {
  const auto number = [&](std::string_view key) {
    const auto field = fields.find(key);
    return field == fields.end() ? std::nullopt : field->second.number;
  };
  if (const auto comm = fields.find("audit.comm"); comm != fields.end())
    record.text("process.name", comm->second.text);
  if (const auto pid = number("audit.pid")) record.integer("process.pid", *pid);
  if (const auto uid = number("audit.uid")) record.integer("uid", *uid);
  for (const auto& [key, value] : fields) {
    if (value.number) {
      record.integer(key, *value.number);
    } else {
      record.text(key, value.text);
    }
  }
}

}  // namespace

EventRecords::EventRecords(const AuditEvent& event, ledger::Time now)
    : event_(event), time_(event.stamped ? event.time : now) {
  message_.reserve(event.bytes);
  for (const auto& line : event.lines) {
    if (!message_.empty()) message_ += '\n';
    message_ += line;
  }
  pieces_ = ledger::split_message(message_, overhead);
}

void EventRecords::write(std::string& out, std::size_t index) const {
  out.clear();
  ledger::RecordWriter record(out, time_, "event");
  record.text("source", "audit").text("log", "audit");
  AuditFieldMap fields = decode_event(event_);
  if (index > 0) {
    std::erase_if(fields, [](const auto& field) {
      return field.first != "audit.serial" && field.first != "audit.type";
    });
  }
  write_fields(record, fields);
  if (pieces_.size() > 1) record.text("part", fmt::format("{}/{}", index + 1, pieces_.size()));
  record.message(pieces_[index]).finish();
}

}  // namespace yunjian::agent
