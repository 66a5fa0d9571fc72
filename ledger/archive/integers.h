#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/archive/codec.h"

namespace yunjian::ledger {

// How numbers were written as text, so that the text comes back exactly.
struct NumberForm {
  std::uint8_t width = 0;     // 0: no leading zeros; else so many digits, leading zeros included
  std::uint8_t decimals = 0;  // 0 or 2
  bool operator==(const NumberForm&) const = default;
};
inline constexpr std::size_t number_digits_max = 18;

// The number that `text` is in the form; absent: another form would be needed.
std::optional<std::uint64_t> read_number(std::string_view text, NumberForm form);
// A form in which `text` is a number, when there is one.
std::optional<NumberForm> form_of(std::string_view text);
void append_number(std::string& out, std::uint64_t value, NumberForm form);

// integers := u8 0 plain | 1 differences, then a varint or zigzag each; whichever is shorter.
void put_integers(std::string& out, const std::vector<std::uint64_t>& values);
// Corrupt: fewer than `count`.
Result<std::vector<std::uint64_t>> get_integers(Unpacker& in, std::uint64_t count);

}  // namespace yunjian::ledger
