#include "collector/report/chart_xlsx.h"

#include <fmt/format.h>

#include <algorithm>

namespace yunjian::collector {

namespace {

constexpr std::size_t sheet_name_characters_max = 31;
constexpr std::size_t hours = 24;
constexpr std::uint16_t mark_column = 3;  // behind the points: ends of the lines that part them

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void number_or_absent(Workbook& book, const std::pair<std::uint32_t, std::uint16_t>& place,
                      const std::optional<double>& value) {
  if (value) {
    book.number(place.first, place.second, *value, CellStyle::decimal);
  } else {
    book.text(place.first, place.second, "—", CellStyle::absent);
  }
}

void write_series(Workbook& book, const Chart& chart, Language language) {
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
      number_or_absent(book, {row, static_cast<std::uint16_t>(s + 1)},
                       i < values.size() ? values[i] : std::nullopt);
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

// Points in columns A and B; the lines that part the quadrants from one end to the other.
void write_scatter(Workbook& book, const Chart& chart, Language language) {
  using End = std::pair<double, double>;
  std::vector<End> ends;
  if (chart.x_mark && chart.y_mark) {
    ends = {{*chart.x_mark, 0}, {*chart.x_mark, 100}, {0, *chart.y_mark}, {100, *chart.y_mark}};
  }
  book.text(0, 0, in(language, chart.x_axis), CellStyle::header);
  book.text(0, 1, in(language, chart.y_axis), CellStyle::header);
  for (std::size_t i = 0; i < std::max(chart.points.size(), ends.size()); ++i) {
    const auto row = static_cast<std::uint32_t>(i + 1);
    const auto put = [&](const End& point, std::uint16_t column) {
      book.number(row, column, point.first, CellStyle::decimal);
      book.number(row, static_cast<std::uint16_t>(column + 1), point.second, CellStyle::decimal);
    };
    if (i < chart.points.size()) put(chart.points[i], 0);
    if (i < ends.size()) put(ends[i], mark_column);
  }
  book.chart({.kind = SheetChart::Kind::scatter,
              .title = in(language, chart.name),
              .rows = static_cast<std::uint32_t>(chart.points.size()),
              .x_axis = in(language, chart.x_axis),
              .y_axis = in(language, chart.y_axis),
              .mark_column = ends.empty() ? std::uint16_t{0} : mark_column});
}

void write_heat(Workbook& book, const Chart& chart, Language language) {
  book.text(0, 0, in(language, chart.x_axis), CellStyle::header);
  for (std::size_t hour = 0; hour < hours; ++hour) {
    book.text(0, static_cast<std::uint16_t>(hour + 1), fmt::to_string(hour), CellStyle::header);
  }
  const std::size_t days = std::min(weekdays.size(), chart.cells.size() / hours);
  for (std::size_t day = 0; day < days; ++day) {
    const auto row = static_cast<std::uint32_t>(day + 1);
    const auto& [zh, en] = weekdays[day];
    book.text(row, 0, std::string(language == Language::zh ? zh : en), CellStyle::text);
    for (std::size_t hour = 0; hour < hours; ++hour) {
      number_or_absent(book, {row, static_cast<std::uint16_t>(hour + 1)},
                       chart.cells[day * hours + hour]);
    }
  }
  book.warm({.first_row = 1,
             .last_row = static_cast<std::uint32_t>(days),
             .first_column = 1,
             .last_column = hours});
}

bool is_empty(const Chart& chart) {
  if (chart.kind == Chart::Kind::scatter) return chart.points.empty();
  if (chart.kind == Chart::Kind::heat) return chart.cells.size() < hours;
  return chart.labels.empty() || chart.series.empty();
}

}  // namespace

void write_chart_sheet(Workbook& book, const Chart& chart, Language language,
                       std::string_view prefix) {
  if (is_empty(chart)) return;
  SheetLayout layout{.name = sheet_name(prefix, in(language, chart.name))};
  layout.footer = in(language, chart.name);
  layout.columns = {{.width = 22}};
  if (chart.kind == Chart::Kind::heat) {
    layout.columns.resize(hours + 1, {.width = 7});
  } else {
    layout.columns.resize(chart.series.size() + 5, {.width = 16});
  }
  book.begin_sheet(layout);
  if (chart.kind == Chart::Kind::heat) return write_heat(book, chart, language);
  if (chart.kind == Chart::Kind::scatter) return write_scatter(book, chart, language);
  write_series(book, chart, language);
}

std::string sheet_name(std::string_view prefix, std::string_view wanted) {
  std::string name(prefix);
  std::size_t characters = characters_of(name);
  for (std::size_t i = 0; i < wanted.size();) {
    std::size_t length = 1;
    while (i + length < wanted.size() &&
           (static_cast<unsigned char>(wanted[i + length]) & 0xC0U) == 0x80U)
      ++length;
    if (++characters > sheet_name_characters_max) break;
    const std::string_view character = wanted.substr(i, length);
    const bool refused = std::string_view("[]:*?/\\'").find(character) != std::string_view::npos;
    name += refused ? " " : character;
    i += length;
  }
  return name;
}

}  // namespace yunjian::collector
