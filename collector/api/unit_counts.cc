#include "collector/api/unit_counts.h"

#include <fmt/format.h>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

void UnitCounts::add(std::string_view unit, std::uint64_t records) {
  records_ += records;
  if (unit.empty()) return;
  const auto found = units_.find(unit);
  if (found != units_.end()) {
    found->second += records;
  } else {
    units_.emplace(unit, records);
  }
}

// What is too long for one text is told in several, whole counts each.
void UnitCounts::tell(Act& act) const {
  act.number("results", records_);
  std::string text;
  std::size_t part = 1;
  const auto put = [&] {
    act.text(part == 1 ? "units" : fmt::format("units.{}", part), text);
    text.clear();
    ++part;
  };
  for (const auto& [unit, records] : units_) {
    const std::string each = fmt::format("{}={}", unit, records);
    if (!text.empty() && text.size() + each.size() + 1 > act_text_bytes_max) put();
    text += (text.empty() ? "" : " ") + each;
  }
  if (!text.empty()) put();
}

std::map<std::string, std::uint64_t, std::less<>> UnitCounts::parse(std::string_view text) {
  std::map<std::string, std::uint64_t, std::less<>> units;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const auto equals = word.rfind('=');
    if (equals == std::string_view::npos) continue;
    const auto count = ledger::parse_decimal(word.substr(equals + 1));
    if (count) units[std::string(word.substr(0, equals))] += *count;
  }
  return units;
}

}  // namespace yunjian::collector
