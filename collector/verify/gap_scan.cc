#include "collector/verify/gap_scan.h"

#include <algorithm>

#include "ledger/record.h"

namespace yunjian::collector {
namespace {

// As a canonical record writes it; an agent that writes otherwise only escapes its own alarm.
constexpr std::string_view gap_mark = R"("what":"gap")";

std::string text_of(const ledger::ParsedRecord& record, std::string_view key) {
  return std::string(record.find(key).value_or(std::string_view()));
}

}  // namespace

std::vector<GapSeen> find_gaps(std::string_view lines) {
  std::vector<GapSeen> gaps;
  std::size_t at = lines.find(gap_mark);
  while (at != std::string_view::npos && gaps.size() < gaps_a_body_max) {
    const std::size_t before = lines.rfind('\n', at);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    const auto record = ledger::parse_record(lines.substr(begin, end - begin));
    // The same words may stand in the text of an event.
    if (record && (*record)->find("kind") == "agent" && (*record)->find("what") == "gap") {
      gaps.push_back({.cause = text_of(**record, "cause"),
                      .batches = text_of(**record, "batches"),
                      .count = (*record)->find_integer("count").value_or(0),
                      .bytes = (*record)->find_integer("bytes").value_or(0)});
    }
    at = lines.find(gap_mark, end);
  }
  return gaps;
}

}  // namespace yunjian::collector
