#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"

namespace yunjian::collector {

// How a cell looks; each is one number format, alignment and colour.
enum class CellStyle {
  title,
  subtitle,
  header,     // first header row
  subheader,  // second header row
  text,
  wrapped,  // text in several lines
  centred,
  stacked,  // centred, in several lines
  integer,
  decimal,  // two decimals
  rate,     // three figures: bins of 1 % tell no more; the cell holds the number itself
  percent,  // the cell holds a fraction
  moment,   // date and time in +08:00
  absent,
  low,
  normal,
  high,
  insufficient,
};

struct SheetColumn {
  double width = 10;  // in characters of the body font
};

struct SheetLayout {
  std::string name;
  std::vector<SheetColumn> columns;
  std::uint32_t frozen_rows = 0;
  std::uint16_t frozen_columns = 0;
  std::uint16_t printed_columns = 0;  // from the left; 0 is all
  bool large_paper = false;           // A3 instead of A4; landscape and one page wide in both
  std::string footer;                 // left part; page numbers stand on the right
};

// A chart over the sheet's own cells: labels in column A from row 2 on, a series in each column
// behind it, its name in row 1. It stands to the right of them. scatter: x in column A, y in column
// B, both axes 0 to 100.
struct SheetChart {
  enum class Kind { bars, stacked, lines, scatter };
  Kind kind = Kind::bars;
  std::string title;
  std::uint32_t rows = 0;
  std::uint16_t series = 0;
  std::string x_axis = {};
  std::string y_axis = {};
  // scatter: here and in the next column are the ends of two lines, in rows 2 to 5; 0: none.
  std::uint16_t mark_column = 0;
};

struct CellRange {  // all of them inside, counted from 0
  std::uint32_t first_row = 0;
  std::uint32_t last_row = 0;
  std::uint16_t first_column = 0;
  std::uint16_t last_column = 0;
};

struct WorkbookProperties {
  std::string title;
  std::string subject;
  ledger::Time created{};  // the only date in the file
};

// Writes one XLSX file, sheet by sheet and in each cell by cell from top left to bottom right, in
// constant memory: a cell above one already written is lost. Errors of single cells surface in
// `finish`. Nothing is at `path` before `finish`; one that is never finished leaves at most
// "<path>.tmp". The same calls give the same bytes. One thread.
class Workbook {
 public:
  // `path` must be of the real file system, `files` the one that makes the result durable.
  Workbook(ledger::FileSystem& files, std::string path, const WorkbookProperties& properties);
  ~Workbook();
  Workbook(const Workbook&) = delete;
  Workbook& operator=(const Workbook&) = delete;

  void begin_sheet(const SheetLayout& layout);  // later calls write to it
  // Always stored as a text, never as a formula or link. Text that would become a formula once
  // somebody edits the cell or saves it as CSV (= + - @ in front) gets an apostrophe in front.
  void text(std::uint32_t row, std::uint16_t column, std::string_view value, CellStyle style);
  void number(std::uint32_t row, std::uint16_t column, double value, CellStyle style);
  void moment(std::uint32_t row, std::uint16_t column, ledger::Time value);
  void row_height(std::uint32_t row, double points);  // before the row's first cell
  void chart(const SheetChart& chart);
  void warm(const CellRange& range);  // from white for the least number to red for the largest
  void filter(std::uint32_t header_row, std::uint32_t last_row, std::uint16_t last_column);

  // Closes, fsyncs and renames to `path`. Call once.
  ledger::Result<void> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The text as a cell holds it; for a test and for whoever compares cells with JSON.
std::string safe_cell_text(std::string_view value);

}  // namespace yunjian::collector
