#include "rules/month/standing_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::string_view nothing = "-";
constexpr std::size_t line_fields = 9;
constexpr std::size_t history_field = 8;

std::string outcome_text(const MonthOutcome& outcome) {
  std::string clears;
  for (const Verdict verdict : outcome.clears) {
    clears += fmt::format("{}{}", clears.empty() ? "" : ",", verdict_key(verdict));
  }
  return fmt::format("{}/{}/{}", verdict_key(outcome.verdict), clears.empty() ? nothing : clears,
                     outcome.exempt ? exemption_key(outcome.exempt->kind) : nothing);
}

std::string history_text(const std::vector<MonthOutcome>& months) {
  std::string text;
  for (const MonthOutcome& outcome : months) {
    text += fmt::format("{}{}/{}", text.empty() ? "" : ";", format_month(outcome.month),
                        outcome_text(outcome));
  }
  return text.empty() ? std::string(nothing) : text;
}

std::string size_text(const UtilizationRow& row) {
  return row.vcpus ? size_key(*row.vcpus, row.memory_bytes.value_or(0)) : std::string(nothing);
}

std::string line_of(const UtilizationRow& row) {
  const Standing& standing = *row.standing;
  return fmt::format(
      "{} {} {} {} {} {} {} {} {}\n", row.host.id, size_text(row), outcome_text(*row.outcome),
      standing.flag ? verdict_key(*standing.flag) : nothing,
      standing.since ? format_month(*standing.since) : std::string(nothing), standing.months,
      standing.consecutive, standing.held ? "held" : nothing, history_text(row.history));
}

// The parts between the separators; an empty text has one.
std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<MonthOutcome> parse_outcome(std::string_view text) {
  const auto parts = parts_of(text, '/');
  if (parts.size() != 4) return std::nullopt;
  const auto month = parse_month(parts[0]);
  const auto verdict = parse_verdict(parts[1]);
  if (!month || !verdict) return std::nullopt;
  MonthOutcome outcome{.month = *month, .verdict = *verdict};
  if (parts[2] != nothing) {
    for (const std::string_view key : parts_of(parts[2], ',')) {
      const auto clears = parse_verdict(key);
      if (!clears) return std::nullopt;
      outcome.clears.push_back(*clears);
    }
  }
  if (parts[3] == nothing) return outcome;
  const auto kind = parse_exemption_kind(parts[3]);
  if (!kind) return std::nullopt;
  outcome.exempt = Exempt{.kind = *kind};
  return outcome;
}

using Lines = std::map<std::string_view, std::string_view>;  // by host

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    lines[line.substr(0, line.find(' '))] = line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string format_standings(const UtilizationTable& table) {
  std::map<std::string_view, const UtilizationRow*> rows;
  for (const UtilizationRow& row : table.rows) {
    if (row.outcome && row.standing) rows[row.host.id] = &row;
  }
  std::string text;
  for (const auto& [host, row] : rows) text += line_of(*row);
  return text;
}

Result<StandingHistory> StandingHistory::parse(std::string_view text) {
  StandingHistory history;
  for (const auto& [host, line] : lines_of(text)) {
    const auto fields = parts_of(line, ' ');
    const auto bad = [&, &line = line](std::string_view what) {
      return ledger::fail(ErrorKind::reject, fmt::format("the line '{}': {}", line, what));
    };
    if (fields.size() != line_fields) return bad(fmt::format("it has not {} fields", line_fields));
    std::vector<MonthOutcome>& months = history.months_[fmt::format("{} {}", host, fields[1])];
    if (fields[history_field] == nothing) continue;
    for (const std::string_view each : parts_of(fields[history_field], ';')) {
      auto outcome = parse_outcome(each);
      if (!outcome) return bad(fmt::format("'{}' is no outcome of a month", each));
      if (!months.empty() && months.back().month >= outcome->month) return bad("months fall");
      months.push_back(std::move(*outcome));
    }
  }
  return history;
}

HistorySource StandingHistory::source() const {
  return [this](const std::string& host, const std::string& size) {
    const auto found = months_.find(fmt::format("{} {}", host, size));
    return found == months_.end() ? std::vector<MonthOutcome>() : found->second;
  };
}

std::set<Month> StandingHistory::months() const {
  std::set<Month> named;
  for (const auto& [key, months] : months_) {
    for (const MonthOutcome& outcome : months) named.insert(outcome.month);
  }
  return named;
}

std::vector<StandingDifference> standing_differences(std::string_view told,
                                                     std::string_view wanted) {
  const Lines said = lines_of(told);
  const Lines right = lines_of(wanted);
  std::set<std::string_view> hosts;
  for (const auto& [host, line] : said) hosts.insert(host);
  for (const auto& [host, line] : right) hosts.insert(host);
  std::vector<StandingDifference> differences;
  for (const std::string_view host : hosts) {
    const auto a = said.find(host);
    const auto b = right.find(host);
    const std::string one(a == said.end() ? "" : a->second);
    const std::string other(b == right.end() ? "" : b->second);
    if (one != other) differences.push_back({std::string(host), one, other});
  }
  return differences;
}

}  // namespace yunjian::rules
