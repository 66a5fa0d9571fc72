#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "collector/http/message.h"

namespace yunjian::collector {

Response internal_error();

// What a handler gave back, or internal_error() when it cannot be sent: a status that is none, or a
// header field that would break the head apart.
Response checked_response(Response response);

// Ready to be written: Date, length, no caching, no sniffing unless the handler said otherwise.
boost::beast::http::response<boost::beast::http::string_body> response_message(Response response,
                                                                               bool keep_alive);

// The head alone of an answer whose body comes from its source, in chunks or up to the end of the
// connection.
boost::beast::http::response<boost::beast::http::empty_body> source_message(
    const Response& response, bool keep_alive, bool chunked);

}  // namespace yunjian::collector
