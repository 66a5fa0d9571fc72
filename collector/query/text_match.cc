#include "collector/query/text_match.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

using ledger::is_digit;

namespace {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

constexpr bool is_word(char c) {
  const char l = to_lower(c);
  return is_digit(c) || (l >= 'a' && l <= 'z') || c == '_';
}

constexpr bool is_hex(char c) {
  const char l = to_lower(c);
  return is_digit(c) || (l >= 'a' && l <= 'f');
}

bool same_ignoring_case(std::string_view text, std::string_view lower_pattern) {
  return std::equal(text.begin(), text.end(), lower_pattern.begin(), lower_pattern.end(),
                    [](char a, char b) { return to_lower(a) == b; });
}

}  // namespace

TextPattern::TextPattern(std::string_view text, bool prefix) : lower_(text), prefix_(prefix) {
  std::transform(lower_.begin(), lower_.end(), lower_.begin(), to_lower);
  if (prefix || !parse_address(lower_)) return;
  kind_ = lower_.find(':') == std::string::npos ? Kind::ipv4 : Kind::ipv6;
}

bool TextPattern::in(std::string_view text) const {
  if (lower_.empty()) return true;
  const char first = lower_[0];
  const char* begin = text.data();
  const char* last = begin + text.size();
  for (const char* at = begin; static_cast<std::size_t>(last - at) >= lower_.size(); ++at) {
    at = std::find_if(at, last, [first](char c) { return to_lower(c) == first; });
    if (static_cast<std::size_t>(last - at) < lower_.size()) return false;
    if (same_ignoring_case({at, lower_.size()}, lower_) &&
        bounded(text, static_cast<std::size_t>(at - begin))) {
      return true;
    }
  }
  return false;
}

bool TextPattern::equals(std::string_view text) const {
  if (prefix_ && text.size() > lower_.size()) text = text.substr(0, lower_.size());
  return same_ignoring_case(text, lower_);
}

// An address is whole when no more of an address touches it: 10.0.0.1 is not in 10.0.0.12 nor
// in 1.10.0.0.1.
bool TextPattern::bounded(std::string_view text, std::size_t at) const {
  const std::size_t end = at + lower_.size();
  const auto character = [text](std::size_t i) { return i < text.size() ? text[i] : ' '; };
  const char before = at > 0 ? text[at - 1] : ' ';
  const char behind = character(end);
  if (kind_ == Kind::ipv6) {
    return !is_hex(before) && before != ':' && !is_hex(behind) &&
           !(behind == ':' && is_hex(character(end + 1)));
  }
  if (is_word(lower_.front()) && is_word(before)) return false;
  if (!prefix_ && is_word(lower_.back()) && is_word(behind)) return false;
  if (kind_ == Kind::word) return true;
  const char before_dot = at > 1 ? text[at - 2] : ' ';
  return !(before == '.' && is_digit(before_dot)) &&
         !(behind == '.' && is_digit(character(end + 1)));
}

std::optional<Address> parse_address(std::string_view text) {
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  std::copy(text.begin(), text.end(), terminated.begin());
  Address address{};
  if (::inet_pton(AF_INET6, terminated.data(), address.data()) == 1) return address;
  address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
  if (::inet_pton(AF_INET, terminated.data(), address.data() + 12) == 1) return address;
  return std::nullopt;
}

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto base = parse_address(text.substr(0, slash));
  const auto digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (!base || digits.empty() || read.ec != std::errc{} ||
      read.ptr != digits.data() + digits.size()) {
    return std::nullopt;
  }
  const bool four = text.find(':') == std::string_view::npos;
  if (bits > (four ? 32U : 128U)) return std::nullopt;
  return AddressRange(*base, four ? bits + 96 : bits);
}

bool AddressRange::contains(const Address& address) const {
  const std::size_t whole = bits_ / 8;
  if (!std::equal(base_.begin(), base_.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.begin())) {
    return false;
  }
  if (bits_ % 8 == 0) return true;
  const unsigned shift = 8 - bits_ % 8;
  return (base_[whole] >> shift) == (address[whole] >> shift);
}

bool AddressRange::in(std::string_view text) const {
  const auto part = [](char c) { return is_hex(c) || c == '.' || c == ':'; };
  for (auto at = text.begin(); at != text.end();) {
    at = std::find_if(at, text.end(), part);
    const auto end = std::find_if_not(at, text.end(), part);
    std::string_view run(at, end);
    // "from 10.0.0.1:" and "10.0.0.1." end a phrase, "10.0.0.1:443" carries a port.
    while (!run.empty() && (run.back() == '.' || run.back() == ':') && !run.ends_with("::")) {
      run.remove_suffix(1);
    }
    auto address = parse_address(run);
    if (!address && std::count(run.begin(), run.end(), ':') == 1) {
      address = parse_address(run.substr(0, run.find(':')));
    }
    if (address && contains(*address)) return true;
    at = end;
  }
  return false;
}

}  // namespace yunjian::collector
