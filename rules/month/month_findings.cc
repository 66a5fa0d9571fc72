#include "rules/month/month_findings.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <set>

#include "ledger/base/bytes.h"
#include "rules/findings/finding.h"

namespace yunjian::rules {

namespace {

std::string_view road_key(Road road) { return road == Road::reclaim ? "reclaim" : "expand"; }

std::string host_and_road(std::string_view host, Road road) {
  return fmt::format("{}:{}", host, road_key(road));
}

double gigabytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / static_cast<double>(1ULL << 30U);
}

// What the host has, to be compared later with what it has then.
struct Size {
  std::uint64_t vcpus = 0;
  std::uint64_t memory_bytes = 0;
};
Size size_of(const UtilizationRow& row) {
  return {row.vcpus.value_or(row.host.vcpus.value_or(0)),
          row.memory_bytes.value_or(row.host.memory_bytes.value_or(0))};
}

// What the size advised would save, below 0 what it would need more; all of a host that is off.
void add_saving(StoredFinding& finding, const UtilizationRow& row, Month month) {
  const bool off = *row.standing->flag == Verdict::off;
  const Size has = size_of(row);
  if (has.vcpus == 0 || has.memory_bytes == 0) return;
  finding.details["vcpus"] = fmt::to_string(has.vcpus);
  finding.details["memory_gb"] = fmt::format("{:.2f}", gigabytes(has.memory_bytes));
  if (row.host.month_fen) finding.details["month_fen"] = fmt::to_string(*row.host.month_fen);
  if (!off && !row.advice) return;
  const Size left = off ? Size{} : Size{row.advice->spec.vcpus, row.advice->spec.memory_bytes};
  finding.details["saving_vcpus"] =
      fmt::to_string(static_cast<std::int64_t>(has.vcpus) - static_cast<std::int64_t>(left.vcpus));
  finding.details["saving_memory_gb"] =
      fmt::format("{:.2f}", gigabytes(has.memory_bytes) - gigabytes(left.memory_bytes));
  if (!off) return;
  const auto fen = saving_fen(row.host.month_fen, 0, months_left_in_year(month));
  if (fen) finding.details["saving_fen"] = fmt::to_string(*fen);
}

void add_advice(StoredFinding& finding, const UtilizationRow& row, Month month) {
  add_saving(finding, row, month);
  if (!row.advice) return;
  finding.details["recommended"] = row.advice->spec.id;
  finding.details["advice_zh"] = row.advice->explanation.zh;
  finding.details["advice_en"] = row.advice->explanation.en;
  if (row.saving_fen) finding.details["saving_fen"] = fmt::to_string(*row.saving_fen);
}

StoredFinding finding_of(const UtilizationRow& row, Month in_month, ledger::Time now) {
  const std::string month = format_month(in_month);
  const Verdict verdict = *row.standing->flag;
  StoredFinding finding{
      .id = fmt::format("{}:{}", host_and_road(row.host.id, road_of(verdict)), month),
      .host = row.host.id,
      .unit = row.host.unit,
      .verdict = std::string(verdict_key(verdict)),
      .state = std::string(state_key(FindingState::flagged)),
      .month = month,
      .opened = now,
      .changed = now};
  if (const auto calendar = cn_calendar()) {
    const auto due = due_in(FindingState::flagged, china_date(now), *calendar);
    finding.due = due_text(due);
  }
  finding.details["why_zh"] = row.standing->explanation.zh + row.judgement.explanation.zh;
  finding.details["why_en"] = row.standing->explanation.en + " " + row.judgement.explanation.en;
  finding.details["rules"] = row.judgement.rule_version;
  if (!row.judgement.agreement.empty()) finding.details["agreement"] = row.judgement.agreement;
  if (row.standing->since) finding.details["since"] = format_month(*row.standing->since);
  finding.details["payer"] = row.host.payer;
  add_advice(finding, row, in_month);
  return finding;
}

}  // namespace

std::vector<StoredFinding> new_findings(const UtilizationTable& table,
                                        std::span<const StoredFinding> known, ledger::Time now) {
  std::set<std::string> taken;
  const std::string month = format_month(table.month);
  for (const StoredFinding& finding : known) {
    const auto verdict = parse_verdict(finding.verdict);
    const auto state = parse_finding_state(finding.state);
    const bool open = state && !is_closed(*state);
    if (verdict && (open || finding.month == month)) {
      taken.insert(host_and_road(finding.host, road_of(*verdict)));
    }
  }
  std::vector<StoredFinding> raised;
  for (const UtilizationRow& row : table.rows) {
    if (!row.standing || !row.standing->flag) continue;
    const auto road = road_of(*row.standing->flag);
    if (taken.insert(host_and_road(row.host.id, road)).second) {
      raised.push_back(finding_of(row, table.month, now));
    }
  }
  return raised;
}

namespace {

std::string detail(const StoredFinding& finding, std::string_view key) {
  const auto found = finding.details.find(key);
  return found == finding.details.end() ? std::string() : found->second;
}

bool was_carried_out(const StoredFinding& finding) {
  return finding.state == state_key(FindingState::reclaimed) ||
         finding.state == state_key(FindingState::remeasured);
}

// Hundredths, of a text with two decimals that add_saving() wrote.
std::optional<std::int64_t> hundredths(const std::string& text) {
  const std::size_t dot = text.find('.');
  if (dot == text.npos || dot + 3 != text.size()) return std::nullopt;
  const auto value = ledger::parse_decimal(text.substr(0, dot));
  const auto fraction = std::to_array({text[dot + 1], text[dot + 2]});
  if (!value || *value > 1'000'000'000) return std::nullopt;
  for (const char c : fraction) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  return static_cast<std::int64_t>(*value) * 100 + (fraction[0] - '0') * 10 + fraction[1] - '0';
}

std::string signed_hundredths(std::int64_t value) {
  const auto size = static_cast<std::uint64_t>(value < 0 ? -value : value);
  return fmt::format("{}{}.{:02}", value < 0 ? "-" : "", size / 100, size % 100);
}

// Null: it stands no more in the table, or was retired.
const UtilizationRow* left_of(const UtilizationTable& table, const UtilizationRow* row) {
  if (row == nullptr) return nullptr;
  const auto& retired = row->host.retired;
  return retired && *retired <= table.as_of ? nullptr : row;
}

void add_actual(StoredFinding& finding, const UtilizationRow* now) {
  const auto vcpus = ledger::parse_decimal(detail(finding, "vcpus"));
  const auto memory = hundredths(detail(finding, "memory_gb"));
  const Size left = now == nullptr ? Size{} : size_of(*now);
  if (vcpus) {
    finding.details["actual_vcpus"] =
        fmt::to_string(static_cast<std::int64_t>(*vcpus) - static_cast<std::int64_t>(left.vcpus));
  }
  const auto left_memory = hundredths(fmt::format("{:.2f}", gigabytes(left.memory_bytes)));
  if (memory && left_memory) {
    finding.details["actual_memory_gb"] = signed_hundredths(*memory - *left_memory);
  }
  const auto price = ledger::parse_decimal(detail(finding, "month_fen"));
  if (price && (now == nullptr || now->host.month_fen)) {
    const std::uint64_t after = now == nullptr ? 0 : *now->host.month_fen;
    finding.details["actual_month_fen"] =
        fmt::to_string(static_cast<std::int64_t>(*price) - static_cast<std::int64_t>(after));
  }
}

}  // namespace

std::vector<StoredFinding> measured_findings(const UtilizationTable& table,
                                             std::span<const StoredFinding> known) {
  std::map<std::string_view, const UtilizationRow*> rows;
  for (const UtilizationRow& row : table.rows) rows[row.host.id] = &row;  // its last part
  std::vector<StoredFinding> measured;
  for (const StoredFinding& finding : known) {
    const bool sized = !detail(finding, "vcpus").empty();
    const bool again = !detail(finding, "actual_month").empty();
    if (!was_carried_out(finding) || !sized || again || finding.changed >= month_end(table.month)) {
      continue;
    }
    const auto row = rows.find(finding.host);
    StoredFinding& with = measured.emplace_back(finding);
    with.details["actual_month"] = format_month(table.month);
    add_actual(with, left_of(table, row == rows.end() ? nullptr : row->second));
  }
  return measured;
}

}  // namespace yunjian::rules
