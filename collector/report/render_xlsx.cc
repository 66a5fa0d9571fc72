#include <fmt/format.h>

#include <algorithm>

#include "collector/report/render.h"
#include "collector/report/workbook.h"

namespace yunjian::collector {

namespace {

constexpr std::size_t sheet_name_characters_max = 31;
constexpr double wide = 60;  // from here on a text is wrapped

// Excel refuses some characters and long names; two tables of one name get numbers.
std::string sheet_name(std::string_view wanted, std::size_t number) {
  std::string name = fmt::format("{}.", number);
  std::size_t characters = name.size();
  for (std::size_t i = 0; i < wanted.size();) {
    std::size_t length = 1;
    while (i + length < wanted.size() &&
           (static_cast<unsigned char>(wanted[i + length]) & 0xC0U) == 0x80U)
      ++length;
    if (++characters > sheet_name_characters_max) break;
    const std::string_view character = wanted.substr(i, length);
    name +=
        std::string_view("[]:*?/\\'").find(character) == std::string_view::npos ? character : " ";
    i += length;
  }
  return name;
}

struct CellPlace {
  std::uint32_t row;
  std::uint16_t column;
  double width;  // of the column
};

void write_cell(Workbook& book, const CellPlace& place, const CellValue& value, Language language) {
  const auto& [row, column, width] = place;
  if (const auto* whole = std::get_if<std::uint64_t>(&value)) {
    book.number(row, column, static_cast<double>(*whole), CellStyle::integer);
  } else if (const auto* number = std::get_if<double>(&value)) {
    book.number(row, column, *number, CellStyle::decimal);
  } else if (const auto* percent = std::get_if<Percent>(&value)) {
    book.number(row, column, static_cast<double>(percent->value) / 10000, CellStyle::percent);
  } else if (const auto* money = std::get_if<Yuan>(&value)) {
    book.number(row, column, static_cast<double>(money->fen) / 100, CellStyle::decimal);
  } else if (const auto* time = std::get_if<ledger::Time>(&value)) {
    book.moment(row, column, *time);
  } else if (std::holds_alternative<std::monostate>(value)) {
    book.text(row, column, "—", CellStyle::absent);
  } else {
    book.text(row, column, cell_text(value, language),
              width >= wide / 2 ? CellStyle::wrapped : CellStyle::text);
  }
}

void write_cover(Workbook& book, const Document& document, Language language) {
  book.begin_sheet({.name = language == Language::zh ? "总览" : "Overview",
                    .columns = {{.width = 22}, {.width = 100}},
                    .footer = in(language, document.name)});
  book.row_height(0, 26);
  book.text(0, 0,
            fmt::format("{} {}", in(language, document.name), rules::format_month(document.month)),
            CellStyle::title);
  std::uint32_t row = 2;
  for (const auto& [name, value] : cover_lines(document)) {
    book.text(row, 0, in(language, name), CellStyle::text);
    book.text(row++, 1, in(language, value), CellStyle::wrapped);
  }
  for (const DocumentSection& section : document.sections) {
    if (section.paragraphs.empty()) continue;
    book.text(++row, 0, in(language, section.name), CellStyle::subtitle);
    ++row;
    for (const rules::Words& paragraph : section.paragraphs) {
      book.row_height(row, 15.0 * (1 + static_cast<double>(in(language, paragraph).size()) / 130));
      book.text(row++, 1, in(language, paragraph), CellStyle::wrapped);
    }
  }
}

// The numbers behind a chart as a sheet, with the chart beside them.
void write_chart(Workbook& book, const Chart& chart, Language language, std::size_t number) {
  if (chart.labels.empty() || chart.series.empty()) return;
  SheetLayout layout{.name = sheet_name(in(language, chart.name), number),
                     .columns = {{.width = 22}}};
  layout.columns.resize(chart.series.size() + 1, {.width = 16});
  book.begin_sheet(layout);
  book.text(0, 0, in(language, chart.x_axis), CellStyle::header);
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    book.text(0, static_cast<std::uint16_t>(s + 1), in(language, chart.series[s].name),
              CellStyle::header);
  }
  for (std::size_t i = 0; i < chart.labels.size(); ++i) {
    const auto row = static_cast<std::uint32_t>(i + 1);
    book.text(row, 0, chart.labels[i], CellStyle::text);
    for (std::size_t s = 0; s < chart.series.size(); ++s) {
      const auto& values = chart.series[s].values;
      const auto column = static_cast<std::uint16_t>(s + 1);
      if (i < values.size() && values[i]) {
        book.number(row, column, *values[i], CellStyle::decimal);
      } else {
        book.text(row, column, "—", CellStyle::absent);
      }
    }
  }
  SheetChart drawn{.title = in(language, chart.name),
                   .rows = static_cast<std::uint32_t>(chart.labels.size()),
                   .series = static_cast<std::uint16_t>(chart.series.size())};
  drawn.kind = chart.kind == Chart::Kind::lines     ? SheetChart::Kind::lines
               : chart.kind == Chart::Kind::stacked ? SheetChart::Kind::stacked
                                                    : SheetChart::Kind::bars;
  book.chart(drawn);
}

void write_table(Workbook& book, const DocumentTable& table, Language language,
                 std::size_t number) {
  SheetLayout layout{.name = sheet_name(in(language, table.name), number), .frozen_rows = 1};
  for (const DocumentColumn& column : table.columns)
    layout.columns.push_back({.width = column.width});
  book.begin_sheet(layout);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    book.text(0, static_cast<std::uint16_t>(i), in(language, table.columns[i].name),
              CellStyle::header);
  }
  std::uint32_t at = 1;
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      write_cell(book, {at, static_cast<std::uint16_t>(i), table.columns[i].width}, row[i],
                 language);
    }
    ++at;
  }
  if (table.rows.empty()) {
    book.text(1, 0, in(language, table.empty), CellStyle::subtitle);
  } else {
    book.filter(0, at - 1, static_cast<std::uint16_t>(table.columns.size() - 1));
  }
}

}  // namespace

ledger::Result<void> document_xlsx(ledger::FileSystem& files, const std::string& path,
                                   const Document& document, Language language) {
  Workbook book(files, path,
                {.title = fmt::format("{} {}", in(language, document.name),
                                      rules::format_month(document.month)),
                 .subject = document.name.en,
                 .created = document.as_of});
  write_cover(book, document, language);
  std::size_t number = 0;
  for (const DocumentSection& section : document.sections) {
    for (const Chart& chart : section.charts) write_chart(book, chart, language, ++number);
    for (const DocumentTable& table : section.tables) write_table(book, table, language, ++number);
  }
  return book.finish();
}

}  // namespace yunjian::collector
