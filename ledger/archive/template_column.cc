#include "ledger/archive/template_column.h"

#include <algorithm>
#include <array>

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
    column.templates_.push_back({text, slots, 0, 0, false});
  }
  if (!texts.at_end()) return damaged();
  Unpacker row_reader(*rows);
  if (auto read = column.read_rows(row_reader, count); !read) return failure(read);
  Unpacker kind_reader(*kinds);
  Unpacker number_reader(*numbers);
  Unpacker string_reader(column.texts_->strings);
  auto read = column.read_groups(kind_reader, number_reader, string_reader);
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

Result<void> TemplateColumn::read_groups(Unpacker& kinds, Unpacker& numbers, Unpacker& strings) {
  bool good = true;
  for (Template& kept : templates_) {
    kept.group = groups_.size();
    for (std::size_t slot = 0; slot < kept.slots && !kept.rare; ++slot) {
      Group group;
      const std::uint8_t kind = kinds.byte();
      if (!kinds.good() || kind > kind_numbers) return damaged();
      if (kind == kind_numbers) {
        group.numeric = true;
        group.form = {kinds.byte(), kinds.byte()};
        if (group.form.width > number_digits_max || group.form.decimals > 2) return damaged();
        auto values = get_integers(numbers, kept.rows);
        if (!values) return failure(values);
        group.numbers = std::move(*values);
      } else if (kind == kind_constant) {
        group.constant = true;
        group.strings.push_back(take_line(strings, good));
      } else {
        if (kept.rows > strings.rest().size()) return damaged();
        group.strings.reserve(kept.rows);
        for (std::uint64_t i = 0; i < kept.rows && good; ++i) {
          group.strings.push_back(take_line(strings, good));
        }
      }
      if (!good) return damaged();
      groups_.push_back(std::move(group));
    }
  }
  while (good && !strings.rest().empty()) rest_.push_back(take_line(strings, good));
  std::uint64_t wanted = 0;
  for (const Template& kept : templates_) wanted += kept.rare ? kept.rows * kept.slots : 0;
  if (!good || wanted != rest_.size() || !kinds.at_end() || !numbers.at_end()) return damaged();
  return {};
}

void TemplateColumn::append_variable(const Group& group, std::size_t ordinal,
                                     std::string& out) const {
  if (group.numeric) {
    append_number(out, group.numbers[ordinal], group.form);
  } else {
    out += group.strings[group.constant ? 0 : ordinal];
  }
}

void TemplateColumn::append(std::size_t row, std::string& out) const {
  const Row& place = rows_[row];
  const Template& kept = templates_[place.which];
  std::string_view text = kept.text;
  for (std::size_t slot = 0; slot < kept.slots; ++slot) {
    const std::size_t mark = text.find(template_mark);
    out += text.substr(0, mark);
    text.remove_prefix(mark + 1);
    if (kept.rare) {
      out += rest_[place.ordinal + slot];
    } else {
      append_variable(groups_[kept.group + slot], place.ordinal, out);
    }
  }
  out += text;
}

void TemplateColumn::mark_group(const Template& kept, const Group& group, std::string_view token,
                                std::vector<char>& hit) const {
  if (group.constant) {
    if (may_have(group.strings[0], token) && has_token(group.strings[0], token)) {
      hit.assign(kept.rows, 1);
    }
    return;
  }
  if (!group.numeric) {
    for (std::size_t i = 0; i < group.strings.size(); ++i) {
      if (may_have(group.strings[i], token) && has_token(group.strings[i], token)) hit[i] = 1;
    }
    return;
  }
  if (!std::ranges::all_of(token, [](char c) { return c >= '0' && c <= '9'; })) return;
  if (group.form.decimals != 0) {  // 12.34 has the words 12 and 34
    std::string text;
    for (std::size_t i = 0; i < group.numbers.size(); ++i) {
      text.clear();
      append_number(text, group.numbers[i], group.form);
      if (has_token(text, token)) hit[i] = 1;
    }
    return;
  }
  const auto wanted = read_number(token, group.form);
  if (!wanted) return;
  for (std::size_t i = 0; i < group.numbers.size(); ++i) {
    if (group.numbers[i] == *wanted) hit[i] = 1;
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
      mark_group(kept, groups_[kept.group + slot], token, hits[i]);
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
