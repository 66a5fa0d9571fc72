// Print: A4, cover, charts, tables whose heads come again on each page; Cairo and Pango.
#include <cairo-pdf.h>
#include <fmt/format.h>
#include <pango/pangocairo.h>

#include <algorithm>
#include <memory>

#include "collector/report/chart_frame.h"
#include "collector/report/render.h"

namespace yunjian::collector {

using ledger::Result;

namespace {

// Points; A4 on its side, so that tables have room.
constexpr double page_width = 841.89;
constexpr double page_height = 595.28;
constexpr double margin = 40;
constexpr double body_width = page_width - 2 * margin;
constexpr double body_end = page_height - margin - 14;
constexpr double cell_padding = 3;
constexpr const char* font = "Noto Sans CJK SC, WenQuanYi Zen Hei, sans-serif";
constexpr Colour dark{0.12, 0.31, 0.47};
constexpr Colour black{0.13, 0.13, 0.13};
constexpr Colour white{1, 1, 1};
constexpr Colour rule{0.75, 0.75, 0.75};

template <auto Free>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Surface = std::unique_ptr<cairo_surface_t, FreeBy<cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, FreeBy<cairo_destroy>>;
using Layout = std::unique_ptr<PangoLayout, FreeBy<g_object_unref>>;
using Font = std::unique_ptr<PangoFontDescription, FreeBy<pango_font_description_free>>;

cairo_status_t append(void* out, const unsigned char* bytes, unsigned int count) {
  static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(bytes), count);
  return CAIRO_STATUS_SUCCESS;
}

struct TextForm {
  double size = 9;
  bool bold = false;
  double width = 0;  // 0: one line
  Align align = Align::left;
  Colour colour = black;
};

// The pages of one file, written from top to bottom.
class Paper {
 public:
  Paper(std::string& out, const Document& document, Language language)
      : surface_(cairo_pdf_surface_create_for_stream(&append, &out, page_width, page_height)),
        context_(cairo_create(surface_.get())),
        layout_(pango_cairo_create_layout(context_.get())),
        footer_(fmt::format("{} {}", in(language, document.name),
                            rules::format_month(document.month))) {
    const std::string date = ledger::format_time(document.as_of).substr(0, 19) + "Z";
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_TITLE, footer_.c_str());
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_CREATE_DATE, date.c_str());
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_MOD_DATE, date.c_str());
  }

  double y = margin;

  double height(std::string_view words, const TextForm& form) {
    set(words, form);
    int tall = 0;
    pango_layout_get_pixel_size(layout_.get(), nullptr, &tall);
    return tall;
  }
  // Draws with the upper left corner at the place given.
  void text(const Point& at, std::string_view words, const TextForm& form) {
    set(words, form);
    unknown_ += static_cast<std::uint64_t>(pango_layout_get_unknown_glyphs_count(layout_.get()));
    use(form.colour);
    cairo_move_to(context_.get(), at.x, at.y);
    pango_cairo_show_layout(context_.get(), layout_.get());
  }
  void fill(const Box& box, const Colour& colour) {
    use(colour);
    cairo_rectangle(context_.get(), box.x, box.y, box.width, box.height);
    cairo_fill(context_.get());
  }
  void line(const Point& from, const Point& to, const Pen& pen) {
    use(pen.colour);
    cairo_set_line_width(context_.get(), pen.width);
    cairo_move_to(context_.get(), from.x, from.y);
    cairo_line_to(context_.get(), to.x, to.y);
    cairo_stroke(context_.get());
  }
  void circle(const Point& at, double radius, const Colour& colour) {
    use(colour);
    cairo_new_path(context_.get());  // or a line leads to it from the last text
    cairo_arc(context_.get(), at.x, at.y, radius, 0, 2 * 3.14159265358979);
    cairo_fill(context_.get());
  }
  // A new page when less than `room` is left; what is taller than a page begins where it is.
  bool need(double room) {
    if (y + room <= body_end || y <= margin) return false;
    next_page();
    return true;
  }
  void next_page() {
    foot();
    cairo_show_page(context_.get());
    ++page_;
    y = margin;
  }
  Result<void> finish() {
    foot();
    cairo_show_page(context_.get());
    cairo_surface_finish(surface_.get());
    const cairo_status_t status = cairo_surface_status(surface_.get());
    if (status == CAIRO_STATUS_SUCCESS) return {};
    return ledger::fail(ledger::ErrorKind::full,
                        fmt::format("the PDF cannot be made: {}", cairo_status_to_string(status)));
  }
  // Letters drawn so far that no font of this machine has.
  std::uint64_t unknown_letters() const { return unknown_; }
  // Whether a font of this machine has the letters.
  bool has_letters(std::string_view words) {
    set(words, {});
    return pango_layout_get_unknown_glyphs_count(layout_.get()) == 0;
  }

 private:
  void set(std::string_view words, const TextForm& form) {
    const Font description(pango_font_description_from_string(font));
    pango_font_description_set_absolute_size(description.get(), form.size * PANGO_SCALE);
    pango_font_description_set_weight(description.get(),
                                      form.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(layout_.get(), description.get());
    pango_layout_set_width(layout_.get(),
                           form.width > 0 ? static_cast<int>(form.width * PANGO_SCALE) : -1);
    pango_layout_set_wrap(layout_.get(), PANGO_WRAP_WORD_CHAR);
    constexpr PangoAlignment aligned[] = {PANGO_ALIGN_LEFT, PANGO_ALIGN_CENTER, PANGO_ALIGN_RIGHT};
    pango_layout_set_alignment(layout_.get(), aligned[static_cast<std::size_t>(form.align)]);
    pango_layout_set_text(layout_.get(), words.data(), static_cast<int>(words.size()));
  }
  void use(const Colour& colour) {
    cairo_set_source_rgb(context_.get(), colour.red, colour.green, colour.blue);
  }
  void foot() {
    const double at = page_height - margin;
    text({margin, at}, footer_, {.size = 8, .colour = rule});
    text({margin, at}, fmt::to_string(page_),
         {.size = 8, .width = body_width, .align = Align::right, .colour = rule});
  }

  Surface surface_;
  Context context_;
  Layout layout_;
  std::string footer_;
  int page_ = 1;
  std::uint64_t unknown_ = 0;
};

constexpr double chart_scale = 0.72;  // so that two of them share a page

// Draws a chart at a place of the paper, smaller than in its own frame.
class PaperCanvas : public Canvas {
 public:
  PaperCanvas(Paper& paper, const Point& origin) : paper_(paper), origin_(origin) {}
  void rectangle(const Box& box, const Colour& fill) override {
    const Point corner = moved({box.x, box.y});
    paper_.fill({corner.x, corner.y, box.width * chart_scale, box.height * chart_scale}, fill);
  }
  void line(const Point& from, const Point& to, const Pen& pen) override {
    paper_.line(moved(from), moved(to), {.colour = pen.colour, .width = pen.width * chart_scale});
  }
  void dot(const Point& at, const Colour& fill) override { paper_.circle(moved(at), 2, fill); }
  void text(const Point& at, std::string_view words, const Lettering& letters) override {
    constexpr double room = 300;
    const double shift[] = {0, room / 2, room};
    const double size = letters.size * chart_scale;
    const Point base = moved(at);
    paper_.text({base.x - shift[static_cast<std::size_t>(letters.align)], base.y - size * 1.1},
                words,
                {.size = size,
                 .width = letters.align == Align::left ? 0 : room,
                 .align = letters.align,
                 .colour = letters.colour});
  }

 private:
  Point moved(const Point& at) const {
    return {origin_.x + at.x * chart_scale, origin_.y + at.y * chart_scale};
  }
  Paper& paper_;
  Point origin_;
};

void draw_cover(Paper& paper, const Document& document, Language language) {
  paper.y = 150;
  paper.text(
      {margin, paper.y}, in(language, document.name),
      {.size = 30, .bold = true, .width = body_width, .align = Align::centre, .colour = dark});
  paper.text({margin, paper.y + 50}, rules::format_month(document.month),
             {.size = 20, .width = body_width, .align = Align::centre});
  paper.y += 120;
  for (const auto& [name, value] : cover_lines(document)) {
    paper.text({page_width / 2 - 220, paper.y}, in(language, name), {.size = 11, .colour = dark});
    const TextForm form{.size = 11, .width = 330};
    paper.text({page_width / 2 - 110, paper.y}, in(language, value), form);
    paper.y += std::max(20.0, paper.height(in(language, value), form) + 4);
  }
  paper.next_page();
}

// Column widths that fill the page, in the proportion the columns ask for.
std::vector<double> widths_of(const DocumentTable& table) {
  double sum = 0;
  for (const DocumentColumn& column : table.columns) sum += column.width;
  std::vector<double> widths;
  for (const DocumentColumn& column : table.columns) {
    widths.push_back(body_width * column.width / std::max(1.0, sum));
  }
  return widths;
}

struct RowForm {
  std::vector<double> widths;
  bool head = false;
};

void draw_row(Paper& paper, const std::vector<std::pair<std::string, Align>>& cells,
              const RowForm& form) {
  const double size = form.widths.size() > 12 ? 6.5 : 8;
  double tall = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const TextForm text{
        .size = size, .bold = form.head, .width = form.widths[i] - 2 * cell_padding};
    tall = std::max(tall, paper.height(cells[i].first, text));
  }
  tall += 2 * cell_padding;
  if (form.head) paper.fill({margin, paper.y, body_width, tall}, dark);
  double x = margin;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    paper.text({x + cell_padding, paper.y + cell_padding}, cells[i].first,
               {.size = size,
                .bold = form.head,
                .width = form.widths[i] - 2 * cell_padding,
                .align = cells[i].second,
                .colour = form.head ? white : black});
    x += form.widths[i];
  }
  paper.y += tall;
  paper.line({margin, paper.y}, {margin + body_width, paper.y}, {.colour = rule, .width = 0.4});
}

double height_of(Paper& paper, const std::vector<std::pair<std::string, Align>>& cells,
                 const std::vector<double>& widths) {
  double tall = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    tall = std::max(tall, paper.height(cells[i].first, {.size = widths.size() > 12 ? 6.5 : 8.0,
                                                        .width = widths[i] - 2 * cell_padding}));
  }
  return tall + 2 * cell_padding;
}

using Cells = std::vector<std::pair<std::string, Align>>;

Cells head_of(const DocumentTable& table, Language language) {
  Cells head;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    head.emplace_back(in(language, table.columns[i].name),
                      is_numeric(table, i) ? Align::right : Align::left);
  }
  return head;
}

Cells cells_of(const std::vector<CellValue>& row, Language language) {
  Cells cells;
  for (const CellValue& value : row) {
    cells.emplace_back(cell_text(value, language), is_number(value) ? Align::right : Align::left);
  }
  return cells;
}

constexpr double table_name_height = 26;

// Its name, its head and its first row stay together.
double first_of_table(Paper& paper, const DocumentTable& table, Language language) {
  if (table.rows.empty()) return table_name_height + 18;
  const std::vector<double> widths = widths_of(table);
  return table_name_height + height_of(paper, head_of(table, language), widths) +
         height_of(paper, cells_of(table.rows.front(), language), widths);
}

void draw_table(Paper& paper, const DocumentTable& table, Language language) {
  paper.need(first_of_table(paper, table, language));
  paper.y += 8;
  paper.text({margin, paper.y}, in(language, table.name), {.size = 11, .bold = true});
  paper.y += 18;
  if (table.rows.empty()) {
    paper.text({margin, paper.y}, in(language, table.empty), {.size = 9, .colour = rule});
    paper.y += 18;
    return;
  }
  const std::vector<double> widths = widths_of(table);
  const Cells head = head_of(table, language);
  draw_row(paper, head, {.widths = widths, .head = true});
  for (const auto& row : table.rows) {
    const Cells cells = cells_of(row, language);
    if (paper.need(height_of(paper, cells, widths))) {
      draw_row(paper, head, {.widths = widths, .head = true});
    }
    draw_row(paper, cells, {.widths = widths});
  }
}

constexpr double section_name_height = 40;
constexpr double chart_room = chart_height * chart_scale + 10;
constexpr TextForm paragraph_form{.size = 10, .width = body_width};

// A section's name is not left behind by what comes first in it.
double first_of_section(Paper& paper, const DocumentSection& section, Language language) {
  double first = 0;
  if (!section.paragraphs.empty()) {
    first = paper.height(in(language, section.paragraphs.front()), paragraph_form) + 6;
  } else if (!section.charts.empty()) {
    first = chart_room;
  } else if (!section.tables.empty()) {
    first = first_of_table(paper, section.tables.front(), language);
  }
  return section_name_height + first;
}

void draw_section(Paper& paper, const DocumentSection& section, Language language) {
  paper.need(first_of_section(paper, section, language));
  paper.y += 14;
  paper.text({margin, paper.y}, in(language, section.name),
             {.size = 15, .bold = true, .colour = dark});
  paper.y += 26;
  for (const rules::Words& paragraph : section.paragraphs) {
    const double tall = paper.height(in(language, paragraph), paragraph_form) + 6;
    paper.need(tall);
    paper.text({margin, paper.y}, in(language, paragraph), paragraph_form);
    paper.y += tall;
  }
  for (const Chart& chart : section.charts) {
    paper.need(chart_room);
    PaperCanvas canvas(paper, {margin + (body_width - chart_width * chart_scale) / 2, paper.y});
    draw_chart(canvas, chart, language);
    paper.y += chart_room;
  }
  for (const DocumentTable& table : section.tables) draw_table(paper, table, language);
}

}  // namespace

Result<Pdf> document_pdf(const Document& document, Language language) {
  Pdf made;
  {
    Paper paper(made.bytes, document, language);
    if (!paper.has_letters("云鉴")) {
      return ledger::fail(
          ledger::ErrorKind::reject,
          "no font on this machine has Chinese letters; install one, such as Debian's "
          "fonts-wqy-zenhei or fonts-noto-cjk");
    }
    draw_cover(paper, document, language);
    for (const DocumentSection& section : document.sections) draw_section(paper, section, language);
    if (auto finished = paper.finish(); !finished) return ledger::failure(finished);
    made.unknown_letters = paper.unknown_letters();
  }
  return made;
}

}  // namespace yunjian::collector
