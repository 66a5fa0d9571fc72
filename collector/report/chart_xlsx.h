#pragma once

#include <string>
#include <string_view>

#include "collector/report/document.h"
#include "collector/report/workbook.h"

namespace yunjian::collector {

// The numbers behind a chart as a sheet of their own, with the chart beside them as the spreadsheet
// draws it; a heat map by colours of its cells. Nothing when the chart has nothing to show.
// `prefix`: in front of the sheet's name, so that no two are alike ("图1.").
void write_chart_sheet(Workbook& book, const Chart& chart, Language language,
                       std::string_view prefix);

// A name as a sheet may have it: at most 31 characters, none of []:*?/\'
std::string sheet_name(std::string_view prefix, std::string_view wanted);

}  // namespace yunjian::collector
