#include "collector/report/month_findings.h"

#include <fmt/format.h>

#include <set>

#include "rules/findings/finding.h"

namespace yunjian::collector {

namespace {

std::string_view road_key(rules::Road road) {
  return road == rules::Road::reclaim ? "reclaim" : "expand";
}

std::string host_and_road(std::string_view host, rules::Road road) {
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
void add_saving(Finding& finding, const UtilizationRow& row, rules::Month month) {
  const bool off = *row.standing->flag == rules::Verdict::off;
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
  const auto fen = rules::saving_fen(row.host.month_fen, 0, rules::months_left_in_year(month));
  if (fen) finding.details["saving_fen"] = fmt::to_string(*fen);
}

void add_advice(Finding& finding, const UtilizationRow& row, rules::Month month) {
  add_saving(finding, row, month);
  if (!row.advice) return;
  finding.details["recommended"] = row.advice->spec.id;
  finding.details["advice_zh"] = row.advice->explanation.zh;
  finding.details["advice_en"] = row.advice->explanation.en;
  if (row.saving_fen) finding.details["saving_fen"] = fmt::to_string(*row.saving_fen);
}

Finding finding_of(const UtilizationRow& row, rules::Month in_month, ledger::Time now) {
  const std::string month = rules::format_month(in_month);
  const rules::Verdict verdict = *row.standing->flag;
  Finding finding{
      .id = fmt::format("{}:{}", host_and_road(row.host.id, rules::road_of(verdict)), month),
      .host = row.host.id,
      .unit = row.host.unit,
      .verdict = std::string(rules::verdict_key(verdict)),
      .state = std::string(rules::state_key(rules::FindingState::flagged)),
      .month = month,
      .opened = now,
      .changed = now};
  if (const auto calendar = rules::cn_calendar()) {
    const auto due = rules::due_in(rules::FindingState::flagged, rules::china_date(now), *calendar);
    finding.due = rules::due_text(due);
  }
  finding.details["why_zh"] = row.standing->explanation.zh + row.judgement.explanation.zh;
  finding.details["why_en"] = row.standing->explanation.en + " " + row.judgement.explanation.en;
  finding.details["rules"] = row.judgement.rule_version;
  if (!row.judgement.agreement.empty()) finding.details["agreement"] = row.judgement.agreement;
  if (row.standing->since) finding.details["since"] = rules::format_month(*row.standing->since);
  finding.details["payer"] = row.host.payer;
  add_advice(finding, row, in_month);
  return finding;
}

}  // namespace

std::vector<Finding> new_findings(const UtilizationTable& table, std::span<const Finding> known,
                                  ledger::Time now) {
  std::set<std::string> taken;
  const std::string month = rules::format_month(table.month);
  for (const Finding& finding : known) {
    const auto verdict = rules::parse_verdict(finding.verdict);
    const auto state = rules::parse_finding_state(finding.state);
    const bool open = state && !rules::is_closed(*state);
    if (verdict && (open || finding.month == month)) {
      taken.insert(host_and_road(finding.host, rules::road_of(*verdict)));
    }
  }
  std::vector<Finding> raised;
  for (const UtilizationRow& row : table.rows) {
    if (!row.standing || !row.standing->flag) continue;
    const auto road = rules::road_of(*row.standing->flag);
    if (taken.insert(host_and_road(row.host.id, road)).second) {
      raised.push_back(finding_of(row, table.month, now));
    }
  }
  return raised;
}

}  // namespace yunjian::collector
