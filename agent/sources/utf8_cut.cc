#include "agent/sources/utf8_cut.h"

#include <algorithm>

namespace yunjian::agent {

std::size_t whole_characters(std::string_view bytes) {
  const std::size_t look = std::min<std::size_t>(bytes.size(), 3);
  for (std::size_t back = 1; back <= look; ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((byte & 0xC0U) == 0x80U) continue;
    const std::size_t length = byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : byte >= 0xC0U ? 2 : 1;
    return length > back ? bytes.size() - back : bytes.size();
  }
  return bytes.size();
}

}  // namespace yunjian::agent
