#include <doctest/doctest.h>

#include <atomic>
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

// What the sources of a test have seen.
struct Seen {
  std::atomic<int> pieces{0};
  std::atomic<int> ended{0};  // sources that were told to end
};

class CountingSource : public BodySource {
 public:
  CountingSource(Seen& seen, const Request& request, int last, std::chrono::milliseconds pause)
      : seen_(seen), cancelled_(*request.cancelled), last_(last), pause_(pause) {}

  Piece next() override {
    ++seen_.pieces;
    if (cancelled_) {
      ++seen_.ended;
      return {.bytes = "end", .last = true};
    }
    const int number = made_++;
    return {.bytes = std::to_string(number) + "\n", .last = number == last_, .pause = pause_};
  }

 private:
  Seen& seen_;
  const std::atomic<bool>& cancelled_;
  const int last_;
  const std::chrono::milliseconds pause_;
  int made_ = 0;
};

class BrokenSource : public BodySource {
 public:
  Piece next() override { return {.bytes = "half", .broken = true}; }
};

// "/three" gives three pieces, "/slow" one a 10 ms for ever, "/broken" breaks, "/work" works until
// it is cancelled.
class StreamHandler : public Handler {
 public:
  Seen seen;
  std::atomic<bool> working{false};
  std::atomic<bool> gave_up{false};

  Response handle(const Request& request) override {
    Response response{.content_type = "text/plain"};
    if (request.path == "/three") {
      response.source = std::make_shared<CountingSource>(seen, request, 2, 0ms);
    } else if (request.path == "/slow") {
      response.source = std::make_shared<CountingSource>(seen, request, 1 << 30, 10ms);
    } else if (request.path == "/broken") {
      response.source = std::make_shared<BrokenSource>();
    } else if (request.path == "/work") {
      working = true;
      while (!*request.cancelled) std::this_thread::yield();
      gave_up = true;
    }
    return response;
  }
  std::uint64_t body_bytes_max(std::string_view, std::string_view) const override { return 0; }
};

struct ServerStreamFixture {
  const TestAuthority authority;
  StreamHandler handler;
  std::unique_ptr<TestServer> server;
  ServerStreamFixture() { start({}); }
  void start(const HttpLimits& limits) {
    auto options = loopback_listener(authority, handler);
    options.limits = limits;
    server = std::make_unique<TestServer>(authority, std::move(options));
  }
};

TEST_CASE_FIXTURE(ServerStreamFixture,
                  "A body made in pieces arrives whole and the connection goes on") {
  auto client = server->client();
  for (int round = 0; round < 2; ++round) {
    const auto answer = client.exchange(request_text("GET", "/three"));
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "0\n1\n2\n");
    CHECK_FALSE(answer->headers.contains("content-length"));
  }
}

TEST_CASE_FIXTURE(ServerStreamFixture,
                  "HEAD gets the head of such an answer and asks for no piece") {
  auto client = server->client();
  REQUIRE(client.send(request_text("HEAD", "/three")));
  const auto answer = client.receive(true);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(handler.seen.pieces == 0);
  CHECK(client.exchange(request_text("GET", "/three"))->body == "0\n1\n2\n");
}

TEST_CASE_FIXTURE(ServerStreamFixture, "HTTP/1.0 gets the pieces without chunks, up to the end") {
  auto client = server->client();
  REQUIRE(client.send("GET /three HTTP/1.0\r\nHost: localhost\r\n\r\n"));
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK_FALSE(answer->headers.contains("transfer-encoding"));
  CHECK(client.closed_by_server());
}

TEST_CASE_FIXTURE(ServerStreamFixture,
                  "A body that breaks ends the connection without its last chunk") {
  auto client = server->client();
  CHECK_FALSE(client.exchange(request_text("GET", "/broken")).has_value());
}

TEST_CASE_FIXTURE(ServerStreamFixture, "When the client leaves, the work for it ends") {
  {
    auto client = server->client();
    REQUIRE(client.send(request_text("GET", "/work")));
    REQUIRE(eventually([&] { return handler.working.load(); }));
    CHECK_FALSE(handler.gave_up);
  }
  CHECK(eventually([&] { return handler.gave_up.load(); }));
}

TEST_CASE_FIXTURE(ServerStreamFixture, "When the client leaves, no more pieces are made") {
  {
    auto client = server->client();
    REQUIRE(client.send(request_text("GET", "/slow")));
    REQUIRE(eventually([&] { return handler.seen.pieces > 2; }));
  }
  CHECK(eventually([&] { return server->counters().connections_open == 0; }));
}

TEST_CASE_FIXTURE(ServerStreamFixture, "A stop lets a body that is being made end well") {
  auto client = server->client();
  REQUIRE(client.send(request_text("GET", "/slow")));
  REQUIRE(eventually([&] { return handler.seen.pieces > 2; }));
  server->server().stop(10s);
  CHECK(handler.seen.ended == 1);
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->body.ends_with("end"));
}

TEST_CASE_FIXTURE(ServerStreamFixture, "Work that takes too long is told to end") {
  start({.handler_timeout = 300ms});
  CHECK(server->exchange(request_text("GET", "/work")).status == 200);
  CHECK(handler.gave_up);
}

}  // namespace
}  // namespace yunjian::collector
