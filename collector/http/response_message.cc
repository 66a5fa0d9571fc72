#include "collector/http/response_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/status.hpp>
#include <ctime>

namespace yunjian::collector {
namespace {

namespace http = boost::beast::http;

bool is_field_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c == '-' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

}  // namespace

bool has_no_body(int status) { return status == 204 || status == 304; }

Response internal_error() {
  return problem_response({.status = 500,
                           .slug = "internal-error",
                           .title = "The collector failed to answer",
                           .detail = "This is a fault of the collector; its log says more.",
                           .retry = true,
                           .retry_after_s = 30});
}

Response checked_response(Response response) {
  const bool fields_good = std::all_of(
      response.headers.begin(), response.headers.end(),
      [](const auto& field) { return is_field_name(field.first) && is_field_value(field.second); });
  const bool status_good = response.status >= 200 && response.status <= 599;
  if (!fields_good || !status_good || !is_field_value(response.content_type)) {
    return internal_error();
  }
  return response;
}

std::string response_head(const Response& response, bool keep_alive, Framing framing) {
  http::fields fields;
  fields.set(http::field::date, http_date());
  fields.set(http::field::cache_control, "no-store");
  fields.set("X-Content-Type-Options", "nosniff");
  if (!keep_alive) fields.set(http::field::connection, "close");
  const bool bare = has_no_body(response.status);
  if (!bare) fields.set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) fields.set(name, value);
  if (!bare && framing == Framing::length) {
    fields.set(http::field::content_length, std::to_string(response.body.size()));
  }
  if (!bare && framing == Framing::chunks) fields.set(http::field::transfer_encoding, "chunked");
  const auto status = static_cast<http::status>(response.status);
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                 std::string_view(http::obsolete_reason(status)));
  for (const auto& field : fields) {
    head += fmt::format("{}: {}\r\n", std::string_view(field.name_string()),
                        std::string_view(field.value()));
  }
  head.append("\r\n");
  return head;
}

}  // namespace yunjian::collector
