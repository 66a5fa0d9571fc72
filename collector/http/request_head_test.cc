#include "collector/http/request_head.h"

#include <doctest/doctest.h>

#include <string>

namespace yunjian::collector {
namespace {

std::string head(std::string_view fields, std::string_view line = "GET / HTTP/1.1") {
  return std::string(line) + "\r\n" + std::string(fields) + "\r\n";
}

bool is_good(const std::string& block) { return parse_request_head(block).has_value(); }

bool has_good_target(std::string_view target) {
  return is_good(head("Host: a\r\n", "GET " + std::string(target) + " HTTP/1.1"));
}

TEST_CASE("a sane head gives method, decoded target, fields and framing") {
  auto read =
      parse_request_head(head("Host: h:8443\r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: 12\r\n",
                              "POST /v1/a%20b?q=%E4%BA%91+%E9%89%B4&q=2&flag HTTP/1.1"));
  REQUIRE(read);
  CHECK(read->method == "POST");
  CHECK(read->target.path == "/v1/a b");
  CHECK(read->target.query.find("q")->second == "云 鉴");
  CHECK(read->target.query.count("q") == 2);
  CHECK(read->target.query.count("flag") == 1);
  CHECK(read->headers.at("x-a") == "1, 2");
  CHECK(read->content_length == 12);
  CHECK(read->keep_alive);
}

TEST_CASE("a field list of Connection that holds close ends the connection") {
  CHECK_FALSE(parse_request_head(head("Host: a\r\nConnection: x, Close\r\n"))->keep_alive);
  CHECK_FALSE(parse_request_head(head("Host: a\r\n", "GET / HTTP/1.0"))->keep_alive);
}

TEST_CASE("framing that two readers could understand differently is refused") {
  for (const char* fields : {
           "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: xchunked\r\n",
           "Transfer-Encoding: chunked, chunked\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding : chunked\r\n",
           "Transfer-Encoding: \"chunked\"\r\n",
           "Content-Length: 5, 5\r\n",
           "Content-Length: 5\r\nContent-Length: 5\r\n",
           "Content-Length: 5\r\nContent-Length: 6\r\n",
           "Content-Length: +5\r\n",
           "Content-Length: -5\r\n",
           "Content-Length: 0x5\r\n",
           "Content-Length: 05\r\n",
           "Content-Length: 5 5\r\n",
           "Content-Length:\r\n",
           "Content-Length: 99999999999999999999\r\n",
       }) {
    CAPTURE(fields);
    CHECK_FALSE(is_good(head("Host: a\r\n" + std::string(fields))));
  }
  CHECK_FALSE(is_good(head("Host: a\r\nTransfer-Encoding: chunked\r\n", "POST / HTTP/1.0")));
  CHECK(is_good(head("Host: a\r\nTransfer-Encoding: Chunked\r\n", "POST / HTTP/1.1")));
}

TEST_CASE("exactly one sane Host is needed") {
  CHECK_FALSE(is_good(head("")));
  CHECK_FALSE(is_good(head("Host: a\r\nHost: a\r\n")));
  CHECK_FALSE(is_good(head("Host:\r\n")));
  CHECK_FALSE(is_good(head("Host: a/b\r\n")));
  CHECK_FALSE(is_good(head("Host: a@b\r\n")));
  CHECK(is_good(head("Host: [::1]:8443\r\n")));
}

TEST_CASE("malformed lines are refused") {
  CHECK_FALSE(is_good(head("Host: a\r\n X: folded\r\n")));
  CHECK_FALSE(is_good(head("Host: a\r\nX: a\r\n\tb\r\n")));
  CHECK_FALSE(is_good(head("Host: a\r\nX Y: a\r\n")));
  CHECK_FALSE(is_good(head("Host: a\r\n: a\r\n")));
  CHECK_FALSE(is_good(head("Host: a\r\nno-colon\r\n")));
  CHECK_FALSE(is_good(head("Host: a\r\nX: \x01\r\n")));
  CHECK_FALSE(is_good(head("Host: a\r\nX: \xff\r\n")));
  CHECK_FALSE(is_good(head("Host: a\r\nExpect: something\r\n")));
  for (const char* line :
       {"GET /", "GET  / HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/2", "get / HTTP/1.1",
        "G@T / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET /\tHTTP/1.1",
        "GET / x HTTP/1.1", "ABCDEFGHIJKLMNOPQ / HTTP/1.1", ""}) {
    CAPTURE(line);
    CHECK_FALSE(is_good(head("Host: a\r\n", line)));
  }
}

TEST_CASE("the hundredth field is taken and the one behind it is not") {
  std::string fields = "Host: a\r\n";
  for (std::size_t i = 1; i < head_fields_max; ++i) fields += "X: y\r\n";
  CHECK(is_good(head(fields)));
  CHECK_FALSE(is_good(head(fields + "X: y\r\n")));
}

TEST_CASE("a target that could name another file or route is refused") {
  for (const char* target : {"/../../etc/passwd",
                             "/a/../b",
                             "/a/..",
                             "/.",
                             "/a/./b",
                             "/%2e%2e/a",
                             "/a/.%2E/b",
                             "//a",
                             "/a//b",
                             "/a//",
                             "/a%2fb",
                             "/a%2Fb",
                             "/a%5cb",
                             "/a\\b",
                             "/a%00",
                             "/a%0a",
                             "/a%7f",
                             "/a%",
                             "/a%2",
                             "/a%zz",
                             "/a%25b",
                             "/%ff",
                             "/%c0%af",
                             "/a#b",
                             "/a\x01",
                             "/a\xe4\xba\x91",
                             "*",
                             "http://a/b",
                             "a",
                             "",
                             "/a?b=%",
                             "/a?b=%00",
                             "/a?b=%ff",
                             "/a?b=\\",
                             "/a?b=%0d%0aX"}) {
    CAPTURE(target);
    CHECK_FALSE(has_good_target(target));
  }
  for (const char* target :
       {"/", "/a/", "/a.b/..c", "/%E4%BA%91", "/a?", "/a?b", "/a?b=%2F%25&&c"}) {
    CAPTURE(target);
    CHECK(has_good_target(target));
  }
}

TEST_CASE("targets have limits") {
  CHECK(has_good_target("/" + std::string(target_bytes_max - 1, 'a')));
  CHECK_FALSE(has_good_target("/" + std::string(target_bytes_max, 'a')));
  std::string query = "/a?";
  for (std::size_t i = 0; i < query_parameters_max; ++i) query += "b=1&";
  CHECK(has_good_target(query));
  CHECK_FALSE(has_good_target(query + "b=1"));
}

TEST_CASE("the end of a head is found at every split and bad line ends are seen at once") {
  const std::string good = head("Host: a\r\n");
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(find_head_end(std::string_view(good).substr(0, size)).scan == HeadScan::incomplete);
  }
  const HeadEnd end = find_head_end(good + "body");
  CHECK(end.scan == HeadScan::complete);
  CHECK(end.bytes == good.size());
  for (const std::string& bad : {std::string("GET / HTTP/1.1\n"), std::string("GET /\r\r\n"),
                                 std::string("\r\n"), std::string("GET \0", 5)}) {
    CHECK(find_head_end(bad).scan == HeadScan::malformed);
  }
}

TEST_CASE("no cut and no single changed byte of a head does more than be refused or read") {
  const std::string good =
      head("Host: a\r\nContent-Length: 5\r\nX: y\r\n", "POST /a%20b?c=%41 HTTP/1.1");
  for (std::size_t at = 0; at < good.size(); ++at) {
    CHECK_FALSE(is_good(good.substr(0, at)));
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = good;
      changed[at] = static_cast<char>(byte);
      static_cast<void>(parse_request_head(changed));
    }
  }
}

}  // namespace
}  // namespace yunjian::collector
