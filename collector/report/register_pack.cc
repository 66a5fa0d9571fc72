#include <fmt/format.h>

#include <algorithm>

#include "collector/report/pack_parts.h"
#include "rules/month/register_json.h"

namespace yunjian::collector {

using rules::Words;

namespace {

constexpr unsigned drills_a_year = 2;  // Art. 20

DocumentTable changes_table(const std::vector<const RegistryEntry*>& changes) {
  DocumentTable table = entries_table("change", changes);
  table.columns.push_back({"notice", {"提前申请", "notice"}, 26});
  const auto calendar = rules::cn_calendar();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto notice = calendar ? rules::change_notice(*changes[i], *calendar) : std::nullopt;
    table.rows[i].push_back(notice ? CellValue(std::move(*notice)) : CellValue());
  }
  return table;
}

Words drill_words(std::size_t done, rules::Month month) {
  const unsigned left = 12 - static_cast<unsigned>(month.month());
  if (done >= drills_a_year) {
    return {fmt::format("今年已开展应急演练 {} 次，满足每年不少于 2 次（第二十条）。", done),
            fmt::format("Drills this year: {}; two are asked for (Art. 20).", done)};
  }
  return {fmt::format("今年已开展应急演练 {} 次，不足 2 次（第二十条），年内还有 {} 个月。", done,
                      left),
          fmt::format("Drills this year: {}; two are asked for (Art. 20). Months left: {}.", done,
                      left)};
}

Words evidence_words(const PackSources::Evidence& evidence) {
  return {
      fmt::format(
          "日志完整性：{} 条日志流、{} 条记录已封存并写入可验证日志（{} 个叶子，根 {}）；其中 {} "
          "条流超过 180 秒无数据，{} 个批次正文缺失（另有缺口说明），分叉 {} 处。任何人可用 "
          "yunjian-audit verify 独立核验。",
          evidence.streams, evidence.records, evidence.leaves, evidence.checkpoint_root,
          evidence.silent, evidence.hollow, evidence.forks),
      fmt::format(
          "Integrity of logs: {} streams with {} records are sealed in the verifiable log ({} "
          "leaves, root {}); {} streams were silent for more than 180 s, {} bodies are "
          "absent (named by gap records), {} forks. Anybody can check with yunjian-audit "
          "verify.",
          evidence.streams, evidence.records, evidence.leaves, evidence.checkpoint_root,
          evidence.silent, evidence.hollow, evidence.forks)};
}

// What a section leaves out, so that nothing reads as if it had not happened.
std::vector<Words> what_is_left_out(const PackSources& sources) {
  if (!sources.narrow) return {};
  return {{"本节只列本报告范围内使用单位的事项；未指明使用单位、涉及全市的事项见全市报告。",
           "Entries of this report's units only; those that concern the whole cloud and name no "
           "unit stand in the city's report."}};
}

// What is done for the whole cloud reads alike in every report.
std::vector<Words> what_is_common(const PackSources& sources) {
  if (!sources.narrow) return {};
  return {{"本节为全市统一事项，各范围报告所列相同。",
           "Done for the whole cloud; the same in every report."}};
}

DocumentSection section_of(Words name, std::vector<Words> paragraphs, DocumentTable table) {
  DocumentSection section{.name = std::move(name), .paragraphs = std::move(paragraphs)};
  section.tables.push_back(std::move(table));
  return section;
}

std::vector<const RegistryEntry*> all_of(const PackSources& sources, std::string_view kind) {
  std::vector<const RegistryEntry*> found;
  for (const RegistryEntry& entry : entries_of(sources, kind)) found.push_back(&entry);
  return found;
}

// Systems with the protection level (等保) and the zone they were entered with, and their hosts.
DocumentTable systems_table(const PackSources& sources) {
  const auto systems = all_of(sources, "system");
  DocumentTable table = entries_table("system", systems);
  table.columns.push_back({"hosts", {"云主机", "hosts"}, 8});
  table.empty = {"台账中没有业务系统。", "No system is entered in the inventory."};
  for (std::size_t i = 0; i < systems.size(); ++i) {
    const auto& terms = entries_of(sources, "host_terms");
    const auto hosts = std::count_if(terms.begin(), terms.end(), [&](const RegistryEntry& entry) {
      return entry.field("system") == systems[i]->id;
    });
    table.rows[i].emplace_back(static_cast<std::uint64_t>(hosts));
  }
  return table;
}

}  // namespace

Document operations_document(const UtilizationTable& table, const PackSources& sources,
                             const Words& scope) {
  Document document =
      document_of("operations", {"运行维护报告", "Operations report"}, table, scope);
  const auto month = table.month;
  const auto drills = reported(sources, "drill", month);
  std::vector<Words> of_drills = {drill_words(drills.size(), month)};
  for (Words& words : what_is_common(sources)) of_drills.push_back(std::move(words));
  const auto add = [&](Words name, std::vector<Words> paragraphs, DocumentTable shown) {
    document.sections.push_back(
        section_of(std::move(name), std::move(paragraphs), std::move(shown)));
  };
  add({"业务系统", "Systems"}, {}, systems_table(sources));
  add({"值班值守", "On duty"}, what_is_common(sources),
      entries_table("duty", reported(sources, "duty", month)));
  add({"故障", "Incidents"}, what_is_left_out(sources),
      entries_table("incident", reported(sources, "incident", month)));
  add({"重大变更", "Changes"}, what_is_common(sources),
      changes_table(reported(sources, "change", month)));
  add({"备份与恢复", "Backups"}, what_is_left_out(sources),
      entries_table("backup", reported(sources, "backup", month)));
  add({"应急演练", "Drills"}, std::move(of_drills), entries_table("drill", drills));
  return document;
}

Document security_document(const UtilizationTable& table, const PackSources& sources,
                           const Words& scope) {
  Document document = document_of("security", {"安全报告", "Security report"}, table, scope);
  const auto month = table.month;
  document.sections.push_back({.name = {"日志完整性", "Integrity of logs"},
                               .paragraphs = {evidence_words(sources.evidence)}});
  const auto add = [&](Words name, DocumentTable shown) {
    document.sections.push_back(
        section_of(std::move(name), what_is_left_out(sources), std::move(shown)));
  };
  add({"安全事件", "Security events"},
      entries_table("security_event", reported(sources, "security_event", month)));
  add({"漏洞", "Vulnerabilities"},
      entries_table("vulnerability", reported(sources, "vulnerability", month)));
  add({"整改", "Rectifications"},
      entries_table("rectification", reported(sources, "rectification", month)));
  return document;
}

}  // namespace yunjian::collector
