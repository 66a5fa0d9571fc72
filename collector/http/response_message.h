#pragma once

#include <string>

#include "collector/http/message.h"

namespace yunjian::collector {

Response internal_error();

// What a handler gave back, or internal_error() when it cannot be sent: a status that is none, or a
// header field that would break the head apart.
Response checked_response(Response response);

bool has_no_body(int status);

enum class Framing { length, chunks, until_close };

// Status line and fields, with the empty line behind them: Date, how the body is framed, no
// caching, no sniffing unless the handler said otherwise. `response` has passed checked_response().
std::string response_head(const Response& response, bool keep_alive, Framing framing);

}  // namespace yunjian::collector
