#include "rules/classify/line_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "ledger/base/bytes.h"

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::is_digit;
using ledger::Result;

namespace {

constexpr std::array<std::string_view, slot_count> slot_names = {
    "", "user", "uid", "address", "resource", "operation", "status"};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr auto nowhere = std::string_view::npos;

// string_view's own searches call memcmp at every place where the first character stands.
std::size_t find_from(std::string_view text, std::string_view what, std::size_t from) {
  if (from > text.size()) return nowhere;
  const void* found = ::memmem(text.data() + from, text.size() - from, what.data(), what.size());
  if (found == nullptr) return nowhere;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// The last place at or before `from`; `what` is not empty.
std::size_t find_last(std::string_view text, std::string_view what, std::size_t from) {
  if (text.size() < what.size()) return nowhere;
  std::size_t end = std::min(from, text.size() - what.size()) + 1;
  while (end > 0) {
    const void* found = ::memrchr(text.data(), what.front(), end);
    if (found == nullptr) return nowhere;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    if (text.substr(at).starts_with(what)) return at;
    end = at;
  }
  return nowhere;
}

}  // namespace

struct LinePattern::Attempt {
  Captures captures{};
  unsigned steps = 0;
};

Result<LinePattern::Hole> LinePattern::parse_hole(std::string_view name) {
  const auto colon = name.find(':');
  const auto slot = std::ranges::find(slot_names, name.substr(0, colon));
  if (slot == slot_names.end()) {
    return fail(ErrorKind::reject, fmt::format("there is no hole named '{}'", name));
  }
  Hole hole{.slot = static_cast<Slot>(slot - slot_names.begin())};
  if (hole.slot == Slot::address || hole.slot == Slot::status) hole.run = Run::word;
  if (hole.slot == Slot::uid) hole.run = Run::number;
  if (colon == std::string_view::npos) return hole;
  const std::string_view run = name.substr(colon + 1);
  constexpr std::array<std::string_view, 4> runs = {"text", "longest", "word", "number"};
  const auto found = std::ranges::find(runs, run);
  if (found == runs.end()) {
    return fail(ErrorKind::reject, fmt::format("there is no kind of hole '{}'", run));
  }
  hole.run = static_cast<Run>(found - runs.begin());
  return hole;
}

Result<LinePattern> LinePattern::parse(std::string_view text) {
  LinePattern pattern;
  std::string* literal = &pattern.head_;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && at + 1 < text.size()) {
      *literal += text[++at];
      continue;
    }
    if (c != '*' && c != '{') {
      *literal += c;
      continue;
    }
    Hole hole;
    if (c == '{') {
      const auto end = text.find('}', at);
      if (end == std::string_view::npos) return fail(ErrorKind::reject, "a brace is not closed");
      auto parsed = parse_hole(text.substr(at + 1, end - at - 1));
      if (!parsed) return failure(parsed);
      hole = *std::move(parsed);
      at = end;
    }
    const Hole* before = pattern.holes_.empty() ? nullptr : &pattern.holes_.back();
    if (before != nullptr && before->behind.empty() && !is_short(before->run)) {
      return fail(ErrorKind::reject, "a hole stands right behind one that has no end");
    }
    if (pattern.holes_.size() == pattern_holes_max) {
      return fail(ErrorKind::reject, fmt::format("more than {} holes", pattern_holes_max));
    }
    pattern.holes_.push_back(std::move(hole));
    literal = &pattern.holes_.back().behind;
  }
  return pattern;
}

bool LinePattern::match_whole(std::string_view line, Captures& captures) const {
  if (!line.starts_with(head_)) return false;
  if (holes_.empty()) return line.size() == head_.size();
  Attempt attempt;
  if (!match_from(0, line.substr(head_.size()), attempt)) return false;
  captures = attempt.captures;
  return true;
}

bool LinePattern::match_from(std::size_t index, std::string_view rest, Attempt& attempt) const {
  const Hole& hole = holes_[index];
  const bool last = index + 1 == holes_.size();
  const bool short_run = is_short(hole.run);
  std::size_t reach = rest.size();  // the hole ends here at the latest
  if (short_run) {
    const auto end = hole.run == Run::word
                         ? std::ranges::find_if(rest, is_blank)
                         : std::ranges::find_if(rest, [](char c) { return !is_digit(c); });
    reach = static_cast<std::size_t>(end - rest.begin());
    if (reach == 0) return false;
  }
  const auto take = [&](std::size_t size) {
    if (short_run && size == 0) return false;
    if (!last && !match_from(index + 1, rest.substr(size + hole.behind.size()), attempt)) {
      return false;
    }
    if (hole.slot != Slot::none) {
      attempt.captures[static_cast<std::size_t>(hole.slot)] = rest.substr(0, size);
    }
    return true;
  };
  if (last) {
    if (rest.size() < hole.behind.size() || !rest.ends_with(hole.behind)) return false;
    const std::size_t size = rest.size() - hole.behind.size();
    return size <= reach && take(size);
  }
  if (hole.behind.empty()) return take(reach);
  const bool from_right = hole.run == Run::longest;
  std::size_t at =
      from_right ? find_last(rest, hole.behind, rest.size()) : find_from(rest, hole.behind, 0);
  while (at != nowhere && at <= reach) {
    if (++attempt.steps > pattern_steps_max) return false;
    if (take(at)) return true;
    if (from_right && at == 0) return false;
    at = from_right ? find_last(rest, hole.behind, at - 1) : find_from(rest, hole.behind, at + 1);
  }
  return false;
}

}  // namespace yunjian::rules
