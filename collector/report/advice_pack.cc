#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "collector/report/pack_parts.h"
#include "rules/findings/finding.h"
#include "rules/month/advice_json.h"

namespace yunjian::collector {

using rules::Words;

namespace {

std::string detail(const Finding& finding, std::string_view key) {
  const auto found = finding.details.find(key);
  return found == finding.details.end() ? std::string() : found->second;
}

double number_of(const std::string& text) { return text.empty() ? 0 : std::stod(text); }

DocumentTable findings_table(const UtilizationTable& table,
                             const std::vector<const Finding*>& findings,
                             std::pair<std::string, Words> what) {
  DocumentTable shown{.key = std::move(what.first), .name = std::move(what.second)};
  shown.columns = {{"finding", {"编号", "finding"}, 22},
                   {"unit", {"使用单位", "unit"}, 14},
                   {"host", {"云主机", "host"}, 12},
                   {"name", {"名称", "name"}, 14},
                   {"verdict", {"判定", "verdict"}, 10},
                   {"state", {"处置状态", "state"}, 14},
                   {"due", {"期限", "due"}, 11},
                   {"recommended", {"建议规格", "size"}, 10},
                   {"saving", {"预计节约（元，至年底）", "expected saving, CNY to year end"}, 14},
                   {"payer", {"付费方", "payer"}, 8},
                   {"why", {"依据", "why"}, 60}};
  std::map<std::string_view, const HostFacts*> hosts;
  for (const UtilizationRow& row : table.rows) hosts[row.host.id] = &row.host;
  for (const Finding* finding : findings) {
    const auto verdict = rules::parse_verdict(finding->verdict);
    const auto state = rules::parse_finding_state(finding->state);
    // A host may have gone since; its finding stays.
    const auto host = hosts.find(finding->host);
    const bool here = host != hosts.end() && host->second->unit == finding->unit;
    const std::string saving = detail(*finding, "saving_fen");
    const std::string size = detail(*finding, "recommended");
    shown.rows.push_back(
        {finding->id, here ? unit_of(*host->second) : finding->unit, finding->host,
         here ? CellValue(host->second->name) : CellValue(),
         verdict ? CellValue(verdict_words(table, *verdict)) : CellValue(finding->verdict),
         state ? CellValue(rules::state_name(*state)) : CellValue(finding->state),
         date_or_text(finding->due), size.empty() ? CellValue() : CellValue(size),
         saving.empty() ? CellValue() : CellValue(Yuan{std::stoll(saving)}),
         rules::payer_words(detail(*finding, "payer")),
         Words{detail(*finding, "why_zh"), detail(*finding, "why_en")}});
  }
  return shown;
}

// Expected savings by payer; what has no known price or size is counted and not guessed.
DocumentTable savings_table(const std::vector<const Finding*>& findings) {
  struct Sum {
    std::uint64_t findings = 0, priced = 0, sized = 0;
    std::int64_t fen = 0;
    double vcpus = 0, memory_gb = 0;
  };
  std::map<std::string, Sum> by_payer;
  for (const Finding* finding : findings) {
    const std::string payer = detail(*finding, "payer");
    Sum& sum = by_payer[payer.empty() ? "city" : payer];
    ++sum.findings;
    const std::string vcpus = detail(*finding, "saving_vcpus");
    if (!vcpus.empty()) {
      ++sum.sized;
      sum.vcpus += number_of(vcpus);
      sum.memory_gb += number_of(detail(*finding, "saving_memory_gb"));
    }
    const std::string saving = detail(*finding, "saving_fen");
    if (saving.empty()) continue;
    ++sum.priced;
    sum.fen += std::stoll(saving);
  }
  DocumentTable savings{.key = "savings",
                        .name = {"预计节约（按付费方）", "Expected savings by payer"}};
  savings.columns = {{"payer", {"付费方", "payer"}, 12},
                     {"findings", {"事项", "findings"}, 10},
                     {"priced", {"其中有目录单价", "of those priced"}, 14},
                     {"saving", {"预计节约（元，至年底）", "expected saving, CNY to year end"}, 20},
                     {"sized", {"其中可计规格", "of those sized"}, 14},
                     {"saving_vcpus", {"预计节约 vCPU", "vCPU to be saved"}, 14},
                     {"saving_memory_gb", {"预计节约内存 GB", "memory GB to be saved"}, 14}};
  for (const auto& [payer, sum] : by_payer) {
    savings.rows.push_back({rules::payer_words(payer), sum.findings, sum.priced,
                            sum.priced == 0 ? CellValue() : CellValue(Yuan{sum.fen}), sum.sized,
                            sum.sized == 0 ? CellValue() : CellValue(sum.vcpus),
                            sum.sized == 0 ? CellValue() : CellValue(sum.memory_gb)});
  }
  return savings;
}

// What was carried out: what was expected beside what was measured by the month in which it was
// done (rules/month/month_findings.h); below 0 it got more.
DocumentTable outcome_table(const std::vector<const Finding*>& closed) {
  DocumentTable outcome{.key = "outcome",
                        .name = {"预计与实际节约", "Expected and actual savings"}};
  outcome.columns = {{"finding_id", {"编号", "finding"}, 22},
                     {"host", {"云主机", "host"}, 14},
                     {"payer", {"付费方", "payer"}, 10},
                     {"expected_vcpus", {"预计 vCPU", "vCPU expected"}, 12},
                     {"actual_vcpus", {"实际 vCPU", "vCPU actual"}, 12},
                     {"expected_memory_gb", {"预计内存 GB", "memory GB expected"}, 12},
                     {"actual_memory_gb", {"实际内存 GB", "memory GB actual"}, 12},
                     {"expected_month", {"预计每月（元）", "CNY a month expected"}, 14},
                     {"actual_month", {"实际每月（元）", "CNY a month actual"}, 14},
                     {"measured", {"核定月份", "measured in"}, 10}};
  for (const Finding* finding : closed) {
    const bool done = finding->state == "reclaimed" || finding->state == "remeasured";
    if (!done || detail(*finding, "vcpus").empty()) continue;
    const auto actual = [&](std::string_view key) {
      const std::string text = detail(*finding, key);
      return text.empty() ? CellValue() : CellValue(number_of(text));
    };
    const std::string saving = detail(*finding, "saving_fen");
    const std::string saved = detail(*finding, "actual_month_fen");
    const std::string measured = detail(*finding, "actual_month");
    const auto raised = rules::parse_month(finding->month);
    const unsigned months = raised ? rules::months_left_in_year(*raised) : 0;
    outcome.rows.push_back(
        {finding->id, finding->host, rules::payer_words(detail(*finding, "payer")),
         number_of(detail(*finding, "saving_vcpus")), actual("actual_vcpus"),
         number_of(detail(*finding, "saving_memory_gb")), actual("actual_memory_gb"),
         saving.empty() || months == 0 ? CellValue() : CellValue(Yuan{std::stoll(saving) / months}),
         saved.empty() ? CellValue() : CellValue(Yuan{std::stoll(saved)}),
         measured.empty() ? CellValue() : CellValue(measured)});
  }
  return outcome;
}

std::vector<const Finding*> pick(const PackSources& sources, rules::Road road, bool open) {
  std::vector<const Finding*> found;
  for (const Finding& finding : sources.findings) {
    const auto verdict = rules::parse_verdict(finding.verdict);
    const auto state = rules::parse_finding_state(finding.state);
    if (!verdict || !state) continue;
    if (rules::road_of(*verdict) == road && rules::is_closed(*state) != open)
      found.push_back(&finding);
  }
  return found;
}

}  // namespace

Document advice_document(const UtilizationTable& table, const PackSources& sources,
                         const Words& scope) {
  Document document = document_of("advice", {"优化建议", "Advice"}, table, scope);
  add_rules(document, table);
  const auto reclaim = pick(sources, rules::Road::reclaim, true);
  const auto expand = pick(sources, rules::Road::expand, true);
  std::vector<const Finding*> closed = pick(sources, rules::Road::reclaim, false);
  for (const Finding* finding : pick(sources, rules::Road::expand, false))
    closed.push_back(finding);
  document.sections.push_back(
      {.name = {"概要", "Summary"},
       .paragraphs = {summary(table),
                      {fmt::format("建议核减事项 {} 项，建议扩容事项 {} "
                                   "项。建议仅供主管部门与使用单位协商，不自动回收。",
                                   reclaim.size(), expand.size()),
                       fmt::format(
                           "{} hosts to give back, {} to expand. Advice is for people to agree on; "
                           "nothing is reclaimed by itself.",
                           reclaim.size(), expand.size())}},
       .tables = {savings_table(reclaim)}});
  document.sections.push_back(
      {.name = {"核减", "Give back"},
       .tables = {findings_table(table, reclaim, {"reclaim", {"建议核减", "To give back"}})}});
  document.sections.push_back(
      {.name = {"扩容", "Expand"},
       .tables = {findings_table(table, expand, {"expand", {"建议扩容", "To expand"}})}});
  document.sections.push_back(
      {.name = {"事项闭环", "Closed"},
       .tables = {findings_table(table, closed, {"closed", {"已办结事项", "Closed findings"}}),
                  outcome_table(closed)}});
  return document;
}

}  // namespace yunjian::collector
