#include "collector/http/response_message.h"

#include <algorithm>
#include <array>
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

bool has_no_body(int status) { return status == 204 || status == 304; }

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

namespace {

template <typename Body>
void set_fields(http::response<Body>& message, const Response& response, bool keep_alive) {
  message.version(11);
  message.result(static_cast<unsigned>(response.status));
  message.set(http::field::date, http_date());
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  if (!keep_alive) message.set(http::field::connection, "close");
  if (!has_no_body(response.status)) message.set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) message.set(name, value);
}

}  // namespace

http::response<http::string_body> response_message(Response response, bool keep_alive) {
  http::response<http::string_body> message;
  set_fields(message, response, keep_alive);
  if (has_no_body(response.status)) return message;
  message.body() = std::move(response.body);
  message.content_length(message.body().size());
  return message;
}

http::response<http::empty_body> source_message(const Response& response, bool keep_alive,
                                                bool chunked) {
  http::response<http::empty_body> message;
  set_fields(message, response, keep_alive);
  if (chunked) message.chunked(true);
  return message;
}

}  // namespace yunjian::collector
