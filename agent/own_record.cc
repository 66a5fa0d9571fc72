#include "agent/own_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {

namespace {

constexpr std::size_t shown_bytes_max = 4096;

}  // namespace

std::string shown_text(std::string text) {
  if (text.size() > shown_bytes_max) text.resize(shown_bytes_max);
  return ledger::is_valid_utf8(text) ? text : ledger::escape_bytes(text);
}

std::string own_record(ledger::Time now, std::string_view what, std::vector<Detail> details) {
  std::sort(details.begin(), details.end(), [](const Detail& a, const Detail& b) {
    return ledger::record_key_less(a.first, b.first);
  });
  std::string line;
  ledger::RecordWriter writer(line, now, "agent");
  writer.text("what", what);
  for (const auto& [key, value] : details) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      writer.text(key, *text);
    } else {
      writer.integer(key, std::get<std::uint64_t>(value));
    }
  }
  writer.finish();
  return line;
}

namespace {

// Both inclusive.
std::string range(std::uint64_t first, std::uint64_t last) {
  return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

}  // namespace

std::string unwitnessed_record(ledger::Time now, const BodyLoss& loss) {
  return own_record(now, "spool",
                    {{"cause", "freed-unwitnessed"},
                     {"batches", range(loss.unwitnessed_from, loss.unwitnessed_to - 1)}});
}

std::string body_gap_record(ledger::Time now, std::string_view cause, const BodyLoss& loss,
                            const std::string& stream) {
  std::vector<Detail> details{{"cause", std::string(cause)},
                              {"batches", range(loss.first, loss.last)},
                              {"count", loss.records},
                              {"bytes", loss.bytes},
                              {"from", ledger::format_time(loss.from)},
                              {"to", ledger::format_time(loss.to)}};
  if (!stream.empty()) details.emplace_back("stream", stream);
  return own_record(now, "gap", std::move(details));
}

}  // namespace yunjian::agent
