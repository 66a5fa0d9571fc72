#include "ledger/archive/template_column.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "ledger/archive/tokens.h"

namespace yunjian::ledger {
namespace {

constexpr std::size_t rare_rows_max = 8;  // templates of fewer rows share one stream
enum : std::uint8_t { kind_strings = 0, kind_constant = 1, kind_numbers = 2 };

// 1: may stand in a variable; 2: a digit.
constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = 3;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = 1;
  table['_'] = table['.'] = 1;
  return table;
}();

std::uint8_t class_of(char c) { return classes[static_cast<unsigned char>(c)]; }

Failure damaged() { return fail(ErrorKind::corrupt, "a column of templates is not whole"); }

bool has_token(std::string_view text, std::string_view token) {
  bool found = false;
  visit_tokens(text, [&](std::string_view seen) { found |= seen == token; });
  return found;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A quick no for most variables, before their tokens are taken.
bool may_have(std::string_view text, std::string_view token) {
  if (text.size() < token.size()) return false;
  const auto begins = [&](std::size_t at) {
    for (std::size_t i = 0; i < token.size(); ++i) {
      if (lower(text[at + i]) != token[i]) return false;
    }
    return true;
  };
  for (std::size_t at = 0; at + token.size() <= text.size(); ++at) {
    if (begins(at)) return true;
  }
  return false;
}

}  // namespace

void TemplateEncoder::add(std::string_view text) {
  scratch_.clear();
  first_.push_back(static_cast<std::uint32_t>(ends_.size()));
  std::size_t slots = 0;
  std::size_t kept = 0;  // of `text`: copied up to here
  for (std::size_t at = 0; at < text.size();) {
    if (class_of(text[at]) == 0) {
      ++at;
      continue;
    }
    std::size_t end = at;
    std::uint8_t seen = 0;
    for (; end < text.size() && class_of(text[end]) != 0; ++end) seen |= class_of(text[end]);
    const std::size_t behind = end;
    while (end > at && text[end - 1] == '.') --end;
    if ((seen & 2) != 0 && slots < template_variables_max) {
      scratch_.append(text, kept, at - kept);
      scratch_.push_back(template_mark);
      arena_.append(text, at, end - at);
      ends_.push_back(static_cast<std::uint32_t>(arena_.size()));
      kept = end;
      ++slots;
    }
    at = behind;
  }
  scratch_.append(text, kept);
  const auto [found, fresh] =
      known_.try_emplace(scratch_, static_cast<std::uint32_t>(templates_.size()));
  if (fresh) templates_.push_back({scratch_, slots, {}});
  rows_.push_back(found->second);
  Template& owner = templates_[found->second];
  owner.variables.push_back(first_.back());
}

void TemplateEncoder::put_group(const Template& kept, std::size_t slot) {
  const auto at = [&](std::size_t row) {
    return variable(kept.variables[row] + static_cast<std::uint32_t>(slot));
  };
  const std::size_t count = kept.variables.size();
  bool constant = true;
  for (std::size_t row = 1; row < count && constant; ++row) constant = at(row) == at(0);
  if (constant) {
    kinds_.push_back(static_cast<char>(kind_constant));
    strings_.append(at(0)).push_back('\n');
    return;
  }
  std::optional<NumberForm> form = form_of(at(0));
  std::vector<std::uint64_t> numbers;
  for (std::size_t row = 0; row < count && form; ++row) {
    auto number = read_number(at(row), *form);
    if (!number && form->width == 0 && form->decimals == 0 && row > 0) {
      // A first value like 10 does not tell whether 09 may follow: try the width.
      form->width = static_cast<std::uint8_t>(at(0).size());
      row = ~std::size_t{0};
      numbers.clear();
      continue;
    }
    if (!number) form.reset();
    if (number) numbers.push_back(*number);
  }
  if (form) {
    kinds_.push_back(static_cast<char>(kind_numbers));
    kinds_.push_back(static_cast<char>(form->width));
    kinds_.push_back(static_cast<char>(form->decimals));
    put_integers(numbers_, numbers);
    return;
  }
  kinds_.push_back(static_cast<char>(kind_strings));
  for (std::size_t row = 0; row < count; ++row) strings_.append(at(row)).push_back('\n');
}

void TemplateEncoder::encode(Packer& packer, std::string& out, HashSet* tokens) {
  std::string texts;
  std::string rows;
  std::vector<std::uint64_t> hashes;
  put_varint(texts, templates_.size());
  for (const Template& kept : templates_) {
    put_text(texts, kept.text);
    if (kept.variables.size() < rare_rows_max) continue;
    for (std::size_t slot = 0; slot < kept.slots; ++slot) put_group(kept, slot);
  }
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    put_varint(rows, rows_[row]);
    const Template& kept = templates_[rows_[row]];
    if (kept.variables.size() >= rare_rows_max) continue;
    for (std::size_t slot = 0; slot < kept.slots; ++slot) {
      strings_.append(variable(first_[row] + static_cast<std::uint32_t>(slot))).push_back('\n');
    }
  }
  if (tokens != nullptr) {
    for (std::uint32_t i = 0; i < ends_.size(); ++i) {
      hashes.clear();
      append_token_hashes(variable(i), hashes);
      for (const std::uint64_t hash : hashes) tokens->add(hash);
    }
    hashes.clear();
    for (const Template& kept : templates_) append_token_hashes(kept.text, hashes);
    for (const std::uint64_t hash : hashes) tokens->add(hash);
  }
  packer.put(out, texts);
  packer.put(out, rows);
  packer.put(out, kinds_);
  packer.put(out, numbers_);
  packer.put(out, strings_);
}

Result<TemplateColumn> TemplateColumn::decode(std::string_view bytes, std::uint64_t count) {
  Unpacker in(bytes);
  TemplateColumn column;
  column.texts_ = std::make_unique<Texts>();
  auto templates = unpack(in);
  if (!templates) return failure(templates);
  column.texts_->templates = std::move(*templates);
  auto rows = unpack(in);
  if (!rows) return failure(rows);
  auto kinds = unpack(in);
  if (!kinds) return failure(kinds);
  auto numbers = unpack(in);
  if (!numbers) return failure(numbers);
  auto strings = unpack(in);
  if (!strings) return failure(strings);
  column.texts_->strings = std::move(*strings);
  if (!in.at_end()) return damaged();
  Unpacker texts(column.texts_->templates);
  const std::uint64_t kept = texts.count();
  for (std::uint64_t i = 0; i < kept && texts.good(); ++i) {
    const std::string_view text = texts.text();
    const auto slots = static_cast<std::size_t>(std::ranges::count(text, template_mark));
    if (slots > template_variables_max) return damaged();
    Template& kept_one = column.templates_.emplace_back();
    kept_one.text = text;
    kept_one.slots = slots;
    kept_one.first_piece = column.piece_ends_.size();
    for (std::size_t at = text.find(template_mark); at != text.npos;
         at = text.find(template_mark, at + 1)) {
      column.piece_ends_.push_back(static_cast<std::uint32_t>(at));
    }
  }
  if (!texts.at_end()) return damaged();
  Unpacker row_reader(*rows);
  if (auto read = column.read_rows(row_reader, count); !read) return failure(read);
  Unpacker kind_reader(*kinds);
  Unpacker number_reader(*numbers);
  Unpacker string_reader(column.texts_->strings);
  auto read = column.read_slots(kind_reader, number_reader, string_reader);
  if (!read) return failure(read);
  return column;
}

Result<void> TemplateColumn::read_rows(Unpacker& in, std::uint64_t count) {
  if (count > in.rest().size()) return damaged();
  rows_.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t which = in.varint();
    if (!in.good() || which >= templates_.size()) return damaged();
    rows_.push_back(
        {static_cast<std::uint32_t>(which), static_cast<std::uint32_t>(templates_[which].rows++)});
  }
  if (!in.at_end()) return damaged();
  std::uint64_t rest = 0;
  for (Template& kept : templates_) kept.rare = kept.rows < rare_rows_max;
  for (Row& row : rows_) {
    const Template& kept = templates_[row.which];
    if (!kept.rare) continue;
    row.ordinal = static_cast<std::uint32_t>(rest);
    rest += kept.slots;
  }
  return {};
}

namespace {

std::string_view take_line(Unpacker& in, bool& good) {
  const std::size_t end = in.rest().find('\n');
  if (end == std::string_view::npos) {
    good = false;
    return {};
  }
  const std::string_view line = in.take(end);
  in.take(1);
  return line;
}

}  // namespace

// What each slot of the template holds, and how many values of which kind a row has.
bool TemplateColumn::read_kinds(Template& of, Unpacker& kinds) {
  of.first_slot = slots_.size();
  for (std::size_t i = 0; i < of.slots; ++i) {
    Slot slot;
    const std::uint8_t kind = kinds.byte();
    if (!kinds.good() || kind > kind_numbers) return false;
    if (kind == kind_numbers) {
      slot.kind = Kind::numbers;
      slot.form = {kinds.byte(), kinds.byte()};
      if (slot.form.width > number_digits_max || slot.form.decimals > 2) return false;
      slot.place = static_cast<std::uint32_t>(of.row_numbers++);
    } else if (kind == kind_constant) {
      slot.kind = Kind::constant;
    } else {
      slot.place = static_cast<std::uint32_t>(of.row_strings++);
    }
    slots_.push_back(slot);
  }
  return true;
}

// Values come slot by slot.
Result<void> TemplateColumn::read_values(const Template& of, Unpacker& numbers, Unpacker& strings) {
  bool good = true;
  for (std::size_t i = 0; i < of.slots; ++i) {
    Slot& slot = slots_[of.first_slot + i];
    if (slot.kind == Kind::constant) {
      slot.text = take_line(strings, good);
    } else if (slot.kind == Kind::numbers) {
      auto values = get_integers(numbers, of.rows);
      if (!values) return failure(values);
      std::uint64_t* to = numbers_.data() + of.numbers + slot.place;
      for (const std::uint64_t value : *values) {
        *to = value;
        to += of.row_numbers;
      }
    } else {
      for (std::uint64_t row = 0; row < of.rows && good; ++row) {
        strings_[of.strings + row * of.row_strings + slot.place] = take_line(strings, good);
      }
    }
    if (!good) return damaged();
  }
  return {};
}

Result<void> TemplateColumn::read_slots(Unpacker& kinds, Unpacker& numbers, Unpacker& strings) {
  for (Template& kept : templates_) {
    if (kept.rare) continue;
    if (!read_kinds(kept, kinds)) return damaged();
    // Each value takes a byte at least: no more room is made than there can be values.
    if (kept.rows * kept.row_numbers > numbers.rest().size()) return damaged();
    if (kept.rows * kept.row_strings > strings.rest().size()) return damaged();
    kept.numbers = numbers_.size();
    kept.strings = strings_.size();
    numbers_.resize(kept.numbers + kept.rows * kept.row_numbers);
    strings_.resize(kept.strings + kept.rows * kept.row_strings);
    if (auto read = read_values(kept, numbers, strings); !read) return read;
  }
  bool good = true;
  while (good && !strings.rest().empty()) rest_.push_back(take_line(strings, good));
  std::uint64_t wanted = 0;
  for (const Template& kept : templates_) wanted += kept.rare ? kept.rows * kept.slots : 0;
  if (!good || wanted != rest_.size() || !kinds.at_end() || !numbers.at_end()) return damaged();
  return {};
}

namespace {

// Gathers short pieces, for appending each to a string costs more than the piece.
class Pieces {
 public:
  explicit Pieces(std::string& out) : out_(out) {}
  ~Pieces() { flush(); }
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  void text(std::string_view piece) {
    if (piece.size() > kept_.size() - size_) {
      flush();
      if (piece.size() > kept_.size()) {
        out_ += piece;
        return;
      }
    }
    if (piece.size() == 1) {
      kept_[size_++] = piece[0];
      return;
    }
    std::memcpy(kept_.data() + size_, piece.data(), piece.size());
    size_ += piece.size();
  }
  void number(std::uint64_t value, NumberForm form) {
    if (kept_.size() - size_ < number_bytes_max) flush();
    if (value < 100 && form == NumberForm{}) {  // as nearly all are
      if (value >= 10) kept_[size_++] = static_cast<char>('0' + value / 10);
      kept_[size_++] = static_cast<char>('0' + value % 10);
      return;
    }
    digits_.clear();
    append_number(digits_, value, form);
    text(digits_);
  }

 private:
  static constexpr std::size_t number_bytes_max = 64;
  void flush() {
    out_.append(kept_.data(), size_);
    size_ = 0;
  }

  std::string& out_;
  std::array<char, 512> kept_{};
  std::size_t size_ = 0;
  std::string digits_;
};

}  // namespace

void TemplateColumn::append(std::size_t row, std::string& out) const {
  const Row& place = rows_[row];
  const Template& kept = templates_[place.which];
  const std::string_view text = kept.text;
  const std::uint32_t* ends = piece_ends_.data() + kept.first_piece;
  const Slot* slots = kept.rare ? nullptr : slots_.data() + kept.first_slot;
  Pieces pieces(out);
  std::size_t at = 0;
  for (std::size_t i = 0; i < kept.slots; ++i) {
    pieces.text(text.substr(at, ends[i] - at));
    at = ends[i] + 1U;
    if (kept.rare) {
      pieces.text(rest_[place.ordinal + i]);
    } else if (slots[i].kind == Kind::numbers) {
      pieces.number(number_of(kept, slots[i], place.ordinal), slots[i].form);
    } else {
      pieces.text(slots[i].kind == Kind::constant ? slots[i].text
                                                  : string_of(kept, slots[i], place.ordinal));
    }
  }
  pieces.text(text.substr(at));
}

void TemplateColumn::mark_slot(const Template& of, const Slot& slot, std::string_view token,
                               std::vector<char>& hit) const {
  if (slot.kind == Kind::constant) {
    if (may_have(slot.text, token) && has_token(slot.text, token)) hit.assign(of.rows, 1);
    return;
  }
  if (slot.kind == Kind::strings) {
    for (std::size_t i = 0; i < of.rows; ++i) {
      const std::string_view text = string_of(of, slot, i);
      if (may_have(text, token) && has_token(text, token)) hit[i] = 1;
    }
    return;
  }
  if (!std::ranges::all_of(token, is_digit)) return;
  if (slot.form.decimals != 0) {  // 12.34 has the words 12 and 34
    std::string text;
    for (std::size_t i = 0; i < of.rows; ++i) {
      text.clear();
      append_number(text, number_of(of, slot, i), slot.form);
      if (has_token(text, token)) hit[i] = 1;
    }
    return;
  }
  const auto wanted = read_number(token, slot.form);
  if (!wanted) return;
  for (std::size_t i = 0; i < of.rows; ++i) {
    if (number_of(of, slot, i) == *wanted) hit[i] = 1;
  }
}

void TemplateColumn::mark(std::string_view token, std::vector<char>& marks) const {
  std::vector<std::vector<char>> hits(templates_.size());
  for (std::size_t i = 0; i < templates_.size(); ++i) {
    const Template& kept = templates_[i];
    if (may_have(kept.text, token) && has_token(kept.text, token)) {
      hits[i].assign(std::max<std::uint64_t>(kept.rows, 1), 1);
      continue;
    }
    if (kept.rare || kept.slots == 0) continue;
    hits[i].assign(kept.rows, 0);
    for (std::size_t slot = 0; slot < kept.slots; ++slot) {
      mark_slot(kept, slots_[kept.first_slot + slot], token, hits[i]);
    }
  }
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const Template& kept = templates_[rows_[row].which];
    const std::vector<char>& hit = hits[rows_[row].which];
    if (!kept.rare) {
      if (!hit.empty() && hit[rows_[row].ordinal] != 0) marks[row] = 1;
      continue;
    }
    if (!hit.empty()) marks[row] = 1;
    for (std::size_t slot = 0; slot < kept.slots && marks[row] == 0; ++slot) {
      const std::string_view text = rest_[rows_[row].ordinal + slot];
      if (may_have(text, token) && has_token(text, token)) marks[row] = 1;
    }
  }
}

}  // namespace yunjian::ledger
