#include "collector/report/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace yunjian::collector {

namespace {

template <typename... Ts>
struct Each : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Each(Ts...) -> Each<Ts...>;

// "1234567" → "1,234,567"
std::string grouped(std::string digits) {
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string yuan(const Yuan& value, bool with_groups) {
  const bool negative = value.fen < 0;
  const auto fen = static_cast<std::uint64_t>(negative ? -value.fen : value.fen);
  std::string whole = fmt::to_string(fen / 100);
  if (with_groups) whole = grouped(whole);
  return fmt::format("{}{}.{:02}", negative ? "-" : "", whole, fen % 100);
}

std::string decimal(double value) { return fmt::format("{:.2f}", value); }

}  // namespace

const std::string& in(Language language, const rules::Words& words) {
  return language == Language::zh ? words.zh : words.en;
}

std::vector<Chart> charts_of(const Document& document) {
  std::vector<Chart> charts;
  for (const DocumentSection& section : document.sections) {
    charts.insert(charts.end(), section.charts.begin(), section.charts.end());
  }
  return charts;
}

std::string cell_text(const CellValue& value, Language language) {
  return std::visit(Each{[](std::monostate) { return std::string("—"); },
                         [](const std::string& text) { return text; },
                         [&](const rules::Words& words) { return in(language, words); },
                         [](std::uint64_t number) { return grouped(fmt::to_string(number)); },
                         [](double number) { return decimal(number); },
                         [](const Percent& percent) {
                           return fmt::format("{}.{}%", percent.value / 100,
                                              percent.value % 100 / 10);
                         },
                         [](const Yuan& money) { return yuan(money, true); },
                         [](ledger::Time time) { return rules::format_china_minute(time); },
                         [](rules::Date date) { return rules::format_date(date); }},
                    value);
}

std::string cell_plain(const CellValue& value, Language language) {
  return std::visit(Each{[](std::monostate) { return std::string(); },
                         [](const std::string& text) { return text; },
                         [&](const rules::Words& words) { return in(language, words); },
                         [](std::uint64_t number) { return fmt::to_string(number); },
                         [](double number) { return decimal(number); },
                         [](const Percent& percent) {
                           return fmt::format("{}.{:02}", percent.value / 100, percent.value % 100);
                         },
                         [](const Yuan& money) { return yuan(money, false); },
                         [](ledger::Time time) { return ledger::format_time(time); },
                         [](rules::Date date) { return rules::format_date(date); }},
                    value);
}

bool is_number(const CellValue& value) {
  return std::holds_alternative<std::uint64_t>(value) || std::holds_alternative<double>(value) ||
         std::holds_alternative<Percent>(value) || std::holds_alternative<Yuan>(value);
}

bool is_numeric(const DocumentTable& table, std::size_t column) {
  return std::any_of(table.rows.begin(), table.rows.end(),
                     [&](const auto& row) { return is_number(row[column]); });
}

std::vector<std::pair<rules::Words, rules::Words>> cover_lines(const Document& document) {
  const auto same = [](std::string text) { return rules::Words{text, text}; };
  const auto end = std::min(document.as_of, rules::month_end(document.month));
  std::vector<std::pair<rules::Words, rules::Words>> lines = {
      {{"统计月份", "Month"}, same(rules::format_month(document.month))},
      {{"统计范围", "Scope"}, document.scope},
      {{"数据截止", "Cut-off"}, same(rules::format_china_minute(end) + " (+08:00)")},
  };
  if (document.provisional) {
    lines.push_back(
        {{"状态", "State"}, {"本月未结束，暂定数据", "provisional: the month is not over"}});
  }
  lines.insert(lines.end(), document.cover.begin(), document.cover.end());
  for (const rules::Words& who :
       {rules::Words{"编制", "Prepared by"}, rules::Words{"审核", "Reviewed by"},
        rules::Words{"签发", "Issued by"}}) {
    lines.push_back({who, {"", ""}});
  }
  return lines;
}

}  // namespace yunjian::collector
