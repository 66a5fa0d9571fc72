#pragma once

#include <string>
#include <string_view>

#include "collector/report/document.h"
#include "ledger/base/file_system.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

// The forms of a document. The same document gives the same bytes on every machine.

// One JSON object: everything, tables as lists of objects by column key.
std::string document_json(const Document& document);
// All tables one after another, each behind a line with its name; UTF-8 with a byte order mark, so
// that spreadsheets read it; a text that a spreadsheet would take for a formula gets an apostrophe.
std::string document_csv(const Document& document, Language language);
// One page without scripts, fonts or pictures from elsewhere; charts as SVG; prints well.
std::string document_html(const Document& document, Language language);
// & < > and " as entities.
std::string escape_markup(std::string_view text);
// `chart` as an SVG element.
std::string chart_svg(const Chart& chart, Language language);
// A cover, then a sheet a table and a chart. Written by way of `path` (see
// Workbook).
ledger::Result<void> document_xlsx(ledger::FileSystem& files, const std::string& path,
                                   const Document& document, Language language);
struct Pdf {
  std::string bytes;
  std::uint64_t unknown_letters = 0;  // drawn as boxes: no font of the machine has them
};
// A4, page numbers, cover page, charts and tables. Reject: no font of the machine has Chinese
// letters.
ledger::Result<Pdf> document_pdf(const Document& document, Language language);

}  // namespace yunjian::collector
