#include "collector/report/chart_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace yunjian::collector {

namespace {

constexpr Colour black{0.2, 0.2, 0.2};
constexpr Colour grey{0.85, 0.85, 0.85};
constexpr Colour mark{0.75, 0.0, 0.0};
constexpr std::array<Colour, 6> palette = {Colour{0.12, 0.31, 0.47}, Colour{0.93, 0.49, 0.19},
                                           Colour{0.44, 0.68, 0.28}, Colour{0.65, 0.65, 0.65},
                                           Colour{0.36, 0.61, 0.84}, Colour{0.75, 0.56, 0.0}};
constexpr Box plot{56, 40, chart_width - 76, chart_height - 96};
constexpr double steps = 4;
constexpr int labels_max = 16;

// The next value that is not below and whose quarters are round numbers.
double round_up(double value) {
  constexpr double nearly = 1.0000001;
  if (value <= 0) return 1;
  if (value <= steps) {
    const double power = std::pow(10.0, std::floor(std::log10(value)));
    for (const double factor : {1.0, 2.0, 4.0, 10.0}) {
      if (value <= factor * power * nearly) return factor * power;
    }
  }
  constexpr double tops[] = {4, 8, 12, 16, 20, 24, 32, 40, 60, 80, 100};
  for (double scale = 1; scale < 1e15; scale *= 10) {
    for (const double top : tops) {
      if (value <= top * scale * nearly) return top * scale;
    }
  }
  return value;
}

double top_of(const Chart& chart) {
  double top = 0;
  for (std::size_t i = 0; i < chart.labels.size(); ++i) {
    double sum = 0;
    for (const ChartSeries& series : chart.series) {
      const double value = i < series.values.size() ? series.values[i].value_or(0) : 0;
      sum = chart.kind == Chart::Kind::stacked ? sum + value : std::max(sum, value);
    }
    top = std::max(top, sum);
  }
  return round_up(top);
}

double y_of(double value, double top) { return plot.y + plot.height * (1 - value / top); }

void draw_scale(Canvas& canvas, double top) {
  for (double step = 0; step <= steps; ++step) {
    const double value = top * step / steps;
    const double y = y_of(value, top);
    canvas.line({plot.x, y}, {plot.x + plot.width, y}, {.colour = grey});
    canvas.text({plot.x - 6, y + 4}, fmt::format("{:.{}f}", value, top < steps ? 2 : 0),
                {.size = 10, .align = Align::right, .colour = black});
  }
}

void draw_names(Canvas& canvas, const Chart& chart, Language language) {
  canvas.text({plot.x, 20}, in(language, chart.name), {.size = 14, .colour = black});
  canvas.text({plot.x + plot.width / 2, chart_height - 26}, in(language, chart.x_axis),
              {.size = 11, .align = Align::centre, .colour = black});
  canvas.text({plot.x, 34}, in(language, chart.y_axis), {.size = 10, .colour = black});
  double x = plot.x;
  for (std::size_t i = 0; i < chart.series.size() && chart.series.size() > 1; ++i) {
    canvas.rectangle({x, chart_height - 16, 10, 10}, palette[i % palette.size()]);
    canvas.text({x + 14, chart_height - 7}, in(language, chart.series[i].name),
                {.size = 10, .colour = black});
    x += plot.width / static_cast<double>(std::max<std::size_t>(3, chart.series.size()));
  }
}

double slot_of(const Chart& chart) {
  return plot.width / static_cast<double>(std::max<std::size_t>(1, chart.labels.size()));
}

// As much of a label as has room in `width`; Chinese letters are as wide as they are high.
std::string fitted(const std::string& label, double width) {
  constexpr double wide = 9;
  constexpr double narrow = 5.2;
  double used = 0;
  for (std::size_t at = 0; at < label.size();) {
    const auto lead = static_cast<unsigned char>(label[at]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    used += length > 2 ? wide : narrow;
    if (used > width - wide && at + length < label.size()) return label.substr(0, at) + "…";
    at += length;
  }
  return label;
}

void draw_labels(Canvas& canvas, const Chart& chart) {
  const double slot = slot_of(chart);
  const auto count = static_cast<int>(chart.labels.size());
  const int every = (count + labels_max - 1) / labels_max;
  for (int i = 0; i < count; i += std::max(1, every)) {
    canvas.text({plot.x + slot * (i + 0.5), plot.y + plot.height + 14},
                fitted(chart.labels[static_cast<std::size_t>(i)], slot * std::max(1, every)),
                {.size = 9, .align = Align::centre, .colour = black});
  }
}

void draw_bars(Canvas& canvas, const Chart& chart, double top) {
  const bool stacked = chart.kind == Chart::Kind::stacked;
  const double slot = slot_of(chart);
  const auto sides =
      stacked ? 1.0 : static_cast<double>(std::max<std::size_t>(1, chart.series.size()));
  const double width = slot * 0.7 / sides;
  for (std::size_t i = 0; i < chart.labels.size(); ++i) {
    double base = 0;
    for (std::size_t s = 0; s < chart.series.size(); ++s) {
      const auto& values = chart.series[s].values;
      if (i >= values.size() || !values[i]) continue;
      const double from = stacked ? base : 0;
      const double left = stacked ? 0 : width * static_cast<double>(s);
      const double y = y_of(from + *values[i], top);
      canvas.rectangle(
          {plot.x + slot * (static_cast<double>(i) + 0.15) + left, y, width, y_of(from, top) - y},
          palette[s % palette.size()]);
      base += *values[i];
    }
  }
}

void draw_lines(Canvas& canvas, const Chart& chart, double top) {
  const double slot = slot_of(chart);
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const Pen pen{.colour = palette[s % palette.size()], .width = 2};
    std::optional<Point> before;
    const auto& values = chart.series[s].values;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i]) {
        before.reset();  // what is not known is not bridged
        continue;
      }
      const Point here{plot.x + slot * (static_cast<double>(i) + 0.5), y_of(*values[i], top)};
      if (before) canvas.line(*before, here, pen);
      canvas.dot(here, pen.colour);
      before = here;
    }
  }
}

void draw_scatter(Canvas& canvas, const Chart& chart) {
  const auto at = [](double x, double y) {
    return Point{plot.x + plot.width * std::clamp(x, 0.0, 100.0) / 100,
                 y_of(std::clamp(y, 0.0, 100.0), 100)};
  };
  for (int tick = 0; tick <= 100; tick += 20) {
    canvas.text({at(tick, 0).x, plot.y + plot.height + 14}, fmt::to_string(tick),
                {.size = 9, .align = Align::centre, .colour = black});
  }
  if (chart.x_mark) canvas.line(at(*chart.x_mark, 0), at(*chart.x_mark, 100), {.colour = mark});
  if (chart.y_mark) canvas.line(at(0, *chart.y_mark), at(100, *chart.y_mark), {.colour = mark});
  for (const auto& [x, y] : chart.points) canvas.dot(at(x, y), palette[0]);
}

// From white over orange to red.
Colour warmth(double value) {
  const double part = std::clamp(value, 0.0, 100.0) / 100;
  return {1.0 - 0.25 * part * part, 1.0 - 0.75 * part, 1.0 - 0.95 * part};
}

void draw_heat(Canvas& canvas, const Chart& chart, Language language) {
  const double width = plot.width / 24;
  const double height = plot.height / 7;
  double most = 1;
  for (const auto& cell : chart.cells) most = std::max(most, cell.value_or(0));
  for (std::size_t i = 0; i < chart.cells.size() && i < 168; ++i) {
    const std::size_t row = i / 24;
    const auto hour = static_cast<double>(i % 24);
    const auto day = static_cast<double>(row);
    canvas.rectangle({plot.x + width * hour, plot.y + height * day, width - 1, height - 1},
                     chart.cells[i] ? warmth(*chart.cells[i] * 100 / most) : grey);
  }
  for (int hour = 0; hour < 24; hour += 2) {
    canvas.text({plot.x + width * (hour + 0.5), plot.y + plot.height + 14}, fmt::to_string(hour),
                {.size = 9, .align = Align::centre, .colour = black});
  }
  for (std::size_t day = 0; day < weekdays.size(); ++day) {
    const auto& [zh, en] = weekdays[day];
    canvas.text({plot.x - 6, plot.y + height * (static_cast<double>(day) + 0.65)},
                std::string(language == Language::zh ? zh : en),
                {.size = 10, .align = Align::right, .colour = black});
  }
}

}  // namespace

void draw_chart(Canvas& canvas, const Chart& chart, Language language) {
  draw_names(canvas, chart, language);
  if (chart.kind == Chart::Kind::heat) return draw_heat(canvas, chart, language);
  if (chart.kind == Chart::Kind::scatter) {
    draw_scale(canvas, 100);
    return draw_scatter(canvas, chart);
  }
  const double top = top_of(chart);
  draw_scale(canvas, top);
  draw_labels(canvas, chart);
  if (chart.kind == Chart::Kind::lines) {
    draw_lines(canvas, chart, top);
  } else {
    draw_bars(canvas, chart, top);
  }
}

}  // namespace yunjian::collector
