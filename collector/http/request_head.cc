#include "collector/http/request_head.h"

#include <algorithm>
#include <array>

#include "ledger/base/bytes.h"

namespace yunjian::collector {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

constexpr std::string_view end_of_line = "\r\n";

// Fields that mean something only once; a second one is where two readers begin to differ.
constexpr std::array<std::string_view, 9> single_fields = {
    "authorization", "content-encoding",  "content-length",  "content-type", "expect", "from",
    "host",          "transfer-encoding", "idempotency-key",
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alphanumeric(c) || marks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '\t' || (c >= 0x20 && c < 0x7f); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= 16 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 300 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view(".-_:[]").find(c) != std::string_view::npos;
  });
}

Result<void> read_request_line(RequestHead& head, std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return fail(ErrorKind::reject, "the request line is not \"METHOD /path HTTP/1.1\"");
  }
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return fail(ErrorKind::reject, "HTTP version is not HTTP/1.1");
  }
  head.keep_alive = version == "HTTP/1.1";
  head.http_1_0 = !head.keep_alive;
  if (!is_method(line.substr(0, first))) return fail(ErrorKind::reject, "bad method");
  head.method = line.substr(0, first);
  auto target = parse_target(line.substr(first + 1, last - first - 1));
  if (!target) return failure(target);
  head.target = std::move(*target);
  return {};
}

Result<void> store_field(RequestHead& head, std::string name, std::string_view value) {
  const auto known = head.headers.find(name);
  if (known == head.headers.end()) {
    head.headers.emplace(std::move(name), value);
    return {};
  }
  if (std::find(single_fields.begin(), single_fields.end(), name) != single_fields.end()) {
    return fail(ErrorKind::reject, "repeated header field " + name);
  }
  known->second.append(", ").append(value);
  return {};
}

Result<void> read_field(RequestHead& head, std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') {
    return fail(ErrorKind::reject, "folded header field");
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return fail(ErrorKind::reject, "bad header field name");
  }
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_field_value(value)) {
    return fail(ErrorKind::reject, "header field value that is not printable ASCII");
  }
  return store_field(head, lower_case(line.substr(0, colon)), value);
}

Result<void> read_length(RequestHead& head, std::string_view value) {
  auto length = ledger::parse_decimal(value);
  if (!length) return fail(ErrorKind::reject, "Content-Length is not one decimal number");
  head.content_length = *length;
  return {};
}

// Exactly one of Content-Length and "chunked", or no body.
Result<void> read_framing(RequestHead& head) {
  const auto length = head.headers.find("content-length");
  const auto coding = head.headers.find("transfer-encoding");
  if (coding == head.headers.end()) {
    return length == head.headers.end() ? Result<void>() : read_length(head, length->second);
  }
  if (length != head.headers.end()) {
    return fail(ErrorKind::reject, "both Content-Length and Transfer-Encoding");
  }
  if (lower_case(coding->second) != "chunked") {
    return fail(ErrorKind::reject, "Transfer-Encoding other than chunked");
  }
  if (!head.keep_alive) return fail(ErrorKind::reject, "Transfer-Encoding in HTTP/1.0");
  head.chunked = true;
  return {};
}

bool lists_close(std::string_view connection) {
  while (!connection.empty()) {
    const std::size_t comma = std::min(connection.find(','), connection.size());
    if (lower_case(trimmed(connection.substr(0, comma))) == "close") return true;
    connection.remove_prefix(std::min(comma + 1, connection.size()));
  }
  return false;
}

Result<void> read_meaning(RequestHead& head) {
  const auto host = head.headers.find("host");
  if (host == head.headers.end()) return fail(ErrorKind::reject, "no Host header field");
  if (!is_host(host->second)) return fail(ErrorKind::reject, "bad Host header field");
  auto framing = read_framing(head);
  if (!framing) return framing;
  if (const auto expect = head.headers.find("expect"); expect != head.headers.end()) {
    if (lower_case(expect->second) != "100-continue") {
      return fail(ErrorKind::reject, "Expect other than 100-continue");
    }
    head.expect_continue = head.keep_alive;  // an HTTP/1.0 client would not understand it
  }
  if (const auto connection = head.headers.find("connection"); connection != head.headers.end()) {
    if (lists_close(connection->second)) head.keep_alive = false;
  }
  return {};
}

}  // namespace

Result<RequestHead> parse_request_head(std::string_view block) {
  if (find_head_end(block).bytes != block.size() || block.empty()) {
    return fail(ErrorKind::reject, "line ends other than CR LF");
  }
  RequestHead head;
  std::size_t end = block.find(end_of_line);
  auto good = read_request_line(head, block.substr(0, end));
  for (std::size_t fields = 0; good && block.size() > end + 4; ++fields) {
    block.remove_prefix(end + 2);
    end = block.find(end_of_line);
    if (fields == head_fields_max) return fail(ErrorKind::reject, "too many header fields");
    good = read_field(head, block.substr(0, end));
  }
  if (good) good = read_meaning(head);
  if (!good) return failure(good);
  return head;
}

HeadEnd find_head_end(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\0') return {HeadScan::malformed, 0};
    if (bytes[i] == '\n') return {HeadScan::malformed, 0};  // a good one is skipped with its CR
    if (bytes[i] != '\r') continue;
    if (i + 1 == bytes.size()) break;
    if (bytes[i + 1] != '\n') return {HeadScan::malformed, 0};
    if (i == 0) return {HeadScan::malformed, 0};  // an empty line before the request
    if (i >= 2 && bytes[i - 1] == '\n') return {HeadScan::complete, i + 2};
    ++i;
  }
  return {};
}

}  // namespace yunjian::collector
