#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::rules {

// What a part of a line says.
enum class Slot : std::uint8_t { none, user, uid, address, resource, operation, status };
inline constexpr std::size_t slot_count = 7;

// The parts of a line that a pattern picked out, as views into the line; empty: not picked out.
using Captures = std::array<std::string_view, slot_count>;

// A line written down with holes: literal text and captures (grammar in README.md). It matches a
// line as a whole. Between holes it tries each place where the next literal stands, shortest hole
// first (longest first where it says so), and gives up after `pattern_steps_max` tries, so that no
// line takes long. Immutable, any thread.
class LinePattern {
 public:
  // Reject: an unknown hole, an unclosed brace, a hole right behind one of text.
  static ledger::Result<LinePattern> parse(std::string_view text);

  // Fills `captures` only when the line matches.
  bool match(std::string_view line, Captures& captures) const {
    const bool begins_so = head_.empty() || (!line.empty() && line.front() == head_.front());
    return begins_so && match_whole(line, captures);
  }

 private:
  enum class Run : std::uint8_t { text, longest, word, number };
  // A hole and the literal behind it; the last one may have no literal and then takes the rest.
  struct Hole {
    Slot slot = Slot::none;
    Run run = Run::text;
    std::string behind;
  };
  struct Attempt;

  static bool is_short(Run run) { return run == Run::word || run == Run::number; }
  static ledger::Result<Hole> parse_hole(std::string_view name);
  bool match_whole(std::string_view line, Captures& captures) const;
  bool match_from(std::size_t hole, std::string_view rest, Attempt& attempt) const;

  std::string head_;
  std::vector<Hole> holes_;
};

inline constexpr unsigned pattern_steps_max = 256;
inline constexpr std::size_t pattern_holes_max = 16;

}  // namespace yunjian::rules
