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
  struct Group {  // one slot of one template
    bool numeric = false;
    NumberForm form;
    std::vector<std::uint64_t> numbers;
    std::vector<std::string_view> strings;
    bool constant = false;  // one string for all rows
  };
  struct Template {
    std::string_view text;
    std::size_t slots = 0;
    std::size_t group = 0;  // first of its slots
    std::uint64_t rows = 0;
    bool rare = false;  // its variables lie in rest_
  };
  struct Row {
    std::uint32_t which;    // template
    std::uint32_t ordinal;  // among its rows, or of its first variable in rest_
  };
  Result<void> read_rows(Unpacker& in, std::uint64_t count);
  Result<void> read_groups(Unpacker& kinds, Unpacker& numbers, Unpacker& strings);
  void append_variable(const Group& group, std::size_t ordinal, std::string& out) const;
  void mark_group(const Template& kept, const Group& group, std::string_view token,
                  std::vector<char>& hit) const;

  // The views below point into these; heap blocks, so that a move keeps them.
  struct Texts {
    std::string templates, strings;
  };
  std::unique_ptr<Texts> texts_;
  std::vector<Template> templates_;
  std::vector<Group> groups_;
  std::vector<std::string_view> rest_;
  std::vector<Row> rows_;
};

}  // namespace yunjian::ledger
