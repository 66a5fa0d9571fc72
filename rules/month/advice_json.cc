#include "rules/month/advice_json.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <charconv>
#include <map>
#include <string>

#include "ledger/base/bytes.h"
#include "rules/findings/finding.h"
#include "rules/utilization/sizing.h"

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::Result;

namespace {

using Cells = std::map<std::string, std::string, std::less<>>;      // by column
using Rows = std::map<std::pair<std::string, std::string>, Cells>;  // by table and finding

std::string_view view_of(const rapidjson::Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

// Digits and texts as they stand; of words both languages; null is "".
std::string cell_of(const rapidjson::Value& value) {
  if (value.IsString()) return std::string(view_of(value));
  const auto* zh = member(value, "zh");
  const auto* en = member(value, "en");
  if (zh == nullptr || !zh->IsString() || en == nullptr || !en->IsString()) return {};
  return cell_of(Words{std::string(view_of(*zh)), std::string(view_of(*en))});
}

// What names a row of the table; nothing: it is not looked at.
std::string_view row_key(std::string_view table) {
  if (table == "reclaim" || table == "expand" || table == "closed") return "finding";
  if (table == "outcome") return "finding_id";
  return table == "savings" ? "payer" : "";
}

bool take_rows(const rapidjson::Value& table, Rows& rows) {
  const auto* name = member(table, "table");
  const auto* list = member(table, "rows");
  if (name == nullptr || !name->IsString() || list == nullptr || !list->IsArray()) return false;
  const std::string key(row_key(view_of(*name)));
  if (key.empty()) return true;
  for (const auto& row : list->GetArray()) {
    if (!row.IsObject()) return false;
    Cells cells;
    for (const auto& cell : row.GetObject()) {
      cells[std::string(view_of(cell.name))] = cell_of(cell.value);
    }
    const std::string id = cells[key];
    if (!rows.emplace(std::pair(view_of(*name), id), std::move(cells)).second) return false;
  }
  return true;
}

Result<Rows> rows_of(std::string_view json) {
  const auto wrong = ledger::fail(ErrorKind::reject, "it is not a report with tables of findings");
  rapidjson::Document document;
  document.Parse<rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag>(
      json.data(), json.size());
  const auto* sections = document.HasParseError() ? nullptr : member(document, "sections");
  if (sections == nullptr || !sections->IsArray()) return wrong;
  Rows rows;
  for (const auto& section : sections->GetArray()) {
    const auto* tables = member(section, "tables");
    if (tables == nullptr || !tables->IsArray()) return wrong;
    for (const auto& table : tables->GetArray()) {
      if (!take_rows(table, rows)) return wrong;
    }
  }
  return rows;
}

std::string detail(const StoredFinding& finding, std::string_view key) {
  const auto found = finding.details.find(key);
  return found == finding.details.end() ? std::string() : found->second;
}

// 1/100 yuan as the report writes yuan.
std::string yuan(const std::string& fen) {
  const bool negative = fen.starts_with('-');
  const auto size = ledger::parse_decimal(std::string_view(fen).substr(negative ? 1 : 0));
  if (!size) return {};
  return fmt::format("{}{}.{:02}", negative ? "-" : "", *size / 100, *size % 100);
}

// Nothing: it is no number, or larger than any that is meant.
template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  constexpr Number largest = 1'000'000'000'000;
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = !text.empty() && error == std::errc() && end == text.data() + text.size();
  if (!good || !(number >= -largest && number <= largest)) return std::nullopt;
  return number;
}

std::string decimals(std::string_view text) {
  const auto number = number_of<double>(text);
  return number ? fmt::format("{:.2f}", *number) : std::string(text);
}

std::string payer_of(const StoredFinding& finding) {
  return cell_of(payer_words(detail(finding, "payer")));
}

// Expected by one payer; what has no known price or size is counted and not guessed.
struct Savings {
  std::uint64_t findings = 0, priced = 0, sized = 0;
  std::int64_t fen = 0;
  double vcpus = 0, memory_gb = 0;

  void add(const StoredFinding& finding) {
    ++findings;
    if (const auto saved = number_of<double>(detail(finding, "saving_vcpus"))) {
      ++sized;
      vcpus += *saved;
      memory_gb += number_of<double>(detail(finding, "saving_memory_gb")).value_or(0);
    }
    if (const auto saved = number_of<std::int64_t>(detail(finding, "saving_fen"))) {
      ++priced;
      fen += *saved;
    }
  }
  Cells cells() const {
    return {{"findings", fmt::to_string(findings)},
            {"priced", fmt::to_string(priced)},
            {"saving", priced == 0 ? std::string() : yuan(fmt::to_string(fen))},
            {"sized", fmt::to_string(sized)},
            {"saving_vcpus", sized == 0 ? std::string() : fmt::format("{:.2f}", vcpus)},
            {"saving_memory_gb", sized == 0 ? std::string() : fmt::format("{:.2f}", memory_gb)}};
  }
};

// Expected beside measured.
Cells outcome_cells(const StoredFinding& finding) {
  const auto raised = parse_month(finding.month);
  const auto months = raised ? std::int64_t{months_left_in_year(*raised)} : 0;
  const auto saving = number_of<std::int64_t>(detail(finding, "saving_fen"));
  const auto expected = [&](std::string_view key) {
    return fmt::format("{:.2f}", number_of<double>(detail(finding, key)).value_or(0));
  };
  return {{"host", finding.host},
          {"payer", payer_of(finding)},
          {"expected_vcpus", expected("saving_vcpus")},
          {"expected_memory_gb", expected("saving_memory_gb")},
          {"expected_month",
           saving && months > 0 ? yuan(fmt::to_string(*saving / months)) : std::string()},
          {"actual_vcpus", decimals(detail(finding, "actual_vcpus"))},
          {"actual_memory_gb", decimals(detail(finding, "actual_memory_gb"))},
          {"actual_month", yuan(detail(finding, "actual_month_fen"))},
          {"measured", detail(finding, "actual_month")}};
}

Rows wanted_rows(std::span<const StoredFinding> findings) {
  Rows rows;
  std::map<std::string, Savings> savings;  // by payer
  for (const StoredFinding& finding : findings) {
    const auto verdict = parse_verdict(finding.verdict);
    const auto state = parse_finding_state(finding.state);
    if (!verdict || !state) continue;
    const bool expand = road_of(*verdict) == Road::expand;
    const std::string open = expand ? "expand" : "reclaim";
    const std::string payer = payer_of(finding);
    if (!expand && !is_closed(*state)) savings[payer].add(finding);
    rows[{is_closed(*state) ? "closed" : open, finding.id}] = {
        {"host", finding.host},
        {"state", cell_of(state_name(*state))},
        {"due", finding.due},
        {"recommended", detail(finding, "recommended")},
        {"saving", yuan(detail(finding, "saving_fen"))},
        {"payer", payer},
        {"why", cell_of(Words{detail(finding, "why_zh"), detail(finding, "why_en")})}};
    const bool done = *state == FindingState::reclaimed || *state == FindingState::remeasured;
    if (!done || detail(finding, "vcpus").empty()) continue;
    rows[{"outcome", finding.id}] = outcome_cells(finding);
  }
  for (const auto& [payer, sum] : savings) rows[{"savings", payer}] = sum.cells();
  return rows;
}

}  // namespace

Words payer_words(std::string_view payer) {
  return payer == "county" ? Words{"县（区）", "county"} : Words{"市级", "city"};
}

Result<std::vector<CellDifference>> advice_differences(std::string_view json,
                                                       std::span<const StoredFinding> findings) {
  auto told = rows_of(json);
  if (!told) return ledger::failure(told);
  const Rows wanted = wanted_rows(findings);
  std::vector<CellDifference> differences;
  const auto add = [&](const Rows::key_type& row, const std::string& cell, std::string first,
                       std::string second) {
    if (differences.size() == cell_differences_max) return;
    differences.push_back(
        {row.second, row.first + "." + cell, std::move(first), std::move(second)});
  };
  for (const auto& [key, cells] : wanted) {
    const auto row = told->find(key);
    if (row == told->end()) {
      add(key, "row", "", "there");
      continue;
    }
    for (const auto& [column, value] : cells) {
      const std::string& said = row->second[column];
      if (said != value) add(key, column, said, value);
    }
  }
  for (const auto& [key, cells] : *told) {
    if (!wanted.contains(key)) add(key, "row", "there", "");
  }
  return differences;
}

}  // namespace yunjian::rules
