#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "collector/http/target.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

inline constexpr std::size_t head_fields_max = 100;

// Request line and header fields, read more strictly than RFC 9112 asks. Whatever two readers could
// understand in two ways (framing above all) is refused here, before a library sees it.
struct RequestHead {
  std::string method;  // 1 to 16 upper-case letters
  Target target;
  std::map<std::string, std::string, std::less<>>
      headers;  // names lower case, repeated ones joined
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool http_1_0 = false;
  bool expect_continue = false;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// `block` ends with the empty line. Reject: the message says what is wrong, for the answer 400.
ledger::Result<RequestHead> parse_request_head(std::string_view block);

// Looks for the end of the head in bytes that are still arriving.
enum class HeadScan { incomplete, complete, malformed };
struct HeadEnd {
  HeadScan scan = HeadScan::incomplete;
  std::size_t bytes = 0;  // of the head with its empty line, when complete
};
// Malformed as soon as a bare CR or LF or a NUL stands there: no waiting for more.
HeadEnd find_head_end(std::string_view bytes);

}  // namespace yunjian::collector
