#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ledger/base/clock.h"
#include "rules/calendar/china_time.h"
#include "rules/utilization/rule_set.h"

namespace yunjian::collector {

// A monthly report as content, without form: cover, sections with tables and charts. Every format
// (workbook, page, print, CSV, JSON) is made from it, so that they cannot differ. Builders fill it,
// renderers read it.

enum class Language { zh, en };

// One value of a table. Absent is "not known" and never 0.
struct Percent {
  rules::Hundredths value = 0;  // of a percent
};
struct Yuan {
  std::int64_t fen = 0;
};
using CellValue = std::variant<std::monostate, std::string, rules::Words, std::uint64_t, double,
                               Percent, Yuan, ledger::Time, rules::Date>;

struct DocumentColumn {
  std::string key;  // in JSON and CSV: what the field is called
  rules::Words name;
  double width = 12;  // in characters of the body font
};

struct DocumentTable {
  std::string key;
  rules::Words name;
  std::vector<DocumentColumn> columns;
  std::vector<std::vector<CellValue>> rows;
  rules::Words empty = {"本月无。", "None this month."};  // said when there is no row
};

struct ChartSeries {
  rules::Words name;
  std::vector<std::optional<double>> values;  // one a label
};

// Monday first.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 7> weekdays = {
    {{"一", "Mon"},
     {"二", "Tue"},
     {"三", "Wed"},
     {"四", "Thu"},
     {"五", "Fri"},
     {"六", "Sat"},
     {"日", "Sun"}}};

// bars, stacked bars and lines: `labels` along the axis, `series` above. scatter: `points`, both
// axes 0 to 100. heat: 24 columns (hours) and 7 rows (Monday first), values 0 to 100 in `cells`;
// the largest is drawn warmest.
struct Chart {
  enum class Kind { bars, stacked, lines, scatter, heat };
  Kind kind = Kind::bars;
  rules::Words name;
  rules::Words x_axis;
  rules::Words y_axis;
  std::vector<std::string> labels;
  std::vector<ChartSeries> series;
  std::vector<std::pair<double, double>> points;
  std::vector<std::optional<double>> cells;  // heat: row by row, 168
  std::optional<double> x_mark, y_mark;      // scatter: lines that part the quadrants
};

struct DocumentSection {
  rules::Words name;
  std::vector<rules::Words> paragraphs;
  std::vector<Chart> charts;
  std::vector<DocumentTable> tables;
};

struct Document {
  std::string key;  // "advice", "operations" …
  rules::Words name;
  rules::Month month{};
  ledger::Time as_of{};  // cut-off; the only date that dates the files
  bool provisional = false;
  rules::Words scope;                                        // whose report it is
  std::vector<std::pair<rules::Words, rules::Words>> cover;  // more lines of the cover
  std::vector<DocumentSection> sections;
};

const std::string& in(Language language, const rules::Words& words);
std::vector<Chart> charts_of(const Document& document);  // of all sections
// As people read it: "12.3%", "1,234.50", "2026-11-30 08:05", "—" when absent.
std::string cell_text(const CellValue& value, Language language);
// As machines read it: digits, RFC 3339; "" when absent.
std::string cell_plain(const CellValue& value, Language language);
bool is_number(const CellValue& value);
// Whether the column holds numbers, so that its name stands above them.
bool is_numeric(const DocumentTable& table, std::size_t column);

// "统计月份", "数据截止" … and what the document adds, for every cover alike.
std::vector<std::pair<rules::Words, rules::Words>> cover_lines(const Document& document);

}  // namespace yunjian::collector
