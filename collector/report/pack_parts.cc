#include "collector/report/pack_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace yunjian::collector {

using rules::Verdict;
using rules::Words;

const std::string_view report_names[report_count] = {"utilization", "advice", "operations",
                                                     "security"};

namespace {

CellValue when(const RegistryEntry& entry, std::string_view field) {
  const std::string value = entry.field(field);
  if (value.empty()) return {};
  if (const auto date = rules::parse_date(value)) return *date;
  if (const auto time = ledger::parse_time(value)) return *time;
  return value;
}

std::map<Verdict, std::size_t> verdict_counts(const UtilizationTable& table) {
  std::map<Verdict, std::size_t> counts;
  for (const UtilizationRow& row : table.rows) {
    if (row.part == row.parts) ++counts[row.judgement.verdict];
  }
  return counts;
}

}  // namespace

Document document_of(std::string key, Words name, const UtilizationTable& table,
                     const Words& scope) {
  Document document{.key = std::move(key),
                    .name = std::move(name),
                    .month = table.month,
                    .as_of = table.as_of,
                    .provisional = table.provisional,
                    .scope = scope};
  return document;
}

std::string unit_of(const HostFacts& host) {
  return host.unit_name.empty() ? host.unit : host.unit_name;
}

Words verdict_words(const UtilizationTable& table, Verdict verdict) {
  return table.rules.verdicts.at(verdict);
}

const std::vector<RegistryEntry>& entries_of(const PackSources& sources, std::string_view kind) {
  static const std::vector<RegistryEntry> none;
  const auto found = sources.entries.find(kind);
  return found == sources.entries.end() ? none : found->second;
}

bool lies_in(const RegistryEntry& entry, std::string_view field, rules::Month month) {
  const std::string value = entry.field(field);
  if (const auto date = rules::parse_date(value)) {
    return date->year() / date->month() == month;
  }
  const auto time = ledger::parse_time(value);
  return time && rules::china_month(*time) == month;
}

DocumentTable entries_table(std::string_view kind,
                            const std::vector<const RegistryEntry*>& entries) {
  const KindDef& def = *find_kind(kind);
  DocumentTable table{.key = std::string(kind), .name = {std::string(def.zh), std::string(kind)}};
  table.columns.push_back({"id", {"编号", "id"}, 12});
  for (const FieldDef& field : def.fields) {
    const double width = field.type == FieldType::text ? 24 : 13;
    table.columns.push_back(
        {std::string(field.name), {std::string(field.zh), std::string(field.name)}, width});
  }
  for (const RegistryEntry* entry : entries) {
    std::vector<CellValue>& row = table.rows.emplace_back();
    row.emplace_back(entry->id);
    for (const FieldDef& field : def.fields) {
      const bool dated = field.type == FieldType::date || field.type == FieldType::time;
      const std::string value = entry->field(field.name);
      if (dated) {
        row.push_back(when(*entry, field.name));
      } else {
        row.push_back(value.empty() ? CellValue() : CellValue(value));
      }
    }
  }
  return table;
}

std::vector<const RegistryEntry*> of_month(const PackSources& sources, std::string_view kind,
                                           std::string_view field, rules::Month month) {
  std::vector<const RegistryEntry*> found;
  for (const RegistryEntry& entry : entries_of(sources, kind)) {
    if (lies_in(entry, field, month)) found.push_back(&entry);
  }
  return found;
}

Words summary(const UtilizationTable& table) {
  Words text{fmt::format("本月共 {} 台云主机：", table.hosts),
             fmt::format("{} hosts this month: ", table.hosts)};
  bool first = true;
  for (const auto& [verdict, count] : verdict_counts(table)) {
    const Words name = verdict_words(table, verdict);
    text.zh += fmt::format("{}{} {} 台", first ? "" : "，", name.zh, count);
    text.en += fmt::format("{}{} {}", first ? "" : ", ", count, name.en);
    first = false;
  }
  text.zh += "。";
  text.en += ".";
  return text;
}

void add_rules(Document& document, const UtilizationTable& table) {
  document.cover.push_back(
      {{"判定规则", "Rules"},
       {fmt::format("{}（{}）：{}", table.rules.name.zh, table.rules.version, table.rules.basis.zh),
        fmt::format("{} ({}): {}", table.rules.name.en, table.rules.version,
                    table.rules.basis.en)}});
}

CellValue date_or_text(const std::string& value) {
  if (value.empty()) return {};
  if (const auto date = rules::parse_date(value)) return *date;
  return value;
}

Words scope_words(const Scope& scope, std::span<const Unit> units) {
  if (scope.is_all()) return {"全市", "the whole city"};
  std::set<std::string> counties;
  Words names;
  for (const Unit& unit : units) {
    if (!scope.allows(unit.id)) continue;
    counties.insert(unit.county);
    names.zh += (names.zh.empty() ? "" : "、") + unit.name;
    names.en += (names.en.empty() ? "" : ", ") + unit.id;
  }
  if (scope.listed().size() > 1 && counties.size() == 1 && !counties.begin()->empty()) {
    return {*counties.begin(), *counties.begin()};
  }
  return names;
}

}  // namespace yunjian::collector
