#include "collector/report/workbook.h"

#include <fmt/format.h>
#include <xlsxwriter.h>

#include <array>

#include "rules/calendar/china_time.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

namespace {

constexpr std::size_t style_count = 18;
constexpr std::size_t cell_bytes_max = 32767;  // Excel counts UTF-16 units, which are never more
constexpr std::uint8_t paper_a3 = 8;
constexpr std::uint8_t paper_a4 = 9;
constexpr const char* body_font = "Microsoft YaHei";
constexpr std::uint32_t header_colour = 0x1F4E79;
constexpr std::uint32_t grid_colour = 0xBFBFBF;

void set_body(lxw_format* format) {
  format_set_font_name(format, body_font);
  format_set_font_size(format, 9);
  format_set_align(format, LXW_ALIGN_VERTICAL_CENTER);
}

void set_grid(lxw_format* format) {
  format_set_border(format, LXW_BORDER_THIN);
  format_set_border_color(format, grid_colour);
}

void set_numbers(lxw_format* format, const char* pattern) {
  format_set_num_format(format, pattern);
  format_set_align(format, LXW_ALIGN_RIGHT);
}

void set_fill(lxw_format* format, std::uint32_t background, std::uint32_t letters) {
  format_set_bg_color(format, background);
  format_set_font_color(format, letters);
  format_set_align(format, LXW_ALIGN_CENTER);
}

void set_header(lxw_format* format, bool first) {
  set_grid(format);
  format_set_text_wrap(format);
  set_fill(format, header_colour, 0xFFFFFF);
  if (first) {
    format_set_bold(format);
  } else {
    format_set_font_size(format, 8);
  }
}

void set_style(lxw_format* format, CellStyle style) {
  switch (style) {
    case CellStyle::title:
      format_set_bold(format);
      return format_set_font_size(format, 16);
    case CellStyle::subtitle:
      return format_set_font_color(format, 0x595959);
    case CellStyle::header:
      return set_header(format, true);
    case CellStyle::subheader:
      return set_header(format, false);
    default:
      break;
  }
  set_grid(format);
  switch (style) {
    case CellStyle::wrapped:
      return format_set_text_wrap(format);
    case CellStyle::stacked:
      format_set_text_wrap(format);
      return format_set_align(format, LXW_ALIGN_CENTER);
    case CellStyle::centred:
      return format_set_align(format, LXW_ALIGN_CENTER);
    case CellStyle::integer:
      return set_numbers(format, "#,##0");
    case CellStyle::decimal:
      return set_numbers(format, "#,##0.00");
    case CellStyle::rate:
      return set_numbers(format, "[<1]0.000;[<100]0.00;#,##0.0");
    case CellStyle::percent:
      return set_numbers(format, "0.0%");
    case CellStyle::moment:
      return set_numbers(format, "yyyy-mm-dd hh:mm");
    case CellStyle::absent:
      return set_fill(format, 0xFFFFFF, 0x7F7F7F);
    case CellStyle::low:
      return set_fill(format, 0xDDEBF7, 0x1F4E79);
    case CellStyle::normal:
      return set_fill(format, 0xE2EFDA, 0x375623);
    case CellStyle::high:
      return set_fill(format, 0xFCE4D6, 0xC00000);
    case CellStyle::insufficient:
      return set_fill(format, 0xEDEDED, 0x595959);
    default:
      return;
  }
}

}  // namespace

struct Workbook::Impl {
  ledger::FileSystem& files;
  std::string path;
  std::string temporary = path + ".tmp";
  lxw_workbook* book = nullptr;
  lxw_worksheet* sheet = nullptr;
  std::array<lxw_format*, style_count> formats{};
  lxw_error first_error = LXW_NO_ERROR;

  lxw_format* format(CellStyle style) const { return formats[static_cast<std::size_t>(style)]; }
  void note(lxw_error error) {
    if (first_error == LXW_NO_ERROR) first_error = error;
  }
};

Workbook::Workbook(ledger::FileSystem& files, std::string path,
                   const WorkbookProperties& properties)
    : impl_(new Impl{.files = files, .path = std::move(path)}) {
  lxw_workbook_options options{};
  options.constant_memory = LXW_TRUE;
  impl_->book = workbook_new_opt(impl_->temporary.c_str(), &options);
  if (!impl_->book) return;
  std::string title = properties.title;
  std::string subject = properties.subject;
  std::string author = "yunjian";
  lxw_doc_properties document{};
  document.title = title.data();
  document.subject = subject.data();
  document.author = author.data();
  document.created =
      std::chrono::floor<std::chrono::seconds>(properties.created).time_since_epoch().count();
  impl_->note(workbook_set_properties(impl_->book, &document));
  for (std::size_t i = 0; i < style_count; ++i) {
    impl_->formats[i] = workbook_add_format(impl_->book);
    set_body(impl_->formats[i]);
    set_style(impl_->formats[i], static_cast<CellStyle>(i));
  }
}

Workbook::~Workbook() {
  // libxlsxwriter frees a workbook only by closing it, which writes the file.
  if (impl_->book) {
    workbook_close(impl_->book);
    static_cast<void>(impl_->files.remove(impl_->temporary));
  }
}

void Workbook::begin_sheet(const SheetLayout& layout) {
  if (!impl_->book) return;
  lxw_worksheet* sheet = workbook_add_worksheet(impl_->book, layout.name.c_str());
  impl_->sheet = sheet;
  if (!sheet) return impl_->note(LXW_ERROR_SHEETNAME_ALREADY_USED);
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const auto column = static_cast<lxw_col_t>(i);
    impl_->note(worksheet_set_column(sheet, column, column, layout.columns[i].width, nullptr));
  }
  worksheet_freeze_panes(sheet, layout.frozen_rows, layout.frozen_columns);
  worksheet_set_landscape(sheet);
  worksheet_set_paper(sheet, layout.large_paper ? paper_a3 : paper_a4);
  worksheet_fit_to_pages(sheet, 1, 0);
  worksheet_set_margins(sheet, 0.4, 0.4, 0.5, 0.6);
  if (layout.frozen_rows > 0) {
    impl_->note(worksheet_repeat_rows(sheet, 0, layout.frozen_rows - 1));
  }
  if (layout.printed_columns > 0) {
    impl_->note(worksheet_print_area(sheet, 0, 0, LXW_ROW_MAX - 1,
                                     static_cast<lxw_col_t>(layout.printed_columns - 1)));
  }
  std::string footer = "&L&8";
  for (const char c : layout.footer) footer += c == '&' ? std::string("&&") : std::string(1, c);
  impl_->note(worksheet_set_footer(sheet, (footer + "&R&8&P / &N").c_str()));
}

void Workbook::text(std::uint32_t row, std::uint16_t column, std::string_view value,
                    CellStyle style) {
  if (!impl_->sheet) return;
  const std::string safe = safe_cell_text(value);
  impl_->note(
      worksheet_write_string(impl_->sheet, row, column, safe.c_str(), impl_->format(style)));
}

void Workbook::number(std::uint32_t row, std::uint16_t column, double value, CellStyle style) {
  if (!impl_->sheet) return;
  impl_->note(worksheet_write_number(impl_->sheet, row, column, value, impl_->format(style)));
}

// Excel counts days from 1899-12-30 and knows no time zone: the cell holds the clock of +08:00.
void Workbook::moment(std::uint32_t row, std::uint16_t column, ledger::Time value) {
  constexpr std::int64_t epoch_days = 25569;
  const auto minutes = std::chrono::floor<std::chrono::minutes>(value + rules::china_offset);
  const auto count = minutes.time_since_epoch().count();
  number(row, column, static_cast<double>(epoch_days * 1440 + count) / 1440, CellStyle::moment);
}

void Workbook::row_height(std::uint32_t row, double points) {
  if (impl_->sheet) impl_->note(worksheet_set_row(impl_->sheet, row, points, nullptr));
}

void Workbook::filter(std::uint32_t header_row, std::uint32_t last_row, std::uint16_t last_column) {
  if (!impl_->sheet) return;
  impl_->note(worksheet_autofilter(impl_->sheet, header_row, 0, last_row, last_column));
}

namespace {

std::uint8_t chart_type(SheetChart::Kind kind) {
  switch (kind) {
    case SheetChart::Kind::stacked:
      return LXW_CHART_COLUMN_STACKED;
    case SheetChart::Kind::lines:
      return LXW_CHART_LINE;
    case SheetChart::Kind::scatter:
      return LXW_CHART_SCATTER;
    default:
      return LXW_CHART_COLUMN;
  }
}

// Dots, so that one month or one host is seen too.
void set_dots(lxw_chart_series* series) {
  chart_series_set_marker_type(series, LXW_CHART_MARKER_CIRCLE);
  chart_series_set_marker_size(series, 5);
}

// x and y from `column` and the one behind it.
lxw_chart_series* add_points(lxw_chart* drawn, const char* sheet, const CellRange& range) {
  lxw_chart_series* series = chart_add_series(drawn, nullptr, nullptr);
  chart_series_set_categories(series, sheet, range.first_row, range.first_column, range.last_row,
                              range.first_column);
  chart_series_set_values(series, sheet, range.first_row, range.last_column, range.last_row,
                          range.last_column);
  return series;
}

void draw_points(lxw_chart* drawn, const char* sheet, const SheetChart& chart) {
  lxw_chart_series* dots = add_points(
      drawn, sheet, {.first_row = 1, .last_row = chart.rows, .first_column = 0, .last_column = 1});
  chart_series_set_name_range(dots, sheet, 0, 1);
  set_dots(dots);
  lxw_chart_fill ink{};
  ink.color = header_colour;
  chart_series_set_marker_fill(dots, &ink);
  for (std::uint32_t row = 1; chart.mark_column > 0 && row < 4; row += 2) {
    lxw_chart_series* line =
        add_points(drawn, sheet,
                   {.first_row = row,
                    .last_row = row + 1,
                    .first_column = chart.mark_column,
                    .last_column = static_cast<std::uint16_t>(chart.mark_column + 1)});
    lxw_chart_line look{};
    look.color = 0xC00000;
    look.width = 1;
    chart_series_set_line(line, &look);
    chart_series_set_marker_type(line, LXW_CHART_MARKER_NONE);
  }
  for (lxw_chart_axis* axis : {drawn->x_axis, drawn->y_axis}) {
    chart_axis_set_min(axis, 0);
    chart_axis_set_max(axis, 100);
  }
  chart_axis_set_name(drawn->x_axis, chart.x_axis.c_str());
  chart_axis_set_name(drawn->y_axis, chart.y_axis.c_str());
  chart_legend_set_position(drawn, LXW_CHART_LEGEND_NONE);
}

}  // namespace

void Workbook::chart(const SheetChart& chart) {
  if (!impl_->sheet) return;
  lxw_chart* drawn = workbook_add_chart(impl_->book, chart_type(chart.kind));
  if (!drawn) return impl_->note(LXW_ERROR_MEMORY_MALLOC_FAILED);
  const char* sheet = impl_->sheet->name;
  if (chart.kind == SheetChart::Kind::scatter) draw_points(drawn, sheet, chart);
  for (std::uint16_t i = 1; i <= chart.series; ++i) {
    lxw_chart_series* series = chart_add_series(drawn, nullptr, nullptr);
    chart_series_set_categories(series, sheet, 1, 0, chart.rows, 0);
    chart_series_set_values(series, sheet, 1, i, chart.rows, i);
    chart_series_set_name_range(series, sheet, 0, i);
    if (chart.kind == SheetChart::Kind::lines) set_dots(series);
  }
  chart_title_set_name(drawn, chart.title.c_str());
  lxw_chart_options options{};
  options.x_scale = 1.5;
  options.y_scale = 1.3;
  const int behind = chart.kind == SheetChart::Kind::scatter ? 6 : chart.series + 2;
  impl_->note(
      worksheet_insert_chart_opt(impl_->sheet, 1, static_cast<lxw_col_t>(behind), drawn, &options));
}

void Workbook::warm(const CellRange& range) {
  if (!impl_->sheet) return;
  lxw_conditional_format scale{};
  scale.type = LXW_CONDITIONAL_2_COLOR_SCALE;
  scale.min_color = 0xFFFFFF;
  scale.max_color = 0xF4876B;
  impl_->note(worksheet_conditional_format_range(impl_->sheet, range.first_row, range.first_column,
                                                 range.last_row, range.last_column, &scale));
}

Result<void> Workbook::finish() {
  if (!impl_->book) {
    return fail(ErrorKind::fatal, fmt::format("{}: cannot be written", impl_->temporary));
  }
  const lxw_error closed = workbook_close(std::exchange(impl_->book, nullptr));
  impl_->sheet = nullptr;
  const lxw_error error = closed != LXW_NO_ERROR ? closed : impl_->first_error;
  if (error != LXW_NO_ERROR) {
    static_cast<void>(impl_->files.remove(impl_->temporary));
    return fail(ErrorKind::full, fmt::format("{}: {}; look for space and rights in its directory "
                                             "and in the one for temporary files",
                                             impl_->temporary, lxw_strerror(error)));
  }
  auto file = impl_->files.open_append(impl_->temporary, 0644);
  if (!file) return failure(file);
  if (auto synced = (*file)->sync(); !synced) return failure(synced);
  if (auto renamed = impl_->files.rename(impl_->temporary, impl_->path); !renamed) {
    return failure(renamed);
  }
  return impl_->files.sync_directory(ledger::parent_directory(impl_->path));
}

std::string safe_cell_text(std::string_view value) {
  std::string safe;
  if (!value.empty() && std::string_view("=+-@\t\r").find(value[0]) != std::string_view::npos) {
    safe += '\'';
  }
  safe += value;
  if (safe.size() > cell_bytes_max) {
    std::size_t end = cell_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(safe[end]) & 0xC0U) == 0x80U) --end;
    safe.resize(end);
  }
  return safe;
}

}  // namespace yunjian::collector
