#include "collector/http/server.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "collector/http/testing/test_server.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::loopback_listener;
using testing::request_text;
using testing::TestAuthority;
using testing::TestServer;
using testing::TlsClient;

constexpr std::uint64_t body_limit = 200'000;

// Echoes what arrived; "/wait" holds until released; "/throw" throws.
class EchoHandler : public Handler {
 public:
  Response handle(const Request& request) override {
    if (request.path == "/throw") throw std::runtime_error("no");
    if (request.path == "/split") return {.headers = {{"X-A", "a\r\nX-B: b"}}};
    if (request.path == "/status") return {.status = 1000};
    if (request.path == "/empty") return {.status = 204, .body = "dropped"};
    if (request.path == "/large") return {.body = std::string(3'000'000, 'z')};
    if (request.path == "/huge") return huge();
    if (request.path == "/wait") wait();
    return {.content_type = "text/plain",
            .body = request.method + " " + request.path + " " + request.client_common_name + " " +
                    request.body};
  }
  std::uint64_t body_bytes_max(std::string_view, std::string_view path) const override {
    return path == "/nobody" ? 0 : body_limit;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  void wait_for_waiting(int count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 10s, [&] { return waiting_ >= count; }));
  }

 private:
  // More than the buffers of both ends take.
  static Response huge() {
    Response response;
    response.body.resize(64'000'000, 'z');
    return response;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return released_; });
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool released_ = false;
};

struct ServerFixture {
  TestAuthority authority;
  EchoHandler handler;
  ListenerOptions options = loopback_listener(authority, handler);

  TestServer serve() const { return {authority, options}; }
};

TEST_CASE_FIXTURE(ServerFixture, "one connection carries several requests, pipelined ones too") {
  const TestServer server = serve();
  TlsClient client = server.client();
  auto first = client.exchange(request_text("POST", "/a", "one"));
  REQUIRE(first);
  CHECK(first->status == 200);
  CHECK(first->body == "POST /a  one");
  CHECK(first->headers["content-type"] == "text/plain");
  CHECK(first->headers["cache-control"] == "no-store");
  CHECK(first->headers.count("date") == 1);
  CHECK(first->headers.count("connection") == 0);
  client.send(request_text("POST", "/b", "two") + request_text("GET", "/c"));
  CHECK(client.receive()->body == "POST /b  two");
  CHECK(client.receive()->body == "GET /c  ");
  CHECK(server.counters().requests == 3);
  CHECK(server.counters().connections_accepted == 1);
}

TEST_CASE_FIXTURE(ServerFixture, "a chunked body arrives whole") {
  const TestServer server = serve();
  const auto answer = server.exchange(
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
  CHECK(answer.body == "POST /a  abc0123456789");
}

TEST_CASE_FIXTURE(ServerFixture, "a request may arrive byte by byte") {
  const TestServer server = serve();
  TlsClient client = server.client();
  for (const char byte : request_text("POST", "/a", "xyz")) {
    REQUIRE(client.send(std::string_view(&byte, 1)));
  }
  CHECK(client.receive()->body == "POST /a  xyz");
}

TEST_CASE_FIXTURE(ServerFixture, "HEAD has the length of GET and no body") {
  const TestServer server = serve();
  TlsClient client = server.client();
  client.send(request_text("HEAD", "/a"));
  auto head = client.receive(true);
  REQUIRE(head);
  CHECK(head->headers["content-length"] == "8");
  CHECK(client.exchange(request_text("GET", "/b"))->body == "GET /b  ");
}

TEST_CASE_FIXTURE(ServerFixture, "an answer that may have no body has none") {
  const TestServer server = serve();
  TlsClient client = server.client();
  auto empty = client.exchange(request_text("GET", "/empty"));
  REQUIRE(empty);
  CHECK(empty->status == 204);
  CHECK(empty->headers.count("content-length") == 0);
  CHECK(client.exchange(request_text("GET", "/b"))->body == "GET /b  ");
}

TEST_CASE_FIXTURE(ServerFixture, "a large answer arrives whole") {
  const TestServer server = serve();
  CHECK(server.exchange(request_text("GET", "/large")).body == std::string(3'000'000, 'z'));
}

TEST_CASE_FIXTURE(ServerFixture,
                  "Expect is answered before the body is sent, and not when it is refused") {
  const TestServer server = serve();
  TlsClient client = server.client();
  const std::string head =
      "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ";
  client.send(head + "3\r\n\r\n");
  CHECK(client.receive()->status == 100);
  CHECK(client.exchange("abc")->body == "POST /a  abc");
  client.send(head + std::to_string(body_limit + 1) + "\r\n\r\n");
  auto refused = client.receive();
  REQUIRE(refused);
  CHECK(refused->status == 413);
  CHECK(client.closed_by_server());
}

TEST_CASE_FIXTURE(ServerFixture, "a body is taken up to its limit and not beyond") {
  const TestServer server = serve();
  const std::string largest(body_limit, 'x');
  CHECK(server.exchange(request_text("POST", "/a", largest)).status == 200);
  CHECK(server.exchange(request_text("POST", "/a", largest + "x")).status == 413);
  CHECK(server.exchange(request_text("POST", "/nobody", "x")).status == 413);
  const std::string chunked = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(server.exchange(chunked + "30D40\r\n" + largest + "\r\n0\r\n\r\n").status == 200);
  CHECK(server.exchange(chunked + "30D41\r\n" + largest + "x\r\n0\r\n\r\n").status == 413);
}

TEST_CASE_FIXTURE(ServerFixture, "bodies together have a limit") {
  options.limits.bodies_bytes_max = 1000;
  const TestServer server = serve();
  CHECK(server.exchange(request_text("POST", "/a", std::string(1000, 'x'))).status == 200);
  const auto refused = server.exchange(request_text("POST", "/a", std::string(1001, 'x')));
  CHECK(refused.status == 503);
  CHECK(refused.headers.count("retry-after") == 1);
  CHECK(server.exchange(request_text("POST", "/a", std::string(1000, 'x'))).status == 200);
}

TEST_CASE_FIXTURE(ServerFixture,
                  "a handler that throws or answers nonsense costs only its request") {
  const TestServer server = serve();
  TlsClient client = server.client();
  for (const char* path : {"/throw", "/split", "/status"}) {
    CAPTURE(path);
    auto answer = client.exchange(request_text("GET", path));
    REQUIRE(answer);
    CHECK(answer->status == 500);
    CHECK(answer->headers.count("x-b") == 0);
    CHECK(answer->headers["content-type"] == "application/problem+json");
  }
  CHECK(client.exchange(request_text("GET", "/a"))->status == 200);
}

TEST_CASE_FIXTURE(ServerFixture, "only TLS 1.3 is spoken and no session can be resumed") {
  const TestServer server = serve();
  CHECK_FALSE(TlsClient::connect({.port = server.port(),
                                  .ca_pem = authority.authority.certificate_pem(),
                                  .version_max = TLS1_2_VERSION}));
  TlsClient client = server.client();
  CHECK(client.exchange(request_text("GET", "/a"))->status == 200);
  CHECK_FALSE(client.session_is_resumable());
  CHECK(client.protocol() == "http/1.1");
}

TEST_CASE_FIXTURE(ServerFixture,
                  "with client certificates required only ours for clients are let in") {
  options.client_certificate = ClientCertificate::required;
  const TestServer server = serve();
  const auto answer = [&](const CertificatePair* identity) {
    auto client = server.connect(identity);
    auto got = client ? client->exchange(request_text("GET", "/a"))
                      : ledger::Result<testing::ClientResponse>(ledger::failure(client));
    return got ? got->body : std::string("refused");
  };
  const CertificatePair good = authority.client("agent-7");
  CHECK(answer(&good) == "GET /a agent-7 ");
  CHECK(answer(nullptr) == "refused");
  CHECK(answer(&authority.server) == "refused");  // its purpose is another
  const CertificatePair expired =
      authority.client("agent-7", authority.now - std::chrono::days(91));
  CHECK(answer(&expired) == "refused");
  TestAuthority other;
  const CertificatePair foreign = other.client("agent-7");
  CHECK(answer(&foreign) == "refused");
  CHECK(eventually([&] { return server.counters().handshakes_failed == 4; }));
}

TEST_CASE_FIXTURE(ServerFixture,
                  "with client certificates optional none is fine and a bad one is not") {
  options.client_certificate = ClientCertificate::optional;
  const TestServer server = serve();
  const auto answer = [&](const CertificatePair* identity) {
    auto client = server.connect(identity);
    auto got = client ? client->exchange(request_text("GET", "/a"))
                      : ledger::Result<testing::ClientResponse>(ledger::failure(client));
    return got ? got->body : std::string("refused");
  };
  CHECK(answer(nullptr) == "GET /a  ");
  const CertificatePair good = authority.client("li");
  CHECK(answer(&good) == "GET /a li ");
  CHECK(answer(&authority.server) == "refused");  // its purpose is another
  const CertificatePair expired = authority.client("li", authority.now - std::chrono::days(91));
  CHECK(answer(&expired) == "refused");
  const CertificatePair future = authority.client("li", authority.now + std::chrono::days(30));
  CHECK(answer(&future) == "refused");
  TestAuthority other;
  const CertificatePair foreign = other.client("li");
  CHECK(answer(&foreign) == "refused");
  const CertificatePair self_signed = other.authority.pair();
  CHECK(answer(&self_signed) == "refused");
}

TEST_CASE_FIXTURE(ServerFixture,
                  "connections beyond the limits are closed at once and come back later") {
  SUBCASE("of one peer") { options.limits.connections_per_peer_max = 2; }
  SUBCASE("of all peers together") { options.limits.connections_max = 2; }
  const TestServer server = serve();
  {
    TlsClient first = server.client();
    TlsClient second = server.client();
    REQUIRE(first.exchange(request_text("GET", "/a")));
    REQUIRE(second.exchange(request_text("GET", "/a")));
    CHECK_FALSE(server.connect());
    CHECK(server.counters().connections_refused == 1);
    CHECK(server.counters().connections_open == 2);
    CHECK(first.exchange(request_text("GET", "/a"))->status == 200);
  }
  CHECK(eventually([&] { return server.connect().has_value(); }));
}

TEST_CASE_FIXTURE(ServerFixture, "a client that does not read its answer is cut off") {
  options.limits.write_timeout = 100ms;
  options.limits.bytes_per_s_min = 1U << 30;  // what was read already buys no time
  const TestServer server = serve();
  TlsClient slow = server.client();
  slow.send(request_text("GET", "/huge"));
  CHECK(eventually([&] { return server.counters().timeouts == 1; }));
  CHECK(eventually([&] { return server.counters().connections_open == 0; }));
  CHECK_FALSE(slow.receive());
  CHECK(server.exchange(request_text("GET", "/a")).status == 200);
}

TEST_CASE_FIXTURE(ServerFixture, "a client that is silent in handshake, head or body is cut off") {
  options.limits.handshake_timeout = options.limits.head_timeout = options.limits.body_timeout =
      options.limits.idle_timeout = 100ms;
  const TestServer server = serve();
  for (const char* begun :
       {"", "GET /a HT", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"}) {
    CAPTURE(begun);
    TlsClient client = server.client();
    if (*begun != '\0') client.send(begun);
    CHECK(client.closed_by_server());
  }
  // An idle connection that ends is no timeout.
  CHECK(eventually([&] { return server.counters().connections_open == 0; }));
  CHECK(server.counters().timeouts == 2);
}

TEST_CASE_FIXTURE(ServerFixture, "requests beyond workers and queue are told to come back") {
  options.workers = 1;
  options.requests_queued_max = 1;
  const TestServer server = serve();
  TlsClient running = server.client();
  running.send(request_text("GET", "/wait"));
  handler.wait_for_waiting(1);
  // One of these two is queued, the other refused; whichever comes second.
  TlsClient one = server.client();
  TlsClient two = server.client();
  one.send(request_text("GET", "/b"));
  two.send(request_text("GET", "/b"));
  CHECK(eventually([&] { return server.counters().overloaded == 1; }));
  handler.release();
  const int first = one.receive()->status;
  const int second = two.receive()->status;
  CHECK(running.receive()->status == 200);
  CHECK(std::min(first, second) == 200);
  CHECK(std::max(first, second) == 503);
}

TEST_CASE_FIXTURE(ServerFixture,
                  "stop lets a running request finish, closes idle connections, takes no new") {
  TestServer server = serve();
  TlsClient idle = server.client();
  REQUIRE(idle.exchange(request_text("GET", "/a")));
  TlsClient running = server.client();
  running.send(request_text("GET", "/wait"));
  handler.wait_for_waiting(1);
  std::thread stopping([&] { server.server().stop(10s); });
  CHECK(idle.closed_by_server());
  CHECK_FALSE(server.connect());
  handler.release();
  auto last = running.receive();
  stopping.join();
  REQUIRE(last);
  CHECK(last->status == 200);
  CHECK(last->headers["connection"] == "close");
}

TEST_CASE_FIXTURE(ServerFixture, "stop cuts what is not done within its limit") {
  TestServer server = serve();
  TlsClient slow = server.client();
  slow.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  server.server().stop(50ms);
  CHECK(slow.closed_by_server());
  CHECK(server.counters().connections_open == 0);
}

TEST_CASE_FIXTURE(ServerFixture, "a taken port, a bad address and a wrong key are told at start") {
  const TestServer server = serve();
  const auto start = [](const ListenerOptions& with) { return Server::start({with}).has_value(); };
  ListenerOptions taken = options;
  taken.port = server.port();
  CHECK_FALSE(start(taken));
  ListenerOptions address = options;
  address.address = "localhost.example";
  CHECK_FALSE(start(address));
  ListenerOptions key = options;
  key.private_key_pem = TestAuthority().server.private_key;
  CHECK_FALSE(start(key));
  CHECK(start(options));
}

}  // namespace
}  // namespace yunjian::collector
