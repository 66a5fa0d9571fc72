#include "ledger/archive/column.h"

#include <algorithm>
#include <unordered_map>

#include "ledger/archive/tokens.h"

namespace yunjian::ledger {
namespace {

constexpr std::size_t dictionary_max = 4096;
constexpr std::size_t small_dictionary_max = 16;  // always worth it
constexpr std::size_t template_bytes_min = 12;    // of a value, on average

Failure damaged() { return fail(ErrorKind::corrupt, "a column is not whole"); }

void add_tokens(std::string_view text, HashSet* tokens) {
  if (tokens == nullptr) return;
  thread_local std::vector<std::uint64_t> hashes;
  hashes.clear();
  append_token_hashes(text, hashes);
  for (const std::uint64_t hash : hashes) tokens->add(hash);
}

bool text_has(std::string_view text, std::string_view token) {
  bool found = false;
  visit_tokens(text, [&](std::string_view seen) { found |= seen == token; });
  return found;
}

}  // namespace

void ColumnBuilder::add(std::string_view value) {
  arena_ += value;
  ends_.push_back(arena_.size());
}

ColumnForm ColumnBuilder::encode(Packer& packer, std::string& out, HashSet* tokens) const {
  if (!is_string_ || derived_) tokens = nullptr;
  bool constant = true;
  for (std::size_t i = 1; i < size() && constant; ++i) constant = at(i) == at(0);
  if (constant) {
    out += at(0);
    add_tokens(at(0), tokens);
    return ColumnForm::constant;
  }
  if (encode_dictionary(packer, out, tokens)) return ColumnForm::dictionary;
  if (tokens == nullptr && encode_integers(packer, out)) return ColumnForm::integers;
  if (is_string_ && encode_templates(packer, out, tokens)) return ColumnForm::templates;
  encode_strings(packer, out, tokens);
  return ColumnForm::strings;
}

bool ColumnBuilder::encode_dictionary(Packer& packer, std::string& out, HashSet* tokens) const {
  const std::size_t most = std::min(dictionary_max, std::max(small_dictionary_max, size() / 8));
  std::unordered_map<std::string_view, std::uint16_t> known;
  std::vector<std::uint16_t> codes;
  std::string texts;
  codes.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    if (i > 0 && at(i) == at(i - 1)) {
      codes.push_back(codes.back());
      continue;
    }
    const auto [found, fresh] = known.try_emplace(at(i), static_cast<std::uint16_t>(known.size()));
    if (fresh && known.size() > most) return false;
    if (fresh) put_text(texts, at(i));
    codes.push_back(found->second);
  }
  for (const auto& [text, code] : known) add_tokens(text, tokens);
  put_varint(out, known.size());
  packer.put(out, texts);
  std::string bytes;
  for (const std::uint16_t code : codes) {
    if (known.size() > 256) bytes.push_back(static_cast<char>(code >> 8));
    bytes.push_back(static_cast<char>(code));
  }
  packer.put(out, bytes);
  return true;
}

bool ColumnBuilder::encode_integers(Packer& packer, std::string& out) const {
  auto form = form_of(at(0));
  if (!form) return false;
  std::vector<std::uint64_t> numbers;
  numbers.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const auto number = read_number(at(i), *form);
    if (!number) return false;
    numbers.push_back(*number);
  }
  out.push_back(static_cast<char>(form->width));
  out.push_back(static_cast<char>(form->decimals));
  std::string list;
  put_integers(list, numbers);
  packer.put(out, list);
  return true;
}

bool ColumnBuilder::encode_templates(Packer& packer, std::string& out, HashSet* tokens) const {
  if (arena_.size() < size() * template_bytes_min || !TemplateEncoder::can_keep(arena_)) {
    return false;
  }
  TemplateEncoder encoder;
  for (std::size_t i = 0; i < size(); ++i) encoder.add(at(i));
  encoder.encode(packer, out, tokens);
  return true;
}

void ColumnBuilder::encode_strings(Packer& packer, std::string& out, HashSet* tokens) const {
  std::string lengths;
  for (std::size_t i = 0; i < size(); ++i) {
    put_varint(lengths, at(i).size());
    add_tokens(at(i), tokens);
  }
  packer.put(out, lengths);
  packer.put(out, arena_);
}

Result<Column> Column::decode(ColumnForm form, std::string_view payload, std::uint64_t count) {
  Column column;
  column.count_ = count;
  Unpacker in(payload);
  Result<void> read;
  switch (form) {
    case ColumnForm::constant:
      column.distinct_.emplace_back(in.take(payload.size()));
      break;
    case ColumnForm::dictionary:
      read = column.read_dictionary(in);
      break;
    case ColumnForm::integers:
      read = column.read_integers(in);
      break;
    case ColumnForm::strings:
      read = column.read_strings(in);
      break;
    case ColumnForm::templates: {
      auto templates = TemplateColumn::decode(payload, count);
      if (!templates) return failure(templates);
      column.templates_ = std::move(*templates);
      return column;
    }
    default:
      return damaged();
  }
  if (!read) return failure(read);
  if (!in.at_end()) return damaged();
  return column;
}

Result<void> Column::read_dictionary(Unpacker& in) {
  const std::uint64_t distinct = in.varint();
  auto texts = unpack(in);
  if (!texts) return failure(texts);
  auto codes = unpack(in);
  if (!codes) return failure(codes);
  Unpacker reader(*texts);
  if (distinct > dictionary_max || distinct == 0) return damaged();
  for (std::uint64_t i = 0; i < distinct; ++i) distinct_.emplace_back(reader.text());
  const std::size_t width = distinct > 256 ? 2 : 1;
  if (!reader.at_end() || codes->size() != count_ * width) return damaged();
  codes_.reserve(count_);
  for (std::size_t i = 0; i < codes->size(); i += width) {
    const auto high = static_cast<std::uint8_t>((*codes)[i]);
    const auto code = width == 1 ? high : (high << 8 | static_cast<std::uint8_t>((*codes)[i + 1]));
    if (static_cast<std::uint64_t>(code) >= distinct) return damaged();
    codes_.push_back(static_cast<std::uint16_t>(code));
  }
  return {};
}

Result<void> Column::read_integers(Unpacker& in) {
  number_form_ = {in.byte(), in.byte()};
  if (number_form_.width > number_digits_max ||
      (number_form_.decimals != 0 && number_form_.decimals != 2)) {
    return damaged();
  }
  auto list = unpack(in);
  if (!list) return failure(list);
  Unpacker reader(*list);
  auto numbers = get_integers(reader, count_);
  if (!numbers) return failure(numbers);
  if (!reader.at_end()) return damaged();
  numbers_ = std::move(*numbers);
  return {};
}

Result<void> Column::read_strings(Unpacker& in) {
  auto lengths = unpack(in);
  if (!lengths) return failure(lengths);
  auto bytes = unpack(in);
  if (!bytes) return failure(bytes);
  bytes_ = std::move(*bytes);
  Unpacker reader(*lengths);
  if (count_ > lengths->size()) return damaged();
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < count_; ++i) {
    const std::uint64_t length = reader.varint();
    if (length > bytes_.size() - end) return damaged();
    end += length;
    ends_.push_back(end);
  }
  if (!reader.at_end() || end != bytes_.size()) return damaged();
  return {};
}

void Column::append(std::size_t i, std::string& out) const {
  if (templates_) {
    templates_->append(i, out);
  } else if (!distinct_.empty()) {
    out += distinct_[code(i)];
  } else if (!numbers_.empty()) {
    append_number(out, numbers_[i], number_form_);
  } else {
    const std::uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    out.append(bytes_, begin, ends_[i] - begin);
  }
}

void Column::mark(std::string_view token, std::vector<char>& marks) const {
  if (templates_) return templates_->mark(token, marks);
  if (!distinct_.empty()) {
    std::vector<char> has(distinct_.size());
    for (std::size_t i = 0; i < has.size(); ++i) has[i] = text_has(distinct_[i], token) ? 1 : 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (has[code(i)] != 0) marks[i] = 1;
    }
    return;
  }
  std::string text;
  for (std::size_t i = 0; i < count_; ++i) {
    text.clear();
    append(i, text);
    if (text_has(text, token)) marks[i] = 1;
  }
}

}  // namespace yunjian::ledger
