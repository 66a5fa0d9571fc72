#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ledger/base/clock.h"

namespace yunjian::collector {

// An act of the collector or of somebody at it, to become a record of the collector's own stream.
class Act {
 public:
  Act(ledger::Time time, std::string_view what) : time_(time), what_(what) {}

  // Details in any order; bytes that are not UTF-8 are escaped, overlong texts cut (and marked with
  // "…").
  Act& text(std::string_view key, std::string_view value);
  Act& number(std::string_view key, std::uint64_t value);
  std::string line() const;  // canonical, kind "collector"

 private:
  using Value = std::variant<std::string, std::uint64_t>;
  ledger::Time time_;
  std::string what_;
  std::vector<std::pair<std::string, Value>> details_;
};

inline constexpr std::size_t act_text_bytes_max = 4096;

}  // namespace yunjian::collector
