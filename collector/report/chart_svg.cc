// Charts as SVG: plain shapes and texts, no scripts, no styles from elsewhere.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "collector/report/chart_frame.h"
#include "collector/report/render.h"

namespace yunjian::collector {

namespace {

std::string colour(const Colour& of) {
  const auto byte = [](double part) { return static_cast<int>(std::lround(part * 255)); };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(of.red), byte(of.green), byte(of.blue));
}

// A canvas that writes SVG.
class SvgCanvas : public Canvas {
 public:
  void rectangle(const Box& box, const Colour& fill) override {
    out_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>", box.x,
        box.y, box.width, box.height, colour(fill));
  }
  void line(const Point& from, const Point& to, const Pen& pen) override {
    out_ += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
        "stroke-width=\"{:.1f}\"/>",
        from.x, from.y, to.x, to.y, colour(pen.colour), pen.width);
  }
  void dot(const Point& at, const Colour& fill) override {
    out_ += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\" fill-opacity=\"0.6\"/>", at.x,
        at.y, colour(fill));
  }
  void text(const Point& at, std::string_view words, const Lettering& letters) override {
    constexpr std::array<std::string_view, 3> anchors = {"start", "middle", "end"};
    out_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:.1f}\" text-anchor=\"{}\" "
        "fill=\"{}\">{}</text>",
        at.x, at.y, letters.size, anchors[static_cast<std::size_t>(letters.align)],
        colour(letters.colour), escape_markup(words));
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace

std::string escape_markup(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string chart_svg(const Chart& chart, Language language) {
  SvgCanvas canvas;
  draw_chart(canvas, chart, language);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"{}\">{}</svg>",
      chart_width, chart_height, escape_markup(in(language, chart.name)), canvas.take());
}

}  // namespace yunjian::collector
