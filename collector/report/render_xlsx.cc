#include <fmt/format.h>

#include "collector/report/chart_xlsx.h"
#include "collector/report/render.h"
#include "collector/report/workbook.h"

namespace yunjian::collector {

namespace {

constexpr double wide = 60;  // from here on a text is wrapped

std::string numbered(std::size_t number) { return fmt::format("{}.", number); }

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

void write_table(Workbook& book, const DocumentTable& table, Language language,
                 std::size_t number) {
  SheetLayout layout{.name = sheet_name(numbered(number), in(language, table.name)),
                     .frozen_rows = 1};
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
    for (const Chart& chart : section.charts) {
      write_chart_sheet(book, chart, language, numbered(++number));
    }
    for (const DocumentTable& table : section.tables) write_table(book, table, language, ++number);
  }
  return book.finish();
}

}  // namespace yunjian::collector
