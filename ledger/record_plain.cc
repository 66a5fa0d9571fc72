#include "ledger/record_plain.h"

#include <algorithm>
#include <cstring>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

constexpr std::size_t number_chars_max = 18;
constexpr std::size_t usual_fields = 12;

bool ends_text(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// Whether some of 8 bytes may end a text; may err towards true.
bool may_end_text(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  constexpr std::uint64_t high = 0x8080808080808080U;
  const auto has_zero = [](std::uint64_t v) { return (v - ones) & ~v & high; };
  const std::uint64_t below = (word - ones * 0x20) & ~word & high;
  return (below | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'))) != 0;
}

// The first byte from `at` on that is a quote, a backslash or below 0x20; the size when none is.
std::size_t end_of_text(std::string_view line, std::size_t at) {
  while (at < line.size()) {
    if (at + 8 <= line.size()) {
      std::uint64_t word;
      std::memcpy(&word, line.data() + at, 8);
      if (!may_end_text(word)) {
        at += 8;
        continue;
      }
    }
    for (const std::size_t stop = std::min(at + 8, line.size()); at < stop; ++at) {
      if (ends_text(line[at])) return at;
    }
  }
  return at;
}

// Behind a number that begins at `at`; `at` when there is none of the usual form.
std::size_t end_of_number(std::string_view line, std::size_t at) {
  std::size_t end = at;
  while (end < line.size() && is_digit(line[end])) ++end;
  if (end == at || (line[at] == '0' && end > at + 1)) return at;
  if (end < line.size() && line[end] == '.') {
    const std::size_t fraction = ++end;
    while (end < line.size() && is_digit(line[end])) ++end;
    if (end == fraction) return at;
  }
  return end - at <= number_chars_max ? end : at;
}

// The byte that stands behind a backslash and means `c`; 0: not one of the short escapes.
char meant_by(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// One pass over a line, in which texts with escapes are put straight where they stand: what an
// escape means is shorter than the escape. at_ stands behind what was taken.
class Reader {
 public:
  explicit Reader(std::string& line) : line_(line) {}

  bool take(char c) {
    if (at_ >= line_.size() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_text(std::string_view& text) {
    if (!take('"')) return false;
    const std::size_t begin = at_;
    std::size_t end = end_of_text(line_, at_);
    std::size_t written = end;
    while (end < line_.size() && line_[end] == '\\') {
      const std::size_t behind = put_meant(end, written);
      if (behind == end) return false;
      end = end_of_text(line_, behind);
      std::memmove(line_.data() + written, line_.data() + behind, end - behind);
      written += end - behind;
    }
    if (end >= line_.size() || line_[end] != '"') return false;
    text = std::string_view(line_).substr(begin, written - begin);
    at_ = end + 1;
    return true;
  }
  bool take_field(RecordField& field) {
    if (!take_text(field.key) || !take(':')) return false;
    field.is_string = at_ < line_.size() && line_[at_] == '"';
    if (field.is_string) return take_text(field.value);
    const std::size_t end = end_of_number(line_, at_);
    field.value = std::string_view(line_).substr(at_, end - at_);
    at_ = end;
    return !field.value.empty();
  }
  bool at_end() const { return at_ == line_.size(); }

 private:
  // Behind the escape at `at`, whose meaning is now at `written`; `at` when it is none that this
  // reader knows: of \u only what is one byte.
  std::size_t put_meant(std::size_t at, std::size_t& written) {
    if (at + 1 >= line_.size()) return at;
    if (const char meant = meant_by(line_[at + 1]); meant != 0) {
      line_[written++] = meant;
      return at + 2;
    }
    if (at + 6 > line_.size() || line_.compare(at, 4, "\\u00") != 0) return at;
    const int high = hex_value(line_[at + 4]);
    const int low = hex_value(line_[at + 5]);
    if (high < 0 || high > 7 || low < 0) return at;
    line_[written++] = static_cast<char>(high * 16 + low);
    return at + 6;
  }

  std::string& line_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<ParsedRecord> read_plain_record(std::string_view line) {
  auto record = std::make_unique<ParsedRecord>();
  record->storage.assign(line);
  record->fields.reserve(usual_fields);
  Reader reader(record->storage);
  if (!reader.take('{')) return nullptr;
  do {
    RecordField field{};
    if (!reader.take_field(field)) return nullptr;
    record->fields.push_back(field);
  } while (reader.take(','));
  if (!reader.take('}') || !reader.at_end()) return nullptr;
  if (!is_valid_utf8(line)) return nullptr;
  return record;
}

}  // namespace yunjian::ledger
