#include "ledger/base/bytes.h"

#include <bit>
#include <cstring>
#include <limits>

namespace yunjian::ledger {
namespace {

static_assert(std::endian::native == std::endian::little, "big-endian hosts are not supported");

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Marks a character that is not a digit; larger than any value, so that OR-ing values finds it.
constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> inverse_of(std::string_view digits) {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    values[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr auto hex_values = inverse_of(hex_digits);
constexpr auto base64_values = inverse_of(base64_digits);

// Two base64 digits for every 12-bit group.
constexpr std::array<std::array<char, 2>, 4096> make_base64_pairs() {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {base64_digits[i >> 6], base64_digits[i & 63]};
  }
  return pairs;
}

constexpr auto base64_pairs = make_base64_pairs();

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

unsigned base64_value(std::string_view text, std::size_t at) {
  return base64_values[byte_at(text, at)];
}

Failure bad_base64(std::string_view why) {
  return fail(ErrorKind::reject, "not canonical base64: " + std::string(why));
}

// Appends what the last group, with one or two '=' at its end, stands for.
Result<void> decode_padded_group(std::string_view group, std::string& out) {
  const unsigned a = base64_value(group, 0);
  const unsigned b = base64_value(group, 1);
  const bool two_pads = group[2] == '=';
  const unsigned c = two_pads ? 0 : base64_value(group, 2);
  if ((a | b | c) > 63) return bad_base64("a character outside the alphabet");
  const unsigned stray = two_pads ? (b & 15) : (c & 3);
  if (stray != 0) return bad_base64("stray bits in the last character");
  out.push_back(static_cast<char>(a << 2 | b >> 4));
  if (!two_pads) out.push_back(static_cast<char>((b << 4 | c >> 2) & 0xff));
  return {};
}

bool is_continuation(unsigned byte) { return (byte & 0xc0) == 0x80; }

// Length of the well-formed multi-byte character at `at` (RFC 3629 section 4), 0 when there is
// none. The second byte's narrower ranges shut out overlong forms, surrogates and > U+10FFFF.
std::size_t multibyte_length(std::string_view text, std::size_t at) {
  const std::size_t left = text.size() - at;
  const unsigned first = byte_at(text, at);
  if (first < 0xc2 || first > 0xf4 || left < 2) return 0;
  const unsigned second = byte_at(text, at + 1);
  if (!is_continuation(second)) return 0;
  if (first < 0xe0) return 2;
  if (left < 3 || !is_continuation(byte_at(text, at + 2))) return 0;
  if (first < 0xf0) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  if (left < 4 || !is_continuation(byte_at(text, at + 3))) return 0;
  const bool overlong = first == 0xf0 && second < 0x90;
  const bool too_large = first == 0xf4 && second > 0x8f;
  return overlong || too_large ? 0 : 4;
}

}  // namespace

std::string_view as_view(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

std::string_view as_view(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::uint8_t> as_bytes(std::string_view bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

std::string to_hex(std::string_view bytes) {
  std::string out(bytes.size() * 2, '\0');
  char* to = out.data();
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *to++ = hex_digits[byte >> 4];
    *to++ = hex_digits[byte & 15];
  }
  return out;
}

Result<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return fail(ErrorKind::reject, "hex text has an odd length");
  std::string out(hex.size() / 2, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned high = hex_values[byte_at(hex, 2 * i)];
    const unsigned low = hex_values[byte_at(hex, 2 * i + 1)];
    if ((high | low) > 15) {
      return fail(ErrorKind::reject, "hex text may hold only the characters 0-9 and a-f");
    }
    out[i] = static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '=');
  char* to = out.data();
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3, to += 4) {
    const unsigned group =
        byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
    std::memcpy(to, base64_pairs[group >> 12].data(), 2);
    std::memcpy(to + 2, base64_pairs[group & 4095].data(), 2);
  }
  const std::size_t left = bytes.size() - i;
  if (left == 0) return out;
  const unsigned group = byte_at(bytes, i) << 16 | (left == 2 ? byte_at(bytes, i + 1) << 8 : 0U);
  std::memcpy(to, base64_pairs[group >> 12].data(), 2);
  if (left == 2) to[2] = base64_digits[group >> 6 & 63];
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return bad_base64("the length is not a multiple of 4");
  std::string out;
  if (text.empty()) return out;
  const std::size_t padded_from = text.back() == '=' ? text.size() - 4 : text.size();
  out.resize(padded_from / 4 * 3);
  char* to = out.data();
  for (std::size_t i = 0; i < padded_from; i += 4, to += 3) {
    const unsigned a = base64_value(text, i);
    const unsigned b = base64_value(text, i + 1);
    const unsigned c = base64_value(text, i + 2);
    const unsigned d = base64_value(text, i + 3);
    if ((a | b | c | d) > 63) return bad_base64("a character outside the alphabet");
    to[0] = static_cast<char>(a << 2 | b >> 4);
    to[1] = static_cast<char>((b << 4 | c >> 2) & 0xff);
    to[2] = static_cast<char>((c << 6 | d) & 0xff);
  }
  if (padded_from < text.size()) {
    auto last = decode_padded_group(text.substr(padded_from), out);
    if (!last) return failure(last);
  }
  return out;
}

Result<Hash> hash_from_base64(std::string_view text) {
  auto raw = from_base64(text);
  if (!raw) return failure(raw);
  Hash hash{};
  if (raw->size() != hash.size()) return fail(ErrorKind::reject, "a hash must have 32 bytes");
  std::memcpy(hash.data(), raw->data(), hash.size());
  return hash;
}

Result<std::uint64_t> parse_decimal(std::string_view text) {
  constexpr std::size_t digits_max = 19;  // 2^63 has 19 digits, so 19 never overflow 64 bits
  constexpr std::uint64_t limit = std::uint64_t{1} << 63;
  if (text.empty() || text.size() > digits_max || (text.size() > 1 && text[0] == '0')) {
    return fail(ErrorKind::reject, "a number must be decimal, without leading zeros, below 2^63");
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return fail(ErrorKind::reject, "a number may hold only digits");
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (value >= limit) return fail(ErrorKind::reject, "a number must be below 2^63");
  return value;
}

void put_u32be(std::string& out, std::uint32_t value) {
  const std::uint32_t swapped = __builtin_bswap32(value);
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}

void put_u64be(std::string& out, std::uint64_t value) {
  const std::uint64_t swapped = __builtin_bswap64(value);
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}

std::uint32_t get_u32be(const char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

std::uint64_t get_u64be(const char* at) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap64(value);
}

bool is_valid_utf8(std::string_view text) {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  std::size_t at = 0;
  while (at < text.size()) {
    while (at + 8 <= text.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, sizeof word);
      const std::uint64_t high = word & high_bits;
      if (high != 0) {
        at += static_cast<std::size_t>(std::countr_zero(high)) / 8;
        break;
      }
      at += 8;
    }
    // At a multi-byte character, or in the last bytes.
    while (at < text.size() && byte_at(text, at) < 0x80 && at + 8 > text.size()) ++at;
    while (at < text.size() && byte_at(text, at) >= 0x80) {
      const std::size_t length = multibyte_length(text, at);
      if (length == 0) return false;
      at += length;
    }
  }
  return true;
}

void wipe(std::string& secret) {
  // Bytes behind the end may still hold what a longer secret left there.
  secret.resize(secret.capacity());
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace yunjian::ledger
