#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "collector/catalog/catalog.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

inline constexpr std::size_t csv_bytes_max = 16U << 20;
inline constexpr std::size_t csv_rows_max = 200'000;
inline constexpr std::size_t csv_field_bytes_max = 1024;

// One value and where it begins; columns count characters from 1, not bytes.
struct CsvField {
  std::string value;
  std::size_t line = 1;
  std::size_t column = 1;
};

// "line 2, column 9: " and what is wrong there.
ledger::Failure csv_failure(std::size_t line, std::size_t column, std::string_view what);

// RFC 4180 over UTF-8 with an optional byte order mark; lines end in LF or CRLF. Reject names line
// and column.
ledger::Result<std::vector<std::vector<CsvField>>> parse_csv(std::string_view bytes);

// A value as it stands in a CSV row: in quotes where it must be; one that a spreadsheet would take
// for a formula gets an apostrophe in front.
std::string csv_value(std::string_view value);
// The value without that apostrophe.
std::string csv_plain(const std::string& value);

// Lists of units and hosts as people keep them: a header line, then one row each (README.md). All
// or nothing: the first mistake is the answer, with line, column and field name.
ledger::Result<std::vector<Unit>> parse_units_csv(std::string_view bytes);
// `units`: those a host may belong to.
ledger::Result<std::vector<Host>> parse_hosts_csv(std::string_view bytes,
                                                  const std::vector<Unit>& units);
// The same from rows of the fields below, without a header.
using CsvRows = std::vector<std::vector<CsvField>>;
inline constexpr std::string_view unit_list_fields[] = {"id", "name", "county"};
inline constexpr std::string_view host_list_fields[] = {"id",    "unit",      "system",  "name",
                                                        "vcpus", "memory_gb", "purpose", "address"};
ledger::Result<std::vector<Unit>> units_of_rows(const CsvRows& rows);
ledger::Result<std::vector<Host>> hosts_of_rows(const CsvRows& rows,
                                                const std::vector<Unit>& units);

}  // namespace yunjian::collector
