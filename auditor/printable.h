#pragma once

#include <string>
#include <string_view>

namespace yunjian::auditor {

// Text that is safe on a terminal and stays on its line: control characters of ASCII and of C1
// (0xC2 0x80 to 0xC2 0x9F) become \xHH. What logs and foreign servers say is anybody's text.
std::string printable(std::string_view text);

}  // namespace yunjian::auditor
