#pragma once

#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::collector {

// RFC 4648 section 5 without padding: what stands in URLs and tokens.
std::string to_base64url(std::string_view bytes);
ledger::Result<std::string> from_base64url(std::string_view text);  // canonical only

}  // namespace yunjian::collector
