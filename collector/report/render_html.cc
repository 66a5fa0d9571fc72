#include <fmt/format.h>

#include <algorithm>

#include "collector/report/render.h"

namespace yunjian::collector {

namespace {

constexpr std::string_view style = R"(<style>
body{font:14px/1.6 "Noto Sans CJK SC","Microsoft YaHei","PingFang SC",sans-serif;color:#222;
margin:2em auto;max-width:1100px;padding:0 1em}
h1{font-size:26px;margin:1em 0 .2em}
h2{font-size:19px;border-bottom:2px solid #1f4e79;margin-top:1.8em}
h3{font-size:15px;margin:1.2em 0 .4em}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1.2em}
dt{color:#595959}dd{margin:0;min-height:1.6em}
table{border-collapse:collapse;width:100%;font-size:12px}
th,td{border:1px solid #bfbfbf;padding:3px 6px;text-align:left;vertical-align:top}
th{background:#1f4e79;color:#fff}td.n{text-align:right;white-space:nowrap}
th.n{text-align:right}
tbody tr:nth-child(even){background:#f5f8fb}
svg{width:100%;max-width:640px;height:auto}.empty{color:#7f7f7f}
@media print{body{margin:0;max-width:none}thead{display:table-header-group}
tr,svg{break-inside:avoid}h2,h3{break-after:avoid}@page{size:A4 landscape;margin:12mm}}
</style>)";

// Lines of a text stay lines.
std::string escaped(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += escape_markup(text.substr(0, end));
    if (end == text.size()) return out;
    out += "<br>";
    text.remove_prefix(end + 1);
  }
}

void write_table(std::string& out, const DocumentTable& table, Language language) {
  out += fmt::format("<h3>{}</h3>\n", escaped(in(language, table.name)));
  if (table.rows.empty()) {
    out += fmt::format("<p class=\"empty\">{}</p>\n", escaped(in(language, table.empty)));
    return;
  }
  out += "<table><thead><tr>";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    out += fmt::format("<th{}>{}</th>", is_numeric(table, i) ? " class=\"n\"" : "",
                       escaped(in(language, table.columns[i].name)));
  }
  out += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (const CellValue& value : row) {
      out += fmt::format("<td{}>{}</td>", is_number(value) ? " class=\"n\"" : "",
                         escaped(cell_text(value, language)));
    }
    out += "</tr>\n";
  }
  out += "</tbody></table>\n";
}

}  // namespace

std::string document_html(const Document& document, Language language) {
  const std::string title = fmt::format("{} {}", escaped(in(language, document.name)),
                                        rules::format_month(document.month));
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\"><title>{}</title>\n{}</head><body>\n<h1>{}</h1>\n<dl>",
      language == Language::zh ? "zh-CN" : "en", title, style, title);
  for (const auto& [name, value] : cover_lines(document)) {
    out += fmt::format("<dt>{}</dt><dd>{}</dd>", escaped(in(language, name)),
                       escaped(in(language, value)));
  }
  out += "</dl>\n";
  for (const DocumentSection& section : document.sections) {
    out += fmt::format("<h2>{}</h2>\n", escaped(in(language, section.name)));
    for (const rules::Words& paragraph : section.paragraphs) {
      out += fmt::format("<p>{}</p>\n", escaped(in(language, paragraph)));
    }
    for (const Chart& chart : section.charts) out += chart_svg(chart, language) + "\n";
    for (const DocumentTable& table : section.tables) write_table(out, table, language);
  }
  return out + "</body></html>\n";
}

}  // namespace yunjian::collector
