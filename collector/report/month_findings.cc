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

void add_advice(Finding& finding, const UtilizationRow& row) {
  if (!row.advice) return;
  finding.details["recommended"] = row.advice->spec.id;
  finding.details["advice_zh"] = row.advice->explanation.zh;
  finding.details["advice_en"] = row.advice->explanation.en;
  if (row.saving_fen) finding.details["saving_fen"] = fmt::to_string(*row.saving_fen);
}

Finding finding_of(const UtilizationRow& row, const std::string& month, ledger::Time now) {
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
  finding.details["why_zh"] = row.standing->explanation.zh + row.judgement.explanation.zh;
  finding.details["why_en"] = row.standing->explanation.en + " " + row.judgement.explanation.en;
  finding.details["rules"] = row.judgement.rule_version;
  if (!row.judgement.agreement.empty()) finding.details["agreement"] = row.judgement.agreement;
  if (row.standing->since) finding.details["since"] = rules::format_month(*row.standing->since);
  finding.details["payer"] = row.host.payer;
  add_advice(finding, row);
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
      raised.push_back(finding_of(row, month, now));
    }
  }
  return raised;
}

}  // namespace yunjian::collector
