#include "collector/verify/gap_scan.h"

#include "collector/store/line_glance.h"
#include "ledger/record.h"

namespace yunjian::collector {
namespace {

constexpr std::string_view gap_mark = R"("what":"gap")";

std::string text_of(const ledger::ParsedRecord& record, std::string_view key) {
  return std::string(record.find(key).value_or(std::string_view()));
}

}  // namespace

std::vector<GapSeen> find_gaps(std::span<const std::string_view> lines) {
  std::vector<GapSeen> gaps;
  for (const std::string_view line : lines) {
    if (kind_of(line) != "agent" || line.find(gap_mark) == std::string_view::npos) continue;
    if (gaps.size() == gaps_a_body_max) break;
    const auto record = ledger::parse_record(line);
    // The same words may stand in the text of another agent record.
    if (record && (*record)->find("what") == "gap") {
      gaps.push_back({.cause = text_of(**record, "cause"),
                      .batches = text_of(**record, "batches"),
                      .count = (*record)->find_integer("count").value_or(0),
                      .bytes = (*record)->find_integer("bytes").value_or(0)});
    }
  }
  return gaps;
}

}  // namespace yunjian::collector
