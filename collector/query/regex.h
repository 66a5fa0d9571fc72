#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::collector {

inline constexpr std::size_t regex_bytes_max = 1024;
inline constexpr std::size_t regex_memory_max = 1U << 20;  // of its automaton

// A regular expression in RE2's language: time is linear in the text, whatever the expression.
// Immutable, any thread.
class Regex {
 public:
  // Reject: not such an expression, or one that needs more than regex_memory_max; with the reason.
  static ledger::Result<Regex> compile(std::string_view expression);
  bool in(std::string_view text) const;  // anywhere

 private:
  struct Compiled;
  explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

// Pieces with * between them, at least two.
struct Wildcard {
  // The * stand for any characters but blanks in texts (`within`), for any at all in ids, which are
  // compared as a whole. A-Z are the same as a-z.
  static ledger::Result<Wildcard> compile(const std::vector<std::string>& pieces);

  Regex within;
  Regex whole;
};

}  // namespace yunjian::collector
