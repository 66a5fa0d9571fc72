#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ledger/archive/bloom.h"
#include "ledger/archive/codec.h"
#include "ledger/archive/integers.h"

namespace yunjian::ledger {

// Texts as templates and variables. A variable is a run of [A-Za-z0-9_.] with a digit in it, dots
// at its end excepted; what is left, with a byte 0xff for each variable, is the template. Words and
// addresses (tokens.h) lie either in the one or in the other, never across.
inline constexpr char template_mark = '\xff';
inline constexpr std::size_t template_variables_max = 4096;  // of one text; later ones stay text

class TemplateEncoder {
 public:
  // False: the text holds a 0xff and cannot be kept this way.
  static bool can_keep(std::string_view text) {
    return text.find(template_mark) == std::string_view::npos;
  }
  void add(std::string_view text);
  void encode(Packer& packer, std::string& out, HashSet* tokens);

 private:
  struct Template {
    std::string text;
    std::size_t slots = 0;
    std::vector<std::uint32_t> variables;  // of its rows one after another: index into ends_
  };
  std::string_view variable(std::uint32_t index) const {
    const std::uint32_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(arena_).substr(begin, ends_[index] - begin);
  }
  void put_group(const Template& kept, std::size_t slot);

  std::vector<Template> templates_;
  std::unordered_map<std::string, std::uint32_t> known_;
  std::vector<std::uint32_t> rows_;   // template of each
  std::vector<std::uint32_t> first_;  // variable of each
  std::string arena_;                 // of variables
  std::vector<std::uint32_t> ends_;
  std::string scratch_;
  std::string kinds_, numbers_, strings_;  // while encoding
};

class TemplateColumn {
 public:
  static Result<TemplateColumn> decode(std::string_view bytes, std::uint64_t count);

  std::size_t size() const { return rows_.size(); }
  void append(std::size_t row, std::string& out) const;
  // Sets marks[i] for each row whose text has the token.
  void mark(std::string_view token, std::vector<char>& marks) const;

 private:
  enum class Kind : std::uint8_t { strings, constant, numbers };
  struct Slot {  // of a template that is not rare
    Kind kind = Kind::strings;
    NumberForm form;
    std::uint32_t place = 0;  // among the template's values of this kind in one row
    std::string_view text;    // of a constant: the one of all rows
  };
  struct Template {
    std::string_view text;
    std::size_t slots = 0;
    std::size_t first_slot = 0;   // in slots_, when it is not rare
    std::size_t first_piece = 0;  // in piece_ends_: where the text before each slot ends
    std::uint64_t rows = 0;
    bool rare = false;  // its variables lie in rest_
    // Row by row, so that a line is put together from neighbours in memory.
    std::size_t numbers = 0, strings = 0;  // first of its own in numbers_ and strings_
    std::size_t row_numbers = 0, row_strings = 0;
  };
  struct Row {
    std::uint32_t which;    // template
    std::uint32_t ordinal;  // among its rows, or of its first variable in rest_
  };
  Result<void> read_rows(Unpacker& in, std::uint64_t count);
  Result<void> read_slots(Unpacker& kinds, Unpacker& numbers, Unpacker& strings);
  bool read_kinds(Template& of, Unpacker& kinds);
  Result<void> read_values(const Template& of, Unpacker& numbers, Unpacker& strings);
  std::uint64_t number_of(const Template& of, const Slot& slot, std::size_t row) const {
    return numbers_[of.numbers + row * of.row_numbers + slot.place];
  }
  std::string_view string_of(const Template& of, const Slot& slot, std::size_t row) const {
    return strings_[of.strings + row * of.row_strings + slot.place];
  }
  void mark_slot(const Template& of, const Slot& slot, std::string_view token,
                 std::vector<char>& hit) const;

  // The views below point into these; heap blocks, so that a move keeps them.
  struct Texts {
    std::string templates, strings;
  };
  std::unique_ptr<Texts> texts_;
  std::vector<Template> templates_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> piece_ends_;
  std::vector<std::uint64_t> numbers_;
  std::vector<std::string_view> strings_;
  std::vector<std::string_view> rest_;
  std::vector<Row> rows_;
};

}  // namespace yunjian::ledger
