#include "ledger/record.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "ledger/base/bytes.h"
#include "ledger/record_plain.h"

namespace yunjian::ledger {
namespace {

// The one list of key order. A name that ends in '.' is a family: its keys follow there, bytewise.
// The free details of agent and collector records come last.
constexpr std::array<std::string_view, 28> key_order = {
    "time",        "kind",       "source", "log",  "severity", "facility", "process.name",
    "process.pid", "uid",        "audit.", "part", "encoding", "masked",   "message",
    "what",        "interval_s", "from",   "n",    "coverage", "cpu.",     "memory.",
    "swap.",       "pressure.",  "disk.",  "fs.",  "net.",     "system.",  "histogram."};
constexpr int details_rank = static_cast<int>(key_order.size());

constexpr std::string_view hex_digits = "0123456789ABCDEF";

// What a byte becomes inside a JSON string: 0 = itself, 'u' = \u00XX, else the letter after the
// backslash.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = 'u';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['"'] = '"';
  table['\\'] = '\\';
  return table;
}
constexpr std::array<char, 256> escapes = make_escapes();

// Rank of `key` when it is at or behind `start`; details_rank when it is not found there.
int rank_from(std::size_t start, std::string_view key) {
  for (std::size_t i = start; i < key_order.size(); ++i) {
    const std::string_view name = key_order[i];
    if (name.back() == '.' ? key.starts_with(name) : key == name) return static_cast<int>(i);
  }
  return details_rank;
}

void append_decimal_digits(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// The high bit of each byte of the word that is below 0x20, a quote or a backslash; exact up to the
// first such byte in little-endian order, may err behind it.
std::uint64_t escape_mask(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  constexpr std::uint64_t high = 0x8080808080808080U;
  const auto has_zero = [](std::uint64_t v) { return (v - ones) & ~v & high; };
  const std::uint64_t below = (word - ones * 0x20) & ~word & high;
  return below | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'));
}

// Where the first byte at or behind `at` stands that is written as an escape; the size if none.
std::size_t find_escape(std::string_view text, std::size_t at) {
  static_assert(std::endian::native == std::endian::little);
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t mask = escape_mask(word);
    if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(mask)) / 8;
  }
  while (at < text.size() && escapes[static_cast<unsigned char>(text[at])] == 0) ++at;
  return at;
}

void append_escape(std::string& out, unsigned char byte) {
  const char escape = escapes[byte];
  const std::array<char, 6> bytes = {
      '\\', escape, '0', '0', hex_digits[byte >> 4], hex_digits[byte & 15]};
  out.append(bytes.data(), escape == 'u' ? 6 : 2);
}

std::size_t encoded_size(char c) {
  const char escape = escapes[static_cast<unsigned char>(c)];
  return escape == 0 ? 1 : escape == 'u' ? 6 : 2;
}

std::size_t encoded_size(std::string_view text) {
  std::size_t size = 0;
  for (const char c : text) size += encoded_size(c);
  return size;
}

// Longest prefix of whole characters whose JSON form has at most `room` bytes; room >= 6.
std::size_t utf8_prefix(std::string_view text, std::size_t room) {
  std::size_t cut = 0;
  for (std::size_t size = 0; cut < text.size(); ++cut) {
    size += encoded_size(text[cut]);
    if (size > room) break;
  }
  while (cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return cut;
}

}  // namespace

int record_key_rank(std::string_view key) { return rank_from(0, key); }

bool record_key_less(std::string_view a, std::string_view b) {
  const int rank_a = record_key_rank(a);
  const int rank_b = record_key_rank(b);
  return rank_a != rank_b ? rank_a < rank_b : a < b;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t done = 0;;) {
    const std::size_t at = find_escape(text, done);
    out.append(text.data() + done, at - done);
    if (at == text.size()) break;
    append_escape(out, static_cast<unsigned char>(text[at]));
    done = at + 1;
  }
  out += '"';
}

RecordWriter::RecordWriter(std::string& out, Time time, std::string_view kind)
    : out_(&out), start_(out.size()) {
  out += "{\"time\":\"";
  append_time(out, time);
  constexpr std::string_view key = "kind";
  out += "\",\"";
  last_key_at_ = out.size();
  last_key_size_ = key.size();
  last_rank_ = record_key_rank(key);
  out += key;
  out += "\":\"";
  out += kind;
  out += '"';
}

RecordWriter::RecordWriter(std::string& out, const RecordHead& head)
    : out_(&out),
      start_(out.size()),
      last_rank_(head.last_rank),
      last_key_at_(start_ + head.last_key_at),
      last_key_size_(head.last_key_size) {
  out += head.text;
}

RecordHead RecordWriter::head() const {
  return {out_->substr(start_), last_rank_, last_key_at_ - start_, last_key_size_};
}

void RecordWriter::key(std::string_view name) {
  // Keys come in order, so the search goes on where the last one ended.
  int rank = rank_from(static_cast<std::size_t>(std::min(last_rank_, details_rank)), name);
  if (rank == details_rank) rank = record_key_rank(name);
  const auto last_key = std::string_view(*out_).substr(last_key_at_, last_key_size_);
  require(rank > last_rank_ || (rank == last_rank_ && name > last_key),
          "record keys come in canonical order");
  last_rank_ = rank;
  *out_ += ",\"";
  last_key_at_ = out_->size();
  last_key_size_ = name.size();
  *out_ += name;
  *out_ += "\":";
}

RecordWriter& RecordWriter::text(std::string_view name, std::string_view utf8) {
  key(name);
  append_json_string(*out_, utf8);
  return *this;
}

RecordWriter& RecordWriter::integer(std::string_view name, std::uint64_t value) {
  require(value >> 63 == 0, "record integers are below 2^63");
  key(name);
  append_decimal_digits(*out_, value);
  return *this;
}

RecordWriter& RecordWriter::decimal(std::string_view name, double value) {
  require(value >= 0 && value < 9e15, "record decimals are >= 0");
  key(name);
  const auto hundredths = static_cast<std::uint64_t>(std::llround(value * 100));
  append_decimal_digits(*out_, hundredths / 100);
  *out_ += '.';
  *out_ += static_cast<char>('0' + hundredths % 100 / 10);
  *out_ += static_cast<char>('0' + hundredths % 10);
  return *this;
}

RecordWriter& RecordWriter::message(std::string_view bytes) {
  if (is_valid_utf8(bytes)) return text("message", bytes);
  text("encoding", "escaped");
  return text("message", escape_bytes(bytes));
}

void RecordWriter::finish() { *out_ += '}'; }

std::string escape_bytes(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  while (!bytes.empty()) {
    // The longest of 1 to 4 bytes that are one valid character decides; a bad byte stands alone.
    std::size_t good = 0;
    for (std::size_t length = 1; length <= 4 && length <= bytes.size(); ++length) {
      if (is_valid_utf8(bytes.substr(0, length))) {
        good = length;
        break;
      }
    }
    if (good == 0) {
      const auto byte = static_cast<unsigned char>(bytes.front());
      out += "\\x";
      out += hex_digits[byte >> 4];
      out += hex_digits[byte & 15];
      good = 1;
    } else if (bytes.front() == '\\') {
      out += "\\\\";
    } else {
      out.append(bytes.substr(0, good));
    }
    bytes.remove_prefix(good);
  }
  return out;
}

Result<std::string> unescape_bytes(std::string_view text) {
  const auto bad = [] { return fail(ErrorKind::reject, "not an escaped message"); };
  const auto nibble = [](char c) { return hex_digits.find(c); };
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      out += '\\';
      ++i;
    } else if (i + 3 < text.size() && text[i + 1] == 'x') {
      const std::size_t high = nibble(text[i + 2]);
      const std::size_t low = nibble(text[i + 3]);
      if (high == std::string_view::npos || low == std::string_view::npos) return bad();
      out += static_cast<char>(high << 4 | low);
      i += 3;
    } else {
      return bad();
    }
  }
  return out;
}

std::vector<std::string_view> split_message(std::string_view line, std::size_t overhead) {
  require(overhead < record_bytes_max / 2, "record keys leave room for the message");
  const std::size_t room = record_bytes_max - overhead;
  const bool utf8 = is_valid_utf8(line);
  // Escaped, a byte takes up to 6 characters (a control character), a bad one 5 (\\xHH).
  if (utf8 ? encoded_size(line) <= room : line.size() * 6 <= room) return {line};
  std::vector<std::string_view> pieces;
  while (!line.empty()) {
    const std::size_t cut = utf8 ? utf8_prefix(line, room) : std::min(room / 6, line.size());
    pieces.push_back(line.substr(0, cut));
    line.remove_prefix(cut);
  }
  return pieces;
}

namespace {

// Collects the members of one flat object; any nesting, true, false or null ends the parse.
class FlatHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, FlatHandler> {
 public:
  struct Span {
    std::size_t begin;
    std::size_t size;
  };
  struct Member {
    Span key;
    Span value;
    bool is_string;
  };
  std::string storage;
  std::vector<Member> members;

  bool Default() { return false; }
  bool StartObject() { return !std::exchange(open_, true); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key_ = keep(text, size);
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) { return member(text, size, true); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return member(text, size, false);
  }
  bool EndObject(rapidjson::SizeType) { return true; }

 private:
  Span keep(const char* text, std::size_t size) {
    storage.append(text, size);
    return {storage.size() - size, size};
  }
  bool member(const char* text, std::size_t size, bool is_string) {
    if (!open_) return false;
    const Span value = keep(text, size);
    members.push_back({key_, value, is_string});
    return true;
  }

  bool open_ = false;
  Span key_{};
};

bool is_canonical_number(std::string_view digits) {
  const std::size_t dot = digits.find('.');
  const std::string_view whole = digits.substr(0, dot);
  if (!parse_decimal(whole)) return false;
  if (dot == std::string_view::npos) return true;
  const std::string_view fraction = digits.substr(dot + 1);
  return fraction.size() == 2 && fraction[0] >= '0' && fraction[0] <= '9' && fraction[1] >= '0' &&
         fraction[1] <= '9';
}

// Writes the fields again the only way RecordWriter would; differs from the line when that was not
// canonical.
bool is_canonical(const ParsedRecord& record, std::string_view line) {
  if (line.size() > record_bytes_max || record.fields.size() < 2) return false;
  if (record.fields[0].key != "time" || record.fields[1].key != "kind") return false;
  if (!parse_time(record.fields[0].value)) return false;
  std::string again = "{";
  for (std::size_t i = 0; i < record.fields.size(); ++i) {
    const RecordField& field = record.fields[i];
    if (i > 0 && !record_key_less(record.fields[i - 1].key, field.key)) return false;
    if (!field.is_string && !is_canonical_number(field.value)) return false;
    if (i > 0) again += ',';
    append_json_string(again, field.key);
    again += ':';
    if (field.is_string) {
      append_json_string(again, field.value);
    } else {
      again += field.value;
    }
  }
  again += '}';
  return again == line;
}

}  // namespace

Result<std::unique_ptr<ParsedRecord>> parse_flat_json(std::string_view line) {
  FlatHandler handler;
  handler.storage.reserve(line.size());
  handler.members.reserve(16);
  rapidjson::MemoryStream stream(line.data(), line.size());
  rapidjson::Reader reader;
  constexpr unsigned flags =
      rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseValidateEncodingFlag;
  const rapidjson::ParseResult parsed = reader.Parse<flags>(stream, handler);
  // A NUL byte ends RapidJSON's stream early: what lies behind it must not be overlooked.
  if (!parsed || stream.Tell() < line.size()) {
    return fail(ErrorKind::reject, "not flat JSON at byte " +
                                       std::to_string(parsed ? stream.Tell() : parsed.Offset()));
  }
  auto record = std::make_unique<ParsedRecord>();
  record->storage = std::move(handler.storage);
  record->fields.reserve(handler.members.size());
  const std::string_view storage = record->storage;
  for (const auto& member : handler.members) {
    record->fields.push_back({storage.substr(member.key.begin, member.key.size),
                              storage.substr(member.value.begin, member.value.size),
                              member.is_string});
  }
  return record;
}

Result<std::unique_ptr<ParsedRecord>> parse_record(std::string_view line, bool* canonical) {
  std::unique_ptr<ParsedRecord> record = read_plain_record(line);
  if (record == nullptr) {
    auto parsed = parse_flat_json(line);
    if (!parsed) return parsed;
    record = std::move(*parsed);
  }
  if (canonical != nullptr) *canonical = is_canonical(*record, line);
  return record;
}

std::optional<std::string_view> ParsedRecord::find(std::string_view key) const {
  for (const RecordField& field : fields) {
    if (field.key == key) return field.value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ParsedRecord::find_integer(std::string_view key) const {
  const auto value = find(key);
  if (!value) return std::nullopt;
  auto number = parse_decimal(*value);
  if (!number) return std::nullopt;
  return *number;
}

std::optional<double> ParsedRecord::find_number(std::string_view key) const {
  const auto value = find(key);
  if (!value) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc() || end != value->data() + value->size()) return std::nullopt;
  return number;
}

}  // namespace yunjian::ledger
