#include "rules/classify/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace yunjian::rules {

namespace {

bool is_address(std::string_view text) {
  const bool plausible =
      text.size() >= 2 && text.size() < INET6_ADDRSTRLEN &&
      text.find_first_not_of("0123456789abcdefABCDEF.:") == std::string_view::npos;
  if (!plausible) return false;
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  std::copy(text.begin(), text.end(), terminated.begin());
  std::array<unsigned char, 16> bytes{};
  const int family = text.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
  return ::inet_pton(family, terminated.data(), bytes.data()) == 1;
}

}  // namespace

std::string_view address_in(std::string_view text) {
  if (text.empty() || is_address(text)) return text;
  if (text.front() == '[') {
    const auto end = text.find(']');
    return end == std::string_view::npos ? std::string_view() : address_in(text.substr(1, end - 1));
  }
  const auto zone = text.find('%');
  const auto end = zone != std::string_view::npos ? zone : text.rfind(':');
  if (end == std::string_view::npos) return {};
  const auto head = text.substr(0, end);
  return is_address(head) ? head : std::string_view();
}

}  // namespace yunjian::rules
