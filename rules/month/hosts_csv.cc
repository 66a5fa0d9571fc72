#include "rules/month/hosts_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::Result;

namespace {

using Row = std::vector<std::string>;

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// How the table is written in one language.
struct Wording {
  std::string_view table;
  std::array<std::string_view, 15> columns;
  std::array<std::string_view, 2> behind;
};
constexpr Wording chinese = {.table = "云主机明细",
                             .columns = {"县（区）", "使用单位", "业务系统", "云主机", "vCPU",
                                         "内存 GB", "完整率", "CPU 均值", "CPU P95", "CPU P99",
                                         "CPU 峰值", "内存均值", "内存 P95", "内存峰值", "判定"},
                             .behind = {"连续月数", "标记"}};
constexpr Wording english = {.table = "Hosts",
                             .columns = {"county", "unit", "system", "host", "vCPU", "memory GB",
                                         "coverage", "CPU mean", "CPU P95", "CPU P99", "CPU peak",
                                         "memory mean", "memory P95", "memory peak", "verdict"},
                             .behind = {"months", "flag"}};

const Wording& wording_of(CsvLanguage language) {
  return language == CsvLanguage::zh ? chinese : english;
}

// One row from the front of `text`; absent: a quoted field does not end.
std::optional<Row> take_row(std::string_view& text) {
  Row row(1);
  bool quoted = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != '"') {
        row.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        row.back() += text[++at];
      } else {
        quoted = false;
      }
    } else if (c == '"' && row.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      row.emplace_back();
    } else if (c == '\n') {
      break;
    } else {
      row.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  if (!row.back().empty() && row.back().back() == '\r') row.back().pop_back();
  text.remove_prefix(std::min(at + 1, text.size()));
  return row;
}

bool is_blank(const Row& row) { return row.size() == 1 && row[0].empty(); }

Row head_row(const Wording& words) {
  Row head(words.columns.begin(), words.columns.end());
  head.insert(head.end(), words.behind.begin(), words.behind.end());
  return head;
}

// The rows behind the head of the one table of that name.
Result<std::vector<Row>> rows_of_hosts(std::string_view csv, const Wording& words) {
  const auto wrong = [](std::string_view what) {
    return ledger::fail(ErrorKind::reject, std::string(what));
  };
  if (csv.starts_with(byte_order_mark)) csv.remove_prefix(byte_order_mark.size());
  std::vector<Row> rows;
  bool found = false;
  bool inside = false;
  while (!csv.empty()) {
    auto row = take_row(csv);
    if (!row) return wrong("a quoted field does not end");
    if (inside && !is_blank(*row)) {
      rows.push_back(std::move(*row));
      continue;
    }
    inside = row->size() == 1 && row->front() == words.table;
    if (!inside) continue;
    if (found) return wrong(fmt::format("it holds two tables {}", words.table));
    found = true;
    const auto head = take_row(csv);
    if (!head || *head != head_row(words)) {
      return wrong(fmt::format("the columns of {} are not those it has", words.table));
    }
  }
  if (!found) return wrong(fmt::format("it holds no table {}", words.table));
  return rows;
}

std::string whole(const std::optional<std::uint64_t>& value) {
  return value ? fmt::to_string(*value) : "";
}

std::string percent(const std::optional<Hundredths>& value) {
  return value ? fmt::format("{}.{:02}", *value / 100, *value % 100) : "";
}

std::string gigabytes(const std::optional<std::uint64_t>& bytes) {
  constexpr double gigabyte = 1ULL << 30U;
  return bytes ? fmt::format("{:.2f}", static_cast<double>(*bytes) / gigabyte) : "";
}

// A text that a spreadsheet would take for a formula stands behind an apostrophe.
std::string text(const std::string& value) {
  constexpr std::string_view formula = "=+-@\t\r";
  const bool guarded = !value.empty() && formula.find(value[0]) != std::string_view::npos;
  return guarded ? "'" + value : value;
}

Row cells_of(const UtilizationRow& row, const RuleSet& rules, CsvLanguage language) {
  const Words& verdict = rules.verdicts.at(row.judgement.verdict);
  const HostFacts& host = row.host;
  return {text(host.county),
          text(host.unit_name.empty() ? host.unit : host.unit_name),
          text(host.system),
          text(host.name),
          whole(row.vcpus ? row.vcpus : host.vcpus),
          gigabytes(row.memory_bytes ? row.memory_bytes : host.memory_bytes),
          percent(coverage(row.measured, row.expected)),
          percent(row.cpu.mean),
          percent(row.cpu.p95),
          percent(row.cpu.p99),
          percent(row.cpu.peak),
          percent(row.memory.mean),
          percent(row.memory.p95),
          percent(row.memory.peak),
          text(language == CsvLanguage::zh ? verdict.zh : verdict.en)};
}

std::string name_of(const UtilizationRow& row) {
  return row.part == 1 ? row.host.id : fmt::format("{} part {}", row.host.id, row.part);
}

}  // namespace

std::span<const std::string_view> hosts_csv_columns(CsvLanguage language) {
  return wording_of(language).columns;
}

Result<std::vector<CellDifference>> hosts_csv_differences(std::string_view csv,
                                                          const UtilizationTable& table,
                                                          CsvLanguage language) {
  const Wording& words = wording_of(language);
  auto told = rows_of_hosts(csv, words);
  if (!told) return ledger::failure(told);
  std::vector<CellDifference> differences;
  const auto add = [&](CellDifference difference) {
    if (differences.size() < cell_differences_max) differences.push_back(std::move(difference));
  };
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const std::string host = name_of(table.rows[i]);
    if (i >= told->size()) {
      add({.host = host, .cell = "row", .first = {}, .second = "there"});
      continue;
    }
    const Row& row = (*told)[i];
    const Row wanted = cells_of(table.rows[i], table.rules, language);
    if (row.size() != wanted.size() + words.behind.size()) {
      add({.host = host, .cell = "row", .first = "of another length", .second = "there"});
      continue;
    }
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      if (row[k] == wanted[k]) continue;
      add({.host = host,
           .cell = std::string(words.columns[k]),
           .first = row[k],
           .second = wanted[k]});
    }
  }
  for (std::size_t i = table.rows.size(); i < told->size(); ++i) {
    add({.host = fmt::format("line {}", i + 1), .cell = "row", .first = "there", .second = {}});
  }
  return differences;
}

}  // namespace yunjian::rules
