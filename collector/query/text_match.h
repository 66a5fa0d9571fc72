#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yunjian::collector {

// Whole-token search in text, upper and lower case of A-Z being the same. A token is a run of
// [a-z0-9_] or a whole IP address; where the pattern begins (or ends) with a token character, the
// text must not go on with one there. Characters outside ASCII bound tokens, so that Chinese words
// are found anywhere.
class TextPattern {
 public:
  // `prefix`: the end need not be the end of a token.
  TextPattern(std::string_view text, bool prefix);

  bool in(std::string_view text) const;
  bool equals(std::string_view text) const;  // the whole text, or its beginning for a prefix
  const std::string& lower() const { return lower_; }
  bool prefix() const { return prefix_; }

 private:
  bool bounded(std::string_view text, std::size_t at) const;

  enum class Kind { word, ipv4, ipv6 };
  std::string lower_;
  bool prefix_;
  Kind kind_ = Kind::word;
};

// An address as 16 bytes, IPv4 in its mapped form.
using Address = std::array<std::uint8_t, 16>;
std::optional<Address> parse_address(std::string_view text);

// "10.0.0.0/8", "fe80::/10".
class AddressRange {
 public:
  static std::optional<AddressRange> parse(std::string_view text);
  bool contains(const Address& address) const;
  // Whether any whole address in `text` lies within.
  bool in(std::string_view text) const;

 private:
  AddressRange(const Address& base, unsigned bits) : base_(base), bits_(bits) {}
  Address base_;
  unsigned bits_;
};

}  // namespace yunjian::collector
