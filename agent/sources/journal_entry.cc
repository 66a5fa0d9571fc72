#include "agent/sources/journal_entry.h"

#include <algorithm>
#include <charconv>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

constexpr std::size_t entry_overhead = 512;  // keys, numbers and punctuation
constexpr std::size_t name_bytes_max = 1024;
// SD_MESSAGE_JOURNAL_DROPPED and SD_MESSAGE_JOURNAL_MISSED of sd-messages(3).
constexpr std::string_view suppressed_id = "a596d6fe7bfa4994828e72309e95d61e";
constexpr std::string_view missed_id = "e9bf28e6e834481bb6f48f548ad13606";

std::optional<std::uint64_t> number(std::string_view text, int base = 10) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || value >> 63 != 0)
    return std::nullopt;
  return value;
}

// Names are short text; whatever else a sender puts there is made readable and bounded.
void assign_name(std::string& name, std::string_view value) {
  value = value.substr(0, name_bytes_max);
  if (ledger::is_valid_utf8(value)) {
    name.assign(value);
  } else {
    name = ledger::escape_bytes(value);
  }
}

std::optional<std::uint64_t> cursor_field(std::string_view cursor, std::string_view name) {
  for (std::size_t at = 0; at < cursor.size();) {
    const auto end = std::min(cursor.find(';', at), cursor.size());
    const std::string_view field = cursor.substr(at, end - at);
    if (field.starts_with(name)) return number(field.substr(name.size()), 16);
    at = end + 1;
  }
  return std::nullopt;
}

}  // namespace

void JournalEntry::clear() {
  for (auto* text : {&message_, &unit_, &identifier_, &command_, &transport_, &message_id_})
    text->clear();
  for (auto* value : {&severity_, &facility_, &pid_, &uid_, &source_time_us_, &dropped_})
    value->reset();
}

void JournalEntry::add(std::string_view field) {
  const auto equals = field.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view name = field.substr(0, equals);
  const std::string_view value = field.substr(equals + 1);
  if (name == "MESSAGE") message_.assign(value);
  if (name == "_SYSTEMD_UNIT") assign_name(unit_, value);
  if (name == "SYSLOG_IDENTIFIER") assign_name(identifier_, value);
  if (name == "_COMM") assign_name(command_, value);
  if (name == "_TRANSPORT") assign_name(transport_, value);
  if (name == "MESSAGE_ID") assign_name(message_id_, value);
  if (name == "N_DROPPED") dropped_ = number(value);
  if (name == "PRIORITY") severity_ = number(value);
  if (name == "SYSLOG_FACILITY") facility_ = number(value);
  if (name == "_PID") pid_ = number(value);
  if (name == "_UID") uid_ = number(value);
  if (name == "_SOURCE_REALTIME_TIMESTAMP") source_time_us_ = number(value);
}

std::optional<JournalEntry::Loss> JournalEntry::loss() const {
  if (transport_ == "kernel") return audit_loss();
  if (transport_ != "driver") return {};
  if (message_id_ == suppressed_id) {
    return Loss{.cause = "rate-limited", .count = dropped_, .total = {}};
  }
  if (message_id_ != missed_id) return {};
  // "Missed 12 kernel messages"
  std::string_view text = message_;
  text.remove_prefix(std::min(text.find_first_of("0123456789"), text.size()));
  return Loss{.cause = "kernel-missed",
              .count = number(text.substr(0, text.find_first_not_of("0123456789"))),
              .total = {}};
}

// "audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=8192"
std::optional<JournalEntry::Loss> JournalEntry::audit_loss() const {
  constexpr std::string_view lost = "audit: audit_lost=";
  std::string_view text = message_;
  if (!text.starts_with(lost)) return {};
  text.remove_prefix(lost.size());
  return Loss{.cause = "audit-lost", .count = {}, .total = number(text.substr(0, text.find(' ')))};
}

std::string_view JournalEntry::log() const {
  if (!unit_.empty()) return unit_;
  return identifier_.empty() ? std::string_view(transport_) : std::string_view(identifier_);
}

void JournalEntry::write(std::string& out, ledger::Time time, std::string_view part,
                         std::string_view piece) const {
  ledger::RecordWriter record(out, time, "event");
  record.text("source", "journal");
  if (!log().empty()) record.text("log", log());
  if (severity_) record.integer("severity", *severity_);
  if (facility_) record.integer("facility", *facility_);
  const std::string& process = identifier_.empty() ? command_ : identifier_;
  if (!process.empty()) record.text("process.name", process);
  if (pid_) record.integer("process.pid", *pid_);
  if (uid_) record.integer("uid", *uid_);
  if (!part.empty()) record.text("part", part);
  record.message(piece).finish();
}

std::size_t JournalEntry::overhead() const {
  // Escaping makes at most 6 characters of one.
  return entry_overhead + 6 * (log().size() + std::max(identifier_.size(), command_.size()));
}

std::optional<CursorNumber> cursor_number(std::string_view cursor) {
  if (!cursor.starts_with("s=")) return std::nullopt;
  const auto count = cursor_field(cursor, "i=");
  if (!count) return std::nullopt;
  return CursorNumber{cursor.substr(0, cursor.find(';')), *count};
}

std::uint64_t EntryNumbers::note(std::string_view cursor) {
  const auto here = cursor_number(cursor);
  if (!here) return 0;
  for (auto& [source, number] : last_) {
    if (source != here->source) continue;
    const std::uint64_t missing = here->number > number + 1 ? here->number - number - 1 : 0;
    number = std::max(number, here->number);
    return missing;
  }
  if (last_.size() >= rows_max) last_.erase(last_.begin());
  last_.emplace_back(here->source, here->number);
  return 0;
}

std::optional<ledger::Time> cursor_time(std::string_view cursor) {
  const auto time = cursor_field(cursor, "t=");
  if (!time) return std::nullopt;
  return ledger::Time(std::chrono::microseconds(*time));
}

}  // namespace yunjian::agent
