#pragma once

#include <memory>
#include <string_view>

#include "ledger/record.h"

namespace yunjian::ledger {

// The usual record line, read in one pass without a parser: no white space, no escapes but the
// short ones and those of single bytes, numbers of up to 18 digits as they are usually written,
// valid UTF-8. Null: it is none of these, which says nothing about whether it is JSON. What it
// gives is what parse_flat_json() gives for the line.
std::unique_ptr<ParsedRecord> read_plain_record(std::string_view line);

// The same for every line, by the parser.
Result<std::unique_ptr<ParsedRecord>> parse_flat_json(std::string_view line);

}  // namespace yunjian::ledger
