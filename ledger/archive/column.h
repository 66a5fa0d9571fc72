#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/archive/template_column.h"

namespace yunjian::ledger {

enum class ColumnForm : std::uint8_t {
  constant = 1,    // value…
  dictionary = 2,  // count, packed(text each), packed(u8 or u16be each: which)
  integers = 3,    // width: u8 decimals: u8 packed(integers)
  strings = 4,     // packed(length each) packed(bytes)
  templates = 5,   // packed: templates, rows, kinds of groups, numbers, strings
};

// The values of one field in one block, in the order of the rows that have it. One thread.
class ColumnBuilder {
 public:
  ColumnBuilder(std::string key, bool is_string, bool derived)
      : key_(std::move(key)), is_string_(is_string), derived_(derived) {}

  void add(std::string_view value);
  const std::string& key() const { return key_; }
  bool is_string() const { return is_string_; }
  bool derived() const { return derived_; }
  std::size_t size() const { return ends_.size(); }

  // Appends the payload in the form that suits the values; adds the tokens of strings to `tokens`
  // (null: of none).
  ColumnForm encode(Packer& packer, std::string& out, HashSet* tokens) const;

 private:
  std::string_view at(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(arena_).substr(begin, ends_[i] - begin);
  }
  bool encode_dictionary(Packer& packer, std::string& out, HashSet* tokens) const;
  bool encode_integers(Packer& packer, std::string& out) const;
  bool encode_templates(Packer& packer, std::string& out, HashSet* tokens) const;
  void encode_strings(Packer& packer, std::string& out, HashSet* tokens) const;

  std::string key_;
  bool is_string_;
  bool derived_;
  std::string arena_;
  std::vector<std::size_t> ends_;
};

// A decoded column. Immutable.
class Column {
 public:
  // Corrupt: not `count` values, or not whole.
  static Result<Column> decode(ColumnForm form, std::string_view payload, std::uint64_t count);

  std::size_t size() const { return count_; }
  void append(std::size_t i, std::string& out) const;
  // The few values that a constant or dictionary has; empty for other forms.
  const std::vector<std::string>& distinct() const { return distinct_; }
  std::uint32_t code(std::size_t i) const { return codes_.empty() ? 0 : codes_[i]; }
  // Sets marks[i] where a value has the token.
  void mark(std::string_view token, std::vector<char>& marks) const;

 private:
  Result<void> read_dictionary(Unpacker& in);
  Result<void> read_integers(Unpacker& in);
  Result<void> read_strings(Unpacker& in);

  std::uint64_t count_ = 0;
  std::vector<std::string> distinct_;
  std::vector<std::uint16_t> codes_;
  std::vector<std::uint64_t> numbers_;
  NumberForm number_form_;
  std::string bytes_;                // of strings
  std::vector<std::uint64_t> ends_;  // of strings
  std::optional<TemplateColumn> templates_;
};

}  // namespace yunjian::ledger
