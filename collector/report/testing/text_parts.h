#pragma once

#include <cstddef>
#include <string_view>

namespace yunjian::collector::testing {

// What tests look for in a document's text.
inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

}  // namespace yunjian::collector::testing
