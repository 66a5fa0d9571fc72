#include "agent/sources/audit/audit_feed.h"

#include <fmt/format.h>

#include <vector>

#include "agent/sources/audit/event_fields.h"
#include "agent/sources/audit/event_record.h"
#include "agent/sources/gap_record.h"

namespace yunjian::agent {
namespace {

constexpr std::string_view version = "audit/v1 ";

std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const std::string_view front = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return front;
}

void append_lines(std::string& out, const AuditEvent& event) {
  for (const auto& line : event.lines) {
    out += line;
    out += '\n';
  }
}

}  // namespace

bool AuditFeed::restore(std::string_view position, std::string& input) {
  if (!position.starts_with(version)) return false;
  position.remove_prefix(version.size());
  std::string_view head = take_until(position, '\n');
  const std::string_view lost = take_until(head, ' ');
  const auto parts = audit_number(take_until(head, ' '));
  const auto first = audit_number(head);
  if (!parts || !first || (lost != "-" && !audit_number(lost))) return false;
  input = take_until(position, '\n');
  std::vector<std::string> lines;
  while (!position.empty()) lines.emplace_back(take_until(position, '\n'));
  if (*first > lines.size()) return false;
  parts_ = *parts;
  lost_ = audit_number(lost);
  const auto rest = lines.begin() + static_cast<std::ptrdiff_t>(*first);
  if (*first > 0) events_.add_complete(make_event({lines.begin(), rest}));
  for (auto line = rest; line != lines.end(); ++line) events_.add(*line, ledger::Time{});
  return true;
}

// audit/v1 LOST PARTS LINES, the input's position, and the lines that are held: the first LINES of
// them are an event of which PARTS records are handed over.
std::string AuditFeed::position(std::string_view input) const {
  const auto& complete = events_.complete();
  const std::size_t first = parts_ == 0 || complete.empty() ? 0 : complete.front().lines.size();
  std::string out = fmt::format("{}{} {} {}\n{}\n", version, lost_ ? std::to_string(*lost_) : "-",
                                parts_, first, input);
  for (const auto& event : complete) append_lines(out, event);
  for (const auto& event : events_.open()) append_lines(out, event);
  return out;
}

bool AuditFeed::hand_over(ledger::Time now, RecordSink& sink) {
  while (!events_.complete().empty()) {
    if (!hand_over_first(now, sink)) return false;
    events_.complete().pop_front();
    parts_ = 0;
  }
  return true;
}

bool AuditFeed::hand_over_first(ledger::Time now, RecordSink& sink) {
  const EventRecords records(events_.complete().front(), now);
  while (parts_ < records.count()) {
    records.write(line_, parts_);
    if (!sink.take(line_)) return false;
    ++parts_;
  }
  return report_lost(now, sink);
}

// What the kernel had no room for is a loss of this source. Its count starts again at each boot.
bool AuditFeed::report_lost(ledger::Time now, RecordSink& sink) {
  const auto count = lost_count(events_.complete().front());
  if (!count) return true;
  const std::uint64_t before = lost_ && *lost_ <= *count ? *lost_ : 0;
  if (*count > before) {
    write_gap(line_, now,
              {.cause = "kernel-lost",
               .detail = "the kernel had no room for audit records: raise -b in the audit rules",
               .source = "audit",
               .log = "audit",
               .count = *count - before});
    if (!sink.take(line_)) return false;
  }
  lost_ = count;
  return true;
}

std::size_t AuditFeed::waiting_bytes() const {
  std::size_t bytes = 0;
  for (const auto& event : events_.complete()) bytes += event.bytes;
  return bytes;
}

}  // namespace yunjian::agent
