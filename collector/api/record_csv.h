#pragma once

#include <string>

#include "collector/store/record_store.h"

namespace yunjian::collector {

// First line of an export as CSV (RFC 4180), behind the mark that makes spreadsheets read UTF-8.
std::string csv_head();

// One record as a line. A cell that a spreadsheet would take for a formula (it begins with = + - @,
// a tab or a carriage return) gets an apostrophe in front.
void append_csv(std::string& out, const StoredRecord& record);

// The last line: `#complete` and a text in the second column.
void append_csv_end(std::string& out, std::string_view statement);

}  // namespace yunjian::collector
