#include "ledger/archive/integers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

bool all_digits(std::string_view text) { return std::ranges::all_of(text, is_digit); }

unsigned varint_bytes(std::uint64_t value) {
  return (static_cast<unsigned>(std::bit_width(value | 1)) + 6) / 7;
}

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0);
}

}  // namespace

std::optional<NumberForm> form_of(std::string_view text) {
  if (text.empty() || text.size() > number_digits_max || !is_digit(text[0])) return std::nullopt;
  if (all_digits(text)) {
    const bool padded = text.size() > 1 && text[0] == '0';
    return NumberForm{padded ? static_cast<std::uint8_t>(text.size()) : std::uint8_t{0}, 0};
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot + 3 != text.size()) return std::nullopt;
  if (!all_digits(text.substr(0, dot)) || !all_digits(text.substr(dot + 1))) return std::nullopt;
  if (dot > 1 && text[0] == '0') return std::nullopt;
  return NumberForm{0, 2};
}

std::optional<std::uint64_t> read_number(std::string_view text, NumberForm form) {
  if (text.empty() || text.size() > number_digits_max) return std::nullopt;
  if (form.width != 0 && text.size() != form.width) return std::nullopt;
  if (form.width == 0) {
    const auto own = form_of(text);
    if (own != form) return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c == '.' && form.decimals == 2) continue;
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

void append_number(std::string& out, std::uint64_t value, NumberForm form) {
  std::array<char, 24> digits;
  const std::uint64_t whole = form.decimals == 2 ? value / 100 : value;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), whole).ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  if (form.width > length) out.append(form.width - length, '0');
  out.append(digits.data(), length);
  if (form.decimals != 2) return;
  out.push_back('.');
  out.push_back(static_cast<char>('0' + value / 10 % 10));
  out.push_back(static_cast<char>('0' + value % 10));
}

void put_integers(std::string& out, const std::vector<std::uint64_t>& values) {
  std::uint64_t plain = 0;
  std::uint64_t deltas = 0;
  std::uint64_t before = 0;
  for (const std::uint64_t value : values) {
    plain += varint_bytes(value);
    deltas += varint_bytes(zigzag(difference(value, before)));
    before = value;
  }
  const bool as_deltas = deltas <= plain;
  out.push_back(as_deltas ? 1 : 0);
  before = 0;
  for (const std::uint64_t value : values) {
    if (as_deltas) {
      put_zigzag(out, difference(value, before));
    } else {
      put_varint(out, value);
    }
    before = value;
  }
}

Result<std::vector<std::uint64_t>> get_integers(Unpacker& in, std::uint64_t count) {
  const std::uint8_t form = in.byte();
  if (!in.good() || form > 1 || count > in.rest().size()) {
    return fail(ErrorKind::corrupt, "a list of numbers is not whole");
  }
  std::vector<std::uint64_t> values(count);
  std::uint64_t before = 0;
  for (std::uint64_t& value : values) {
    value = form == 0 ? in.varint() : before + static_cast<std::uint64_t>(in.zigzag());
    before = value;
  }
  if (!in.good()) return fail(ErrorKind::corrupt, "a list of numbers is not whole");
  return values;
}

}  // namespace yunjian::ledger
