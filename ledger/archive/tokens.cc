#include "ledger/archive/tokens.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>

namespace yunjian::ledger {
namespace {

enum : std::uint8_t { word_bit = 1, digit_bit = 2 };

constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = word_bit | digit_bit;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = word_bit;
  table['_'] = word_bit;
  return table;
}();

constexpr std::size_t groups_digits_max = 3;   // of one number of an address
constexpr std::size_t copied_bytes_max = 128;  // longer words are lower-cased on the heap

std::uint8_t class_of(char c) { return classes[static_cast<unsigned char>(c)]; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_cjk(std::uint32_t c) {
  return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

// Bytes of the CJK character that `text` begins with; 0 when it begins with none.
std::size_t cjk_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto tail = [&](std::size_t i) -> std::uint32_t { return byte(i) & 0x3fU; };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  if (text.size() >= 3 && (byte(0) & 0xf0U) == 0xe0U && continues(1) && continues(2)) {
    return is_cjk((byte(0) & 0x0fU) << 12 | tail(1) << 6 | tail(2)) ? 3 : 0;
  }
  if (text.size() >= 4 && (byte(0) & 0xf8U) == 0xf0U && continues(1) && continues(2) &&
      continues(3)) {
    return is_cjk((byte(0) & 0x07U) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)) ? 4 : 0;
  }
  return 0;
}

template <typename Take>
void give_lowered(std::string_view token, const Take& take) {
  if (token.size() <= copied_bytes_max) {
    std::array<char, copied_bytes_max> copy;
    std::ranges::transform(token, copy.begin(), lower);
    take(std::string_view(copy.data(), token.size()));
    return;
  }
  std::string copy(token);
  std::ranges::transform(copy, copy.begin(), lower);
  take(std::string_view(copy));
}

// The end of the four numbers that begin with the word [at, end), or 0.
std::size_t address_end(std::string_view text, std::size_t at, std::size_t end) {
  for (int dots = 0;; ++dots) {
    if (end - at > groups_digits_max) return 0;
    for (std::size_t i = at; i < end; ++i) {
      if ((class_of(text[i]) & digit_bit) == 0) return 0;
    }
    if (dots == 3) return end;
    if (end + 1 >= text.size() || text[end] != '.') return 0;
    at = end + 1;
    end = at;
    while (end < text.size() && (class_of(text[end]) & word_bit) != 0) ++end;
    if (end == at) return 0;
  }
}

template <typename Take>
std::size_t take_cjk(std::string_view text, std::size_t at, const Take& take) {
  std::size_t before = 0;
  for (;;) {
    const std::size_t bytes = cjk_bytes(text.substr(at));
    if (bytes == 0) return at;
    take(text.substr(at, bytes));
    if (before != 0) take(text.substr(at - before, before + bytes));
    before = bytes;
    at += bytes;
  }
}

template <typename Take>
void walk(std::string_view text, const Take& take) {
  for (std::size_t at = 0; at < text.size();) {
    if ((class_of(text[at]) & word_bit) == 0) {
      const bool may_be_cjk = static_cast<unsigned char>(text[at]) >= 0xe0U;
      const std::size_t end = may_be_cjk ? take_cjk(text, at, take) : at;
      at = std::max(end, at + 1);
      continue;
    }
    std::size_t end = at + 1;
    while (end < text.size() && (class_of(text[end]) & word_bit) != 0) ++end;
    give_lowered(text.substr(at, end - at), take);
    if (end < text.size() && text[end] == '.' && (class_of(text[at]) & digit_bit) != 0) {
      const std::size_t behind = address_end(text, at, end);
      if (behind != 0) take(text.substr(at, behind - at));
    }
    at = end;
  }
}

}  // namespace

void visit_tokens(std::string_view text, const TokenVisit& visit) {
  walk(text, [&](std::string_view token) { visit(token); });
}

// Never 0.
std::uint64_t token_hash(std::string_view token) {
  const std::uint64_t hash = XXH3_64bits(token.data(), token.size());
  return hash == 0 ? 1 : hash;
}

void append_token_hashes(std::string_view text, std::vector<std::uint64_t>& out) {
  walk(text, [&](std::string_view token) { out.push_back(token_hash(token)); });
}

std::vector<std::string> needed_tokens(std::string_view pattern, bool prefix) {
  std::vector<std::string> tokens;
  walk(pattern, [&](std::string_view token) { tokens.emplace_back(token); });
  if (prefix && !pattern.empty() && (class_of(pattern.back()) & word_bit) != 0) {
    // The last word goes on, and so may the number of an address that it is.
    std::size_t at = pattern.size();
    while (at > 0 && (class_of(pattern[at - 1]) & word_bit) != 0) --at;
    std::string last(pattern.substr(at));
    std::ranges::transform(last, last.begin(), lower);
    std::erase_if(tokens, [&](const std::string& token) {
      return token == last || (token.ends_with("." + last) && token.find('.') != std::string::npos);
    });
  }
  std::vector<std::string> needed;
  for (const std::string& token : tokens) {
    const bool implied =
        cjk_bytes(token) == token.size() &&
        std::ranges::any_of(tokens, [&](const std::string& other) {
          return other.size() > token.size() && other.find(token) != std::string::npos;
        });
    if (!implied) needed.push_back(token);
  }
  std::ranges::sort(needed);
  needed.erase(std::ranges::unique(needed).begin(), needed.end());
  return needed;
}

}  // namespace yunjian::ledger
