#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::collector {

inline constexpr std::size_t target_bytes_max = 8192;
inline constexpr std::size_t query_parameters_max = 64;

struct Target {
  std::string path;                               // percent-decoded once, begins with '/'
  std::multimap<std::string, std::string> query;  // decoded, '+' is a space
};

// Origin form only ("/path?query"). Reject: "." and ".." segments however they are spelled, "//",
// an encoded slash, backslashes, control characters, NUL, bad escapes, bytes that are not UTF-8
// when decoded, a fragment. The message says which, without repeating the target.
ledger::Result<Target> parse_target(std::string_view target);

}  // namespace yunjian::collector
