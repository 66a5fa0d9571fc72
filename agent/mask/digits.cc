#include "agent/mask/digits.h"

#include <array>
#include <chrono>

#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using ledger::is_digit;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_digit(c) || is_letter(c) || c == '_'; }

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

// Calls found(begin, size) for each longest run of digits of at least `length`.
template <typename Found>
void each_run(std::string_view text, std::size_t length, Found found) {
  for (std::size_t at = length - 1; at < text.size();) {
    if (!is_digit(text[at])) {
      at += length;
      continue;
    }
    std::size_t begin = at;
    while (begin > 0 && is_digit(text[begin - 1])) --begin;
    std::size_t end = at + 1;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end - begin >= length) found(begin, end - begin);
    at = end + length;
  }
}

bool is_birth_date(std::string_view digits) {
  const auto date = std::chrono::year(number(digits.substr(0, 4))) / number(digits.substr(4, 2)) /
                    number(digits.substr(6, 2));
  return date.ok() && date.year() >= std::chrono::year(1900) &&
         date.year() < std::chrono::year(2100);
}

bool is_check_character(std::string_view digits, char check) {
  constexpr std::array<int, 17> weights = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  constexpr std::string_view characters = "10X98765432";
  int sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * (digits[i] - '0');
  return characters[static_cast<std::size_t>(sum % 11)] == (check == 'x' ? 'X' : check);
}

}  // namespace

bool has_digit_run(std::string_view text, std::size_t length) {
  bool found = false;
  each_run(text, length, [&](std::size_t, std::size_t) { found = true; });
  return found;
}

void find_identity_cards(std::string_view text, std::vector<MaskSpan>& spans) {
  constexpr std::size_t body = 17;
  each_run(text, body, [&](std::size_t begin, std::size_t size) {
    if (size > body + 1 || text[begin] == '0') return;
    if (begin > 0 && is_word(text[begin - 1])) return;
    const std::size_t check = begin + body;
    if (check >= text.size()) return;
    if (check + 1 < text.size() && is_word(text[check + 1])) return;
    const std::string_view digits = text.substr(begin, body);
    if (!is_birth_date(digits.substr(6, 8)) || !is_check_character(digits, text[check])) return;
    spans.push_back({begin + 6, 12});
  });
}

void find_mobile_numbers(std::string_view text, std::vector<MaskSpan>& spans) {
  constexpr std::size_t length = 11;
  each_run(text, length, [&](std::size_t begin, std::size_t size) {
    const std::size_t country = size - length;
    const std::string_view prefix = text.substr(begin, country);
    if (!prefix.empty() && prefix != "86" && prefix != "0086") return;
    if (begin > 0 && is_word(text[begin - 1])) return;
    if (begin + size < text.size() && is_word(text[begin + size])) return;
    const std::string_view digits = text.substr(begin + country, length);
    if (digits[0] != '1' || digits[1] < '3') return;
    spans.push_back({begin + country + 3, 4});
  });
}

}  // namespace yunjian::agent
