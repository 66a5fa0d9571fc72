#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace yunjian::collector {

// A condition on one field of a record or on one that was derived from it. Where a store keeps the
// field's distinct values, it asks once for each of them and not once for each record.
struct ColumnTest {
  std::string field;
  // `value` as ParsedRecord has it: decoded text, or a number's digits.
  std::function<bool(std::string_view value, bool is_string)> accepts;
  bool accepts_absent = false;  // records without the field
};

// What a store may look at before anybody parses a line: all of it must hold. A record that fails
// any of it is never visited.
struct Filter {
  std::set<std::string, std::less<>> hosts;  // any of them; empty: all
  std::vector<ColumnTest> columns;           // exact: needs no second look
  // For each entry at least one of its tokens (ledger/archive/tokens.h) stands in a text value of
  // the record other than `time`, or in the line when it is no record. A hint: records without the
  // token may be let through, so that the caller must look again.
  std::vector<std::vector<std::string>> words;
};

}  // namespace yunjian::collector
