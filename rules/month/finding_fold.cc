#include "rules/month/finding_fold.h"

#include <fmt/format.h>

#include "ledger/base/bytes.h"

namespace yunjian::rules {

namespace {

constexpr std::string_view field_prefix = "field.";
constexpr std::string_view list_head = "steps ";

}  // namespace

std::optional<FindingStepped> read_finding_act(const ledger::ParsedRecord& record) {
  if (record.find("kind") != "collector" || record.find("what") != "finding") return std::nullopt;
  const auto text = [&](std::string_view key) {
    return std::string(record.find(key).value_or(""));
  };
  const auto number = record.find_integer("step");
  const auto time = ledger::parse_time(text("time"));
  if (!number || !time || text("finding").empty()) return std::nullopt;
  FindingStepped step{.finding = {.id = text("finding"),
                                  .host = text("host"),
                                  .unit = text("unit"),
                                  .verdict = text("verdict"),
                                  .state = text("state"),
                                  .month = text("month"),
                                  .due = text("due"),
                                  .stopped_since = text("stopped_since"),
                                  .opened = *time,
                                  .changed = *time},
                      .event = {.number = *number,
                                .time = *time,
                                .act = text("act"),
                                .who = text("by"),
                                .state = text("state"),
                                .reason = text("reason")}};
  for (const ledger::RecordField& field : record.fields) {
    if (!field.key.starts_with(field_prefix)) continue;
    step.finding.details[std::string(field.key.substr(field_prefix.size()))] = field.value;
  }
  return step;
}

bool FindingFold::add(const FindingStepped& step) {
  std::uint64_t& steps = steps_of_[step.finding.id];
  if (step.event.number != steps) return false;
  ++steps;
  ++steps_;
  StoredFinding& kept = findings_[step.finding.id];
  const ledger::Time opened = steps == 1 ? step.finding.opened : kept.opened;
  kept = step.finding;
  kept.opened = opened;
  return true;
}

std::vector<StoredFinding> FindingFold::list() const {
  std::vector<StoredFinding> all;
  for (const auto& [id, finding] : findings_) all.push_back(finding);
  return all;
}

std::string format_findings(std::uint64_t steps, std::span<const StoredFinding> findings) {
  std::string text = fmt::format("{}{}\n", list_head, steps);
  for (const StoredFinding& finding : findings) {
    text += fmt::format("{} {} {} {}\n", finding.id, finding.verdict, finding.state,
                        finding.due.empty() ? "-" : finding.due);
  }
  return text;
}

std::optional<std::uint64_t> steps_of_list(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (!text.starts_with(list_head) || end == text.npos) return std::nullopt;
  const auto count = ledger::parse_decimal(text.substr(list_head.size(), end - list_head.size()));
  return count ? std::optional(*count) : std::nullopt;
}

}  // namespace yunjian::rules
