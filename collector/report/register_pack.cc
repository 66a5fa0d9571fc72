#include <fmt/format.h>

#include <algorithm>

#include "collector/report/pack_parts.h"
#include "rules/calendar/calendar.h"

namespace yunjian::collector {

using rules::Words;

namespace {

constexpr unsigned drills_a_year = 2;  // Art. 20
constexpr int change_notice_days = 3;  // working days, Art. 23

DocumentTable changes_table(const std::vector<const RegistryEntry*>& changes) {
  DocumentTable table = entries_table("change", changes);
  table.columns.push_back({"notice", {"提前申请", "notice"}, 26});
  const auto calendar = rules::cn_calendar();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto applied = rules::parse_date(changes[i]->field("applied"));
    const auto planned = rules::parse_date(changes[i]->field("planned"));
    if (!applied || !planned || !calendar) {
      table.rows[i].emplace_back();
      continue;
    }
    const auto latest = calendar->add_working_days(*planned, -change_notice_days);
    if (!latest) {
      table.rows[i].emplace_back(
          Words{"工作日历未公布，无法判断", "the calendar is not published: not known"});
    } else if (*applied <= *latest) {
      table.rows[i].emplace_back(Words{"不少于 3 个工作日", "three working days or more"});
    } else {
      table.rows[i].emplace_back(
          Words{"不足 3 个工作日（第二十三条）", "less than three working days (Art. 23)"});
    }
  }
  return table;
}

std::vector<const RegistryEntry*> drills_so_far(const PackSources& sources, rules::Month month) {
  std::vector<const RegistryEntry*> found;
  for (const RegistryEntry& entry : entries_of(sources, "drill")) {
    const auto date = rules::parse_date(entry.field("date"));
    if (date && date->year() == month.year() && date->month() <= month.month())
      found.push_back(&entry);
  }
  return found;
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

// Not fixed, or fixed in this month.
std::vector<const RegistryEntry*> vulnerabilities(const PackSources& sources, rules::Month month) {
  std::vector<const RegistryEntry*> found;
  for (const RegistryEntry& entry : entries_of(sources, "vulnerability")) {
    const auto begun = rules::parse_date(entry.field("found"));
    const bool before = begun && begun->year() / begun->month() <= month;
    const bool open = entry.field("fixed").empty() || lies_in(entry, "fixed", month);
    if (before && open) found.push_back(&entry);
  }
  return found;
}

std::vector<const RegistryEntry*> rectifications(const PackSources& sources, rules::Month month) {
  std::vector<const RegistryEntry*> found;
  for (const RegistryEntry& entry : entries_of(sources, "rectification")) {
    const auto issued = rules::parse_date(entry.field("issued"));
    const bool before = issued && issued->year() / issued->month() <= month;
    if (before && (entry.field("done").empty() || lies_in(entry, "done", month)))
      found.push_back(&entry);
  }
  return found;
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
  const auto drills = drills_so_far(sources, month);
  std::vector<Words> of_drills = {drill_words(drills.size(), month)};
  for (Words& words : what_is_common(sources)) of_drills.push_back(std::move(words));
  const auto add = [&](Words name, std::vector<Words> paragraphs, DocumentTable shown) {
    document.sections.push_back(
        section_of(std::move(name), std::move(paragraphs), std::move(shown)));
  };
  add({"业务系统", "Systems"}, {}, systems_table(sources));
  add({"值班值守", "On duty"}, what_is_common(sources),
      entries_table("duty", of_month(sources, "duty", "date", month)));
  add({"故障", "Incidents"}, what_is_left_out(sources),
      entries_table("incident", of_month(sources, "incident", "began", month)));
  add({"重大变更", "Changes"}, what_is_common(sources),
      changes_table(of_month(sources, "change", "planned", month)));
  add({"备份与恢复", "Backups"}, what_is_left_out(sources),
      entries_table("backup", of_month(sources, "backup", "date", month)));
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
      entries_table("security_event", of_month(sources, "security_event", "began", month)));
  add({"漏洞", "Vulnerabilities"}, entries_table("vulnerability", vulnerabilities(sources, month)));
  add({"整改", "Rectifications"}, entries_table("rectification", rectifications(sources, month)));
  return document;
}

}  // namespace yunjian::collector
