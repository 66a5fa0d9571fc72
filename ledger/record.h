#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"

namespace yunjian::ledger {

inline constexpr std::size_t record_bytes_max = 64 * 1024;  // of one encoded line

// The beginning that several records share, as RecordWriter::head() left it.
struct RecordHead {
  std::string text;
  int last_rank = -1;
  std::size_t last_key_at = 0;
  std::size_t last_key_size = 0;
};

// Writes one record as canonical JSON, one line without LF. Keys must come in canonical order
// (record_key_rank); a key out of order or twice breaks an invariant (aborts), so callers collect
// details with record_key_less when they cannot know. Appends to a caller's string and allocates
// nothing of its own. One thread.
class RecordWriter {
 public:
  RecordWriter(std::string& out, Time time, std::string_view kind);
  RecordWriter(std::string& out, const RecordHead& head);  // goes on behind it

  RecordWriter& text(std::string_view key, std::string_view utf8);  // caller guarantees valid UTF-8
  RecordWriter& integer(std::string_view key, std::uint64_t value);  // < 2^63
  RecordWriter& decimal(std::string_view key,
                        double value);  // exactly two decimals, rounded half away from zero, >= 0
  // `message` (and "encoding":"escaped" before it when the bytes are not UTF-8) in one go.
  RecordWriter& message(std::string_view bytes);
  void finish();  // closes the object; must be last

  std::size_t bytes() const { return out_->size() - start_; }
  RecordHead head() const;  // what is written so far

 private:
  void key(std::string_view name);

  std::string* out_;
  std::size_t start_;
  int last_rank_ = -1;
  std::size_t last_key_at_ = 0;  // the key written last, in *out_
  std::size_t last_key_size_ = 0;
};

// Position in the canonical order: fixed keys by list; families (`cpu.*`, `disk.*`, …, then `what`
// details) by their place, and within a family bytewise by key.
int record_key_rank(std::string_view key);
bool record_key_less(std::string_view a, std::string_view b);

// Appends `text` as a JSON string with the escapes of the format: \" \\ \b \f \n \r \t, other
// control characters \u00XX in upper-case hex; everything else verbatim.
void append_json_string(std::string& out, std::string_view text);

// Bytes that are not UTF-8 as text: each bad byte as \xHH (upper case), each backslash doubled.
// unescape_bytes undoes it.
std::string escape_bytes(std::string_view bytes);
Result<std::string> unescape_bytes(std::string_view text);

// Cuts a source line into pieces whose records stay within record_bytes_max, `overhead` bytes being
// taken by the other keys; cuts at UTF-8 characters. One piece when it fits.
std::vector<std::string_view> split_message(std::string_view line, std::size_t overhead);

// A line as its reader sees it: flat JSON, values as text. The views point into `storage` or the
// line.
struct RecordField {
  std::string_view key;
  std::string_view value;  // decoded text for strings, digits for numbers
  bool is_string;
};

struct ParsedRecord {
  std::vector<RecordField> fields;
  std::string storage;
  std::optional<std::string_view> find(std::string_view key) const;
  std::optional<std::uint64_t> find_integer(std::string_view key) const;
  std::optional<double> find_number(std::string_view key) const;
};

// Reads flat JSON (no arrays, no nesting) of any key order; `canonical` tells whether the line is
// byte for byte what RecordWriter would write. Reject: not such JSON. The record stays readable
// when moved.
Result<std::unique_ptr<ParsedRecord>> parse_record(std::string_view line,
                                                   bool* canonical = nullptr);

}  // namespace yunjian::ledger
