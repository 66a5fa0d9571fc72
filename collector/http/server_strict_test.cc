#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <string>
#include <vector>

#include "collector/http/testing/test_server.h"

namespace yunjian::collector {
namespace {

using testing::eventually;
using testing::loopback_listener;
using testing::request_text;
using testing::TestAuthority;
using testing::TestServer;
using testing::TlsClient;

// Counts what reaches it: nothing malformed may.
class CountingHandler : public Handler {
 public:
  Response handle(const Request&) override {
    ++count;
    return {.content_type = "text/plain", .body = "reached"};
  }
  std::uint64_t body_bytes_max(std::string_view, std::string_view) const override { return 1000; }
  std::atomic<int> count{0};
};

struct Malformed {
  const char* what;
  std::string bytes;
};

// What follows is seen as a second request by a server that reads the first one differently.
constexpr const char* smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

std::string post(std::string_view fields, std::string_view behind = "",
                 std::string_view version = "HTTP/1.1") {
  return "POST /a " + std::string(version) + "\r\n" + std::string(fields) + "\r\n" +
         std::string(behind);
}

std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::vector<Malformed> framing() {
  const std::string chunk = "5\r\nabcde\r\n0\r\n\r\n";
  const std::string chunked = "Host: a\r\nTransfer-Encoding: chunked\r\n";
  return {
      {"gzip coding and length",
       post("Host: a\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n", "abcde")},
      {"chunked coding and length", post(chunked + "Content-Length: 5\r\n", chunk)},
      {"length and chunked coding",
       post("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunk)},
      {"chunked in HTTP/1.0", post(chunked, chunk, "HTTP/1.0")},
      {"xchunked", post("Host: a\r\nTransfer-Encoding: xchunked\r\n", chunk)},
      {"a list of lengths", post("Host: a\r\nContent-Length: 5, 5\r\n", "abcde")},
      {"equal lengths", post("Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n", "abcde")},
      {"different lengths",
       post("Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n", "abcdef")},
      {"a signed length", post("Host: a\r\nContent-Length: +5\r\n", "abcde")},
      {"a chunk extension", post(chunked, "5;a=b\r\nabcde\r\n0\r\n\r\n")},
      {"an extension of the last chunk", post(chunked, "5\r\nabcde\r\n0;a\r\n\r\n")},
      {"a trailer field", post(chunked, "5\r\nabcde\r\n0\r\nX: y\r\n\r\n")},
      {"a chunk size that overflows", post(chunked, "fffffffffffffffff\r\nabcde\r\n0\r\n\r\n")},
      {"a chunk size that is none", post(chunked, "x\r\nabcde\r\n0\r\n\r\n")},
      {"a chunk line that does not end", post(chunked, std::string(40'000, '0'))},
      {"a chunk longer than its size", post(chunked, "3\r\nabcde\r\n0\r\n\r\n")},
      {"no Host", post("Content-Length: 5\r\n", "abcde")},
      {"two Hosts", post("Host: a\r\nHost: b\r\nContent-Length: 5\r\n", "abcde")},
      {"a folded field", post("Host: a\r\nX: y\r\n z\r\nContent-Length: 5\r\n", "abcde")},
      {"a space before the colon", post("Host: a\r\nContent-Length : 5\r\n", "abcde")},
      {"a bare LF", "POST /a HTTP/1.1\nHost: a\nContent-Length: 5\n\nabcde"},
      {"a NUL", post(std::string("Host: a\r\nX: \0y\r\n", 16))},
      {"an empty line in front", "\r\n" + post("Host: a\r\nContent-Length: 5\r\n", "abcde")},
      {"another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
  };
}

std::vector<Malformed> targets() {
  std::vector<Malformed> out;
  for (const char* target :
       {"/../../etc/passwd", "/a/%2e%2e/b", "//etc/passwd", "/a//b", "/a%2fb", "/a%5cb", "/a\\b",
        "/a%00", "/a%0d%0aX:y", "/a%", "/a%zz", "/a%ff", "/a?b=%zz", "/a#b", "http://a/b", "*"}) {
    out.push_back({target, get(target)});
  }
  return out;
}

struct ServerStrictFixture {
  TestAuthority authority;
  CountingHandler handler;
  TestServer server{authority, loopback_listener(authority, handler)};

  void check_refused(const Malformed& malformed) {
    CAPTURE(malformed.what);
    TlsClient client = server.client();
    client.send(malformed.bytes + smuggled);
    auto answer = client.receive();
    REQUIRE(answer);
    CHECK(answer->status == 400);
    CHECK(answer->headers["connection"] == "close");
    CHECK(answer->headers["content-type"] == "application/problem+json");
    CHECK(answer->body.find("malformed-request") != std::string::npos);
    CHECK_FALSE(client.receive());  // nothing is answered behind it
    CHECK(client.closed_by_server());
  }
};

TEST_CASE_FIXTURE(ServerStrictFixture,
                  "framing in doubt is answered 400, closed, and reaches no handler") {
  for (const Malformed& malformed : framing()) check_refused(malformed);
  CHECK(handler.count == 0);
  CHECK(server.counters().malformed == framing().size());
}

TEST_CASE_FIXTURE(ServerStrictFixture,
                  "a target in doubt is answered 400, closed, and reaches no handler") {
  for (const Malformed& malformed : targets()) check_refused(malformed);
  CHECK(handler.count == 0);
}

TEST_CASE_FIXTURE(ServerStrictFixture, "a head beyond its limit is answered 431 and closed") {
  TlsClient client = server.client();
  client.send("GET /a HTTP/1.1\r\nHost: a\r\nX: " + std::string(17'000, 'y'));
  auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->status == 431);
  CHECK(client.closed_by_server());
}

TEST_CASE("heads and bodies that drip in are cut off, and others are served meanwhile") {
  TestAuthority authority;
  CountingHandler handler;
  auto options = loopback_listener(authority, handler);
  options.limits.head_timeout = options.limits.body_timeout = std::chrono::milliseconds(300);
  options.limits.bytes_per_s_min = 1U << 20U;
  TestServer server(authority, options);
  std::vector<TlsClient> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(server.client());
    slow.back().send(i % 2 == 0 ? "GET /a HTTP/1.1\r\nHost: a\r\nX: "
                                : "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n");
  }
  TlsClient good = server.client();
  int served = 0;
  // A byte each time a good request was answered: never silent, never done.
  CHECK(eventually([&] {
    for (TlsClient& client : slow) client.send("x");
    const auto answer = good.exchange(request_text("GET", "/a"));
    served += answer && answer->body == "reached" ? 1 : 0;
    return server.counters().timeouts == slow.size();
  }));
  CHECK(served > 1);
  CHECK(handler.count == served);
}

TEST_CASE_FIXTURE(ServerStrictFixture, "thousands of damaged requests leave the server answering") {
  std::mt19937 random(20261122);  // NOLINT: the same damage every time
  const std::string good = post("Host: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
                                "5\r\nabcde\r\n0\r\n\r\n");
  for (int connection = 0; connection < 200; ++connection) {
    TlsClient client = server.client();
    std::string bytes;
    for (int request = 0; request < 10; ++request) {
      std::string damaged = good;
      for (int change = 0; change < request % 4; ++change) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      bytes += damaged.substr(0, request == 9 ? random() % damaged.size() : damaged.size());
    }
    client.send(bytes);
  }
  CHECK(server.exchange(request_text("GET", "/a")).body == "reached");
}

}  // namespace
}  // namespace yunjian::collector
