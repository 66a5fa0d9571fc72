#pragma once

#include <string_view>

#include "collector/report/document.h"

namespace yunjian::collector {

// Where charts are drawn: SVG for pages, Cairo for print. Points are those of the chart's own
// frame, y downwards.
struct Point {
  double x = 0;
  double y = 0;
};
struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};
struct Colour {
  double red = 0;
  double green = 0;
  double blue = 0;
};
struct Pen {
  Colour colour;
  double width = 1;
};
enum class Align { left, centre, right };
struct Lettering {
  double size = 11;
  Align align = Align::left;
  Colour colour;
};

class Canvas {
 public:
  virtual ~Canvas() = default;
  virtual void rectangle(const Box& box, const Colour& fill) = 0;
  virtual void line(const Point& from, const Point& to, const Pen& pen) = 0;
  virtual void dot(const Point& at, const Colour& fill) = 0;
  // `at` is on the base line.
  virtual void text(const Point& at, std::string_view words, const Lettering& letters) = 0;
};

inline constexpr double chart_width = 640;
inline constexpr double chart_height = 300;

void draw_chart(Canvas& canvas, const Chart& chart, Language language);

}  // namespace yunjian::collector
