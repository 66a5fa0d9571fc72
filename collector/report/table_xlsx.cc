#include "collector/report/table_xlsx.h"

#include <fmt/format.h>

#include "collector/report/chart_xlsx.h"
#include "collector/report/definitions.h"
#include "collector/report/month_types.h"
#include "collector/report/workbook.h"

namespace yunjian::collector {

using ledger::Result;
using rules::Hundredths;
using rules::Verdict;

namespace {

constexpr std::uint32_t head_row = 3;  // title, period, rules, then two header rows
constexpr std::uint32_t first_row = head_row + 2;
constexpr double definition_width = 66;
constexpr double bytes_per_gib = 1024.0 * 1024.0 * 1024.0;

// The cells of one row, written from left to right.
class RowWriter {
 public:
  RowWriter(Workbook& book, std::uint32_t row) : book_(&book), row_(row) {}

  void text(std::string_view value, CellStyle style = CellStyle::text) {
    book_->text(row_, column_++, value, style);
  }
  void number(double value, CellStyle style) { book_->number(row_, column_++, value, style); }
  void absent() { text("—", CellStyle::absent); }
  void percent(std::optional<Hundredths> value) {
    if (!value) return absent();
    number(static_cast<double>(*value) / 10000, CellStyle::percent);
  }
  // Divided, for the quotient is the number nearest to the decimal fraction: no 0.5002400000000001.
  void millions(std::optional<std::uint64_t> value) {
    if (!value) return absent();
    number(static_cast<double>(*value) / 1e6, CellStyle::rate);
  }
  static std::optional<std::uint64_t> bits(std::optional<std::uint64_t> bytes) {
    return bytes ? std::optional(*bytes * 8) : std::nullopt;
  }
  void integer(std::optional<std::uint64_t> value) {
    if (!value) return absent();
    number(static_cast<double>(*value), CellStyle::integer);
  }
  void hours(std::chrono::seconds value) {
    number(static_cast<double>(value.count()) / 3600, CellStyle::decimal);
  }
  void moment(std::optional<ledger::Time> value) {
    if (!value) return absent();
    book_->moment(row_, column_++, *value);
  }

 private:
  Workbook* book_;
  std::uint32_t row_;
  std::uint16_t column_ = 0;
};

std::optional<std::uint64_t> first_of(std::optional<std::uint64_t> measured,
                                      std::optional<std::uint64_t> inventory) {
  return measured ? measured : inventory;
}

CellStyle style_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::off:
    case Verdict::idle:
    case Verdict::faked_load:
    case Verdict::wrong_shape:
    case Verdict::low:
      return CellStyle::low;
    case Verdict::normal:
      return CellStyle::normal;
    case Verdict::severe:
    case Verdict::high:
      return CellStyle::high;
    case Verdict::insufficient_data:
      return CellStyle::insufficient;
  }
  return CellStyle::text;
}

std::string part_text(const UtilizationRow& row) {
  return fmt::format("{}/{}", row.part, row.parts);
}

std::string state_text(const UtilizationRow& row) {
  std::string text = row.vcpus ? "有数据" : "无数据";
  if (row.host.retired && *row.host.retired <= row.to) {
    text += "\n" + rules::format_date(rules::china_date(*row.host.retired)).substr(5) + "退役";
  }
  return text;
}

// Lines that a text takes in a column: a Chinese character is as wide as two others. Widths are
// counted in characters of the 11-point default font, the text is smaller.
unsigned lines_of(std::string_view text, double column_width) {
  const double width = column_width * 1.15;
  unsigned lines = 1;
  double used = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) == 0x80U) continue;
    const double wide = byte >= 0xE0 ? 2 : 1;
    used += wide;
    if (c == '\n' || used > width) {
      ++lines;
      used = c == '\n' ? 0 : wide;
    }
  }
  return lines;
}

double height_of(unsigned lines) { return 3 + 12.5 * std::max(lines, 1U); }

void write_name(RowWriter& cells, const UtilizationRow& row) {
  cells.text(row.host.name);
  cells.text(row.host.id);
  cells.text(part_text(row), CellStyle::centred);
}

void write_identity(RowWriter& cells, const UtilizationRow& row, std::uint64_t number) {
  const HostFacts& host = row.host;
  cells.text(fmt::to_string(number), CellStyle::centred);
  cells.text(host.county);
  cells.text(host.unit_name.empty() ? host.unit : host.unit_name);
  cells.text(host.system);
  write_name(cells, row);
  cells.integer(first_of(row.vcpus, host.vcpus));
  const auto memory = first_of(row.memory_bytes, host.memory_bytes);
  if (memory) {
    cells.number(static_cast<double>(*memory) / bytes_per_gib, CellStyle::decimal);
  } else {
    cells.absent();
  }
}

void write_coverage(RowWriter& cells, const UtilizationRow& row) {
  cells.text(state_text(row), CellStyle::stacked);
  cells.hours(row.expected);
  cells.hours(row.measured);
  cells.percent(rules::coverage(row.measured, row.expected));
  cells.hours(row.longest_gap);
}

void write_load(RowWriter& cells, const UtilizationRow& row) {
  const auto& hour = row.busiest_hour;
  const auto& day = row.busiest_day;
  cells.percent(row.cpu.mean);
  cells.percent(row.cpu.p95);
  cells.percent(row.cpu.p99);
  cells.percent(row.cpu.peak);
  cells.moment(row.cpu.peak_at);
  cells.percent(hour ? std::optional(hour->cpu_mean) : std::nullopt);
  cells.percent(day ? std::optional(day->cpu_p95) : std::nullopt);
  cells.percent(row.memory.mean);
  cells.percent(row.memory.p95);
  cells.percent(row.memory.p99);
  cells.percent(row.memory.peak);
  cells.millions(row.disk_bytes_p95);
  cells.integer(row.disk_iops_p95);
  cells.millions(RowWriter::bits(row.net_in_p95));
  cells.millions(RowWriter::bits(row.net_out_p95));
}

std::string period_text(const UtilizationTable& table) {
  const auto end = std::min(table.as_of, rules::month_end(table.month));
  return fmt::format(
      "统计月份 {}（{} 至 {}，东八区）　数据截止 {}{}　云主机 {} 台",
      rules::format_month(table.month), rules::format_china_minute(rules::month_begin(table.month)),
      rules::format_china_minute(rules::month_end(table.month)), rules::format_china_minute(end),
      table.provisional ? "　【本月未结束，暂定数据 / provisional】" : "", table.hosts);
}

std::string rules_text(const UtilizationTable& table) {
  return fmt::format("判定规则 {}（{}）：{}", table.rules.name.zh, table.rules.version,
                     table.rules.basis.zh);
}

SheetLayout layout_of(std::string name, const UtilizationTable& table) {
  SheetLayout layout;
  layout.name = std::move(name);
  layout.footer = fmt::format("云鉴 · 云资源利用情况表 {}{}", rules::format_month(table.month),
                              table.provisional ? "（暂定）" : "");
  return layout;
}

void write_headers(Workbook& book, std::uint32_t row, std::span<const ColumnText> columns) {
  book.row_height(row, height_of(2));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    book.text(row, static_cast<std::uint16_t>(i), columns[i].zh, CellStyle::header);
  }
  book.row_height(row + 1, height_of(2));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    book.text(row + 1, static_cast<std::uint16_t>(i), columns[i].en, CellStyle::subheader);
  }
}

std::vector<SheetColumn> widths(std::span<const ColumnText> columns) {
  std::vector<SheetColumn> found;
  for (const ColumnText& column : columns) found.push_back({.width = column.width});
  return found;
}

void write_table(Workbook& book, const UtilizationTable& table) {
  const auto columns = utilization_columns();
  SheetLayout layout = layout_of("云资源利用情况表", table);
  layout.columns = widths(columns);
  layout.frozen_rows = first_row;
  layout.frozen_columns = 5;
  layout.large_paper = true;
  layout.printed_columns = static_cast<std::uint16_t>(columns.size() - 1);  // why: next sheet
  book.begin_sheet(layout);
  book.row_height(0, 26);
  book.text(0, 0, "云资源利用情况表", CellStyle::title);
  book.text(1, 0, period_text(table), CellStyle::subtitle);
  book.text(2, 0, rules_text(table), CellStyle::subtitle);
  write_headers(book, head_row, columns);
  std::uint32_t at = first_row;
  for (const UtilizationRow& row : table.rows) {
    book.row_height(at, height_of(lines_of(state_text(row), 100)));
    RowWriter cells(book, at);
    write_identity(cells, row, at - first_row + 1);
    write_coverage(cells, row);
    write_load(cells, row);
    const Verdict verdict = row.judgement.verdict;
    cells.text(table.rules.verdicts.at(verdict).zh, style_of(verdict));
    cells.text(row.judgement.explanation.zh);
    ++at;
  }
  const std::uint32_t last = std::max(at, first_row + 1) - 1;
  book.filter(head_row + 1, last, static_cast<std::uint16_t>(columns.size() - 1));
}

void write_reasons(Workbook& book, const UtilizationTable& table) {
  const auto columns = reason_columns();
  SheetLayout layout = layout_of("判定说明", table);
  layout.columns = widths(columns);
  layout.frozen_rows = 2;
  book.begin_sheet(layout);
  write_headers(book, 0, columns);
  std::uint32_t at = 2;
  for (const UtilizationRow& row : table.rows) {
    const rules::Words& words = row.judgement.explanation;
    const double width = columns.back().width;
    book.row_height(at, height_of(std::max(lines_of(words.zh, width), lines_of(words.en, width))));
    RowWriter cells(book, at++);
    cells.text(fmt::to_string(at - 2), CellStyle::centred);
    write_name(cells, row);
    cells.text(table.rules.verdicts.at(row.judgement.verdict).zh, style_of(row.judgement.verdict));
    cells.text(words.zh, CellStyle::wrapped);
    cells.text(words.en, CellStyle::wrapped);
  }
  book.filter(1, std::max(at, 3U) - 1, static_cast<std::uint16_t>(columns.size() - 1));
}

// A row without any record has a line too, or what was left out of it would not be told.
void write_source(RowWriter cells, std::uint64_t number, const UtilizationRow& row,
                  const rules::FoldInput* input) {
  cells.text(fmt::to_string(number), CellStyle::centred);
  write_name(cells, row);
  cells.moment(row.from);
  cells.moment(row.to);
  if (input) {
    cells.text(input->stream);
    cells.integer(input->first);
    cells.integer(input->last);
  } else {
    for (int i = 0; i < 3; ++i) cells.absent();
  }
  cells.integer(input ? input->records : 0);
  cells.integer(row.overlapping);
  cells.integer(row.unusable);
}

void write_sources(Workbook& book, const UtilizationTable& table) {
  const auto columns = source_columns();
  SheetLayout layout = layout_of("记录来源", table);
  layout.columns = widths(columns);
  layout.frozen_rows = 2;
  book.begin_sheet(layout);
  write_headers(book, 0, columns);
  std::uint32_t at = 2;
  std::uint64_t number = 0;
  for (const UtilizationRow& row : table.rows) {
    ++number;
    for (const rules::FoldInput& input : row.inputs)
      write_source({book, at++}, number, row, &input);
    if (row.inputs.empty()) write_source({book, at++}, number, row, nullptr);
  }
  book.filter(1, std::max(at, 3U) - 1, static_cast<std::uint16_t>(columns.size() - 1));
}

void write_definitions(Workbook& book, const UtilizationTable& table) {
  SheetLayout layout = layout_of("口径说明", table);
  layout.columns = {{.width = 20}, {.width = definition_width}, {.width = definition_width}};
  layout.frozen_rows = 1;
  book.begin_sheet(layout);
  RowWriter head(book, 0);
  head.text("项目", CellStyle::header);
  head.text("口径", CellStyle::header);
  head.text("Definition", CellStyle::header);
  std::uint32_t at = 1;
  for (const Definition& definition : definitions(table.rules)) {
    book.row_height(at, height_of(std::max(lines_of(definition.words.zh, definition_width),
                                           lines_of(definition.words.en, definition_width))));
    RowWriter cells(book, at++);
    cells.text(definition.item, CellStyle::wrapped);
    cells.text(definition.words.zh, CellStyle::wrapped);
    cells.text(definition.words.en, CellStyle::wrapped);
  }
}

}  // namespace

Result<void> write_utilization_xlsx(ledger::FileSystem& files, const std::string& path,
                                    const UtilizationTable& table, std::span<const Chart> charts) {
  Workbook book(files, path,
                {.title = "云资源利用情况表 " + rules::format_month(table.month),
                 .subject = "Cloud resource utilization",
                 .created = table.as_of});
  write_table(book, table);
  write_reasons(book, table);
  write_sources(book, table);
  write_definitions(book, table);
  for (std::size_t i = 0; i < charts.size(); ++i) {
    write_chart_sheet(book, charts[i], Language::zh, fmt::format("图{}.", i + 1));
  }
  return book.finish();
}

Result<void> write_utilization_report(ledger::FileSystem& files, const std::string& directory,
                                      const UtilizationTable& table,
                                      std::span<const Chart> charts) {
  if (auto made = files.make_directory(directory, 0755); !made) return failure(made);
  const std::string json = utilization_json(table);
  if (auto put = replace_file(files, ledger::join_path(directory, "utilization.json"), json, 0644);
      !put) {
    return failure(put);
  }
  return write_utilization_xlsx(files, ledger::join_path(directory, "utilization.xlsx"), table,
                                charts);
}

}  // namespace yunjian::collector
