#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "ledger/base/bytes.h"
#include "ledger/base/clock.h"

namespace yunjian::auditor {

// Words of one line of a state file, taken from the front. What is missing or of another kind is
// remembered; good() tells once for the whole line.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}
  std::string_view word() {
    const std::size_t space = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, space);
    rest_.remove_prefix(std::min(space + 1, rest_.size()));
    need(!word.empty());
    return word;
  }
  std::uint64_t number() {
    const auto value = ledger::parse_decimal(word());
    need(value.has_value());
    return value ? *value : 0;
  }
  ledger::Hash hash() {
    const auto value = ledger::hash_from_base64(word());
    need(value.has_value());
    return value ? *value : ledger::Hash{};
  }
  ledger::Time time() {
    const auto value = ledger::parse_time(word());
    need(value.has_value());
    return value ? *value : ledger::Time{};
  }
  std::string_view rest() const { return rest_; }
  void need(bool holds) { good_ = good_ && holds; }
  bool good() const { return good_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace yunjian::auditor
