#include "collector/report/pack_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "rules/month/register_json.h"

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
  std::chrono::seconds expected{0};
  std::chrono::seconds measured{0};
  for (const UtilizationRow& row : table.rows) {
    expected += row.expected;
    measured += row.measured;
  }
  const auto coverage = rules::coverage(measured, expected);
  const std::string share =
      cell_text(coverage ? CellValue(Percent{*coverage}) : CellValue(), Language::zh);
  document.cover.push_back({{"数据完整率", "Coverage"}, {share, share}});
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

CellValue text_cell(const std::string& value) {
  return value.empty() ? CellValue() : CellValue(value);
}

CellValue choice_cell(const std::string& value) {
  auto words = rules::choice_words(value);
  return words ? CellValue(std::move(*words)) : text_cell(value);
}

DocumentTable entries_table(std::string_view kind,
                            const std::vector<const RegistryEntry*>& entries) {
  const KindDef& def = *find_kind(kind);
  DocumentTable table{.key = std::string(kind),
                      .name = {std::string(def.zh), rules::english_name(kind)}};
  table.name.en[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(table.name.en[0])));
  table.columns.push_back({"id", {"编号", "id"}, 12});
  for (const FieldDef& field : def.fields) {
    const double width = field.type == FieldType::text ? 24 : 13;
    table.columns.push_back(
        {std::string(field.name), {std::string(field.zh), rules::english_name(field.name)}, width});
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
        const bool chosen = field.type == FieldType::choice || field.type == FieldType::yes_no;
        row.push_back(chosen ? choice_cell(value) : text_cell(value));
      }
    }
  }
  return table;
}

std::vector<const RegistryEntry*> reported(const PackSources& sources, std::string_view kind,
                                           rules::Month month) {
  std::vector<const RegistryEntry*> found;
  for (const RegistryEntry& entry : entries_of(sources, kind)) {
    if (rules::stands_in_report(entry, month)) found.push_back(&entry);
  }
  const std::string day(rules::day_field(kind));
  std::stable_sort(found.begin(), found.end(),
                   [&](const auto* a, const auto* b) { return a->field(day) < b->field(day); });
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
