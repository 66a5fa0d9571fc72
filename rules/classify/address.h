#pragma once

#include <string_view>

namespace yunjian::rules {

// `text` when it is an IP address; also taken out of "10.0.0.1:443", "[fe80::1]:443" and
// "fe80::1%eth0". Empty otherwise.
std::string_view address_in(std::string_view text);

}  // namespace yunjian::rules
