#pragma once

#include <cstddef>
#include <string_view>

namespace yunjian::agent {

// Length of `bytes` without a UTF-8 character that is cut off at its end.
std::size_t whole_characters(std::string_view bytes);

}  // namespace yunjian::agent
