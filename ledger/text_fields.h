#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ledger/base/bytes.h"
#include "ledger/base/clock.h"

namespace yunjian::ledger {

// Leaves are texts of lines "<name> <value>" in a fixed order behind a first line that names the
// form.
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_field(std::string& out, std::string_view name, std::uint64_t value);
void append_field(std::string& out, std::string_view name, const Hash& value);  // base64
void append_field(std::string& out, std::string_view name, Time value);

// Reads such a text strictly: each line must be there, in order, and nothing else. The first wrong
// line is remembered; later takes give empty values, so that a parser reads straight down and asks
// finish() once.
class FieldReader {
 public:
  FieldReader(std::string_view text, std::string_view first_line);

  std::string_view take(std::string_view name);
  template <typename Valid>
  std::string take(std::string_view name, Valid valid) {
    const std::string_view value = take(name);
    if (!failed() && !valid(value)) refuse(name);
    return std::string(value);
  }
  std::uint64_t take_number(std::string_view name);
  Hash take_hash(std::string_view name);
  std::optional<Hash> take_optional_hash(std::string_view name);  // "-" = none
  std::string take_base64(std::string_view name);
  Time take_time(std::string_view name);
  std::pair<std::string_view, std::string_view> take_pair(std::string_view name);
  std::uint64_t number(std::string_view name, std::string_view digits);

  void refuse(std::string_view name);
  bool failed() const { return !problem_.empty(); }
  Result<void> finish();  // reject names the first wrong line

 private:
  std::string_view next_line();

  std::string_view rest_;
  std::string_view form_;
  std::string problem_;
};

}  // namespace yunjian::ledger
