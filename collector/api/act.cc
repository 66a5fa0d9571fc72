#include "collector/api/act.h"

#include <algorithm>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::collector {

Act& Act::text(std::string_view key, std::string_view value) {
  std::string kept =
      ledger::is_valid_utf8(value) ? std::string(value) : ledger::escape_bytes(value);
  if (kept.size() > act_text_bytes_max) {
    std::size_t end = act_text_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(kept[end]) & 0xc0U) == 0x80U) --end;
    kept.resize(end);
    kept += "…";
  }
  details_.emplace_back(key, std::move(kept));
  return *this;
}

Act& Act::number(std::string_view key, std::uint64_t value) {
  details_.emplace_back(key, std::min<std::uint64_t>(value, INT64_MAX));
  return *this;
}

std::string Act::line() const {
  auto sorted = details_;
  sorted.emplace_back("what", what_);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return ledger::record_key_less(a.first, b.first); });
  std::string line;
  ledger::RecordWriter writer(line, time_, "collector");
  for (const auto& [key, value] : sorted) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      writer.text(key, *text);
    } else {
      writer.integer(key, std::get<std::uint64_t>(value));
    }
  }
  writer.finish();
  return line;
}

}  // namespace yunjian::collector
