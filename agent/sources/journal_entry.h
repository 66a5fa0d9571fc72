#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/base/clock.h"

namespace yunjian::agent {

// What one journal entry says, gathered field by field; the strings keep their memory from entry to
// entry. Knows the names of journal fields, not how they are read.
class JournalEntry {
 public:
  void clear();
  // One field as the journal stores it: NAME=value, the value any bytes.
  void add(std::string_view field);

  bool from_audit() const { return transport_ == "audit"; }
  std::optional<std::uint64_t> severity() const { return severity_; }
  // What was thrown away: messages, as journald's own message says, by its rate limit for a unit or
  // by the kernel before it read them; records of the kernel's audit, as the kernel says. Only
  // those two can write with these transports.
  struct Loss {
    std::string_view cause;
    std::optional<std::uint64_t> count;
    std::optional<std::uint64_t> total;  // since boot, in place of `count`
  };
  std::optional<Loss> loss() const;
  std::string_view unit() const { return unit_; }
  std::string_view message() const { return message_; }
  // When the sender says it happened; nothing when only the journal's own time is known.
  std::optional<std::uint64_t> source_time_us() const { return source_time_us_; }

  // Appends the record with one piece of the message; `part` may be empty.
  void write(std::string& out, ledger::Time time, std::string_view part,
             std::string_view piece) const;
  // Upper bound of what a record takes besides the message.
  std::size_t overhead() const;

 private:
  std::string_view log() const;
  std::optional<Loss> audit_loss() const;

  std::string message_, unit_, identifier_, command_, transport_, message_id_;
  std::optional<std::uint64_t> severity_, facility_, pid_, uid_, source_time_us_, dropped_;
};

// The two parts of a cursor that count entries: same source and how far; nothing when it has none.
struct CursorNumber {
  std::string_view source;
  std::uint64_t number = 0;
};
std::optional<CursorNumber> cursor_number(std::string_view cursor);
// Notices entries that are missing between those that were read: journald numbers the entries of
// all its files in one row, so a hole is a damaged, vacuumed or unreadable file.
class EntryNumbers {
 public:
  // Takes the next entry's cursor; returns how many entries of its row are missing in front of it.
  std::uint64_t note(std::string_view cursor);

 private:
  static constexpr std::size_t rows_max = 64;  // a row begins with each machine, and each new start
  std::vector<std::pair<std::string, std::uint64_t>> last_;
};

// The time of the entry that a cursor names.
std::optional<ledger::Time> cursor_time(std::string_view cursor);

}  // namespace yunjian::agent
