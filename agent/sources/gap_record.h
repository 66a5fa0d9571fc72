#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/base/clock.h"

namespace yunjian::agent {

// What a source could not hand over. A loss that nobody wrote down would look like silence.
struct Gap {
  std::string_view cause;                   // one word for programs: "truncated", "unreadable", …
  std::string_view detail = {};             // a sentence for people; UTF-8
  std::string_view source = {};             // "file", "journal", …
  std::string_view log = {};                // path or unit, UTF-8; may be empty
  std::optional<std::uint64_t> bytes = {};  // known to be lost; absent: not known
  std::optional<std::uint64_t> count = {};  // records known to be lost
  std::optional<std::uint64_t> offset = {};  // first byte that was not read
  std::optional<ledger::Time> from = {};  // time of the records lost: the first, or the one before
  std::optional<ledger::Time> to = {};    // of the first record behind them
};

// Replaces `out` by the record (kind agent, what gap).
void write_gap(std::string& out, ledger::Time now, const Gap& gap);

}  // namespace yunjian::agent
