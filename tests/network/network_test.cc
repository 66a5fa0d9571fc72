#include <doctest/doctest.h>

#include <cstdlib>
#include <semaphore>

#include "agent/ship/curl_uploader.h"
#include "agent/ship/shipper.h"
#include "collector/ingest/testing/ingest_kit.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/testing/seeded_random.h"
#include "ledger/testing/temporary_directory.h"
#include "tests/network/bad_proxy.h"

namespace yunjian {
namespace {

using collector::testing::IngestKit;
using collector::testing::TestAgent;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::BadProxy;
using testing::Trouble;

const std::string agent_id(32, 'a');

// An enrolled agent's shipper, and the real collector it ships to: both handlers, TLS, verifier,
// log. What the log holds in the end is compared with what was sealed.
struct Bench : IngestKit {
  TestAgent sealing{agent_id, 1, 1};
  ledger::testing::TemporaryDirectory state;
  ledger::testing::SeededRandom random{11};
  std::counting_semaphore<1 << 20> news{0};
  agent::CurlUploader* uploader = nullptr;
  std::unique_ptr<agent::Shipper> shipper;
  agent::ShipReport last;
  std::uint64_t receipted = 0;

  Bench() {
    REQUIRE(log.enrol(sealing, "tax", "web-01"));
    const auto pair = authority.client(agent_id);
    REQUIRE(catalog->put_agent(
        {.id = agent_id,
         .incarnation = 1,
         .host = "web-01",
         .unit = "tax",
         .certificate_sha256 = collector::read_certificate(pair.certificate)->sha256}));
    ledger::PosixFileSystem files;
    for (const auto& [name, text] : {std::pair("tls.crt", pair.certificate),
                                     {"tls.key", pair.private_key},
                                     {"ca.pem", authority.authority.certificate_pem()}}) {
      REQUIRE(replace_file(files, state.path() + "/" + name, text, 0600));
    }
  }

  std::uint16_t port() const { return server->port(0); }
  static std::string url(std::uint16_t port) { return "https://127.0.0.1:" + std::to_string(port); }

  agent::CurlOptions curl() const {
    return {.ca_file = state.path() + "/ca.pem",
            .cert_file = state.path() + "/tls.crt",
            .key_file = state.path() + "/tls.key",
            .connect_timeout = seconds(20),
            .clock = &clock};
  }
  void ship_to(std::vector<std::string> urls, const agent::CurlOptions& options) {
    auto made = std::make_unique<agent::CurlUploader>(std::move(urls), options);
    uploader = made.get();
    shipper = std::make_unique<agent::Shipper>(
        std::move(made), agent::ReceiptBook(log->verifier()), random,
        agent::ShipperOptions{.stream = sealing.stream(),
                              .backoff = {.base = milliseconds(1), .cap = milliseconds(4)},
                              .on_news = [this] { news.release(); }});
  }
  void ship_to(std::vector<std::string> urls) { ship_to(std::move(urls), curl()); }

  // Seals and gives `frames` batches of `lines` lines each.
  void give(std::size_t frames, std::size_t lines = 1, std::string_view word = "hello") {
    agent::Post post;
    const auto hasher = ledger::default_suite().hasher();
    for (std::size_t i = 0; i < frames; ++i) {
      const std::uint64_t number = sealing.next_batch();
      const auto frame = sealing.seal(
          collector::testing::event_lines(collector::testing::test_start, lines, word));
      REQUIRE(post.add(number, hasher->leaf(frame.header), {frame.header, frame.body}));
    }
    shipper->give(std::move(post));
  }
  void wait_receipts(seconds limit = seconds(60)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (receipted < sealing.next_batch()) {
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, last.error);
      static_cast<void>(news.try_acquire_for(milliseconds(100)));
      last = shipper->report();
      receipted = std::max(receipted, last.receipted_below);
    }
    while (!shipper->idle()) static_cast<void>(news.try_acquire_for(milliseconds(10)));
  }
  // Each batch once, in order, with its body, and nothing else.
  void check_log() {
    const auto stream = log->stream(sealing.stream());
    REQUIRE(stream);
    CHECK(stream->next_batch == sealing.next_batch());
    CHECK(stream->forks == 0);
    CHECK(stream->hollow == 0);
    const auto counters = verifier->counters();
    CHECK(counters.accepted == sealing.next_batch());
    CHECK(counters.fork == 0);
    CHECK(counters.expected == 0);
  }
};

// Every nth byte; YUNJIAN_CUT_STEP=1 for all.
std::int64_t cut_step() {
  const char* step = std::getenv("YUNJIAN_CUT_STEP");
  return step != nullptr ? std::max(1, std::atoi(step)) : 37;
}

TEST_CASE_FIXTURE(Bench,
                  "An exchange that is cut after any byte, either way, loses and doubles "
                  "nothing") {
  BadProxy proxy(port());
  ship_to({url(proxy.port())});
  give(1);
  wait_receipts();
  const auto up = static_cast<std::int64_t>(proxy.up_bytes());
  const auto down = static_cast<std::int64_t>(proxy.down_bytes());
  REQUIRE(up > 1000);
  REQUIRE(down > 1000);
  std::uint64_t points = 0;
  for (const bool upwards : {true, false}) {
    for (std::int64_t k = 0; k < (upwards ? up : down); k += cut_step()) {
      CAPTURE(upwards);
      CAPTURE(k);
      proxy.next(upwards ? Trouble{.up_bytes = k} : Trouble{.down_bytes = k});
      give(1);
      wait_receipts();
      ++points;
    }
  }
  CHECK(proxy.cuts() > points * 9 / 10);  // of the last bytes some belong to a farewell
  check_log();
  MESSAGE(points, " cuts in ", up, " bytes up and ", down, " bytes down: 0 lost, 0 doubled");
}

TEST_CASE_FIXTURE(Bench, "A connection that is half open is given up and made anew") {
  BadProxy proxy(port());
  auto options = curl();
  options.connect_timeout = seconds(1);
  options.total_timeout = seconds(2);
  ship_to({url(proxy.port())}, options);
  for (const std::int64_t k : {0, 600, 1800}) {
    proxy.next({.up_bytes = k, .swallow = true});
    give(1);
    wait_receipts();
  }
  CHECK(proxy.cuts() == 3);
  check_log();
}

TEST_CASE_FIXTURE(Bench, "A line of 1 kB/s carries what is sealed, slowly") {
  BadProxy proxy(port());
  ship_to({url(proxy.port())});
  proxy.next({.bytes_per_s = 1000});
  give(10);
  wait_receipts();
  CHECK(proxy.connections() == 1);
  check_log();
}

TEST_CASE_FIXTURE(Bench,
                  "All addresses of a collector are tried at once; the one that answers is "
                  "kept") {
  std::uint16_t nobody = 0;
  {
    const BadProxy gone(port());
    nobody = gone.port();
  }
  BadProxy first(port());
  BadProxy second(port());
  ship_to({url(nobody), url(first.port()), url(second.port())});
  give(1);
  wait_receipts();
  CHECK(first.connections() == 1);
  CHECK(second.connections() == 0);
  first.next({.up_bytes = 0});
  give(1);
  wait_receipts();
  CHECK(second.connections() == 1);
  give(1);
  wait_receipts();
  CHECK(second.connections() == 1);
  check_log();
}

TEST_CASE_FIXTURE(Bench,
                  "A proxy is used when it is configured, and none because of the "
                  "environment") {
  BadProxy proxy(port(), true);
  ::setenv("https_proxy", "http://127.0.0.1:1", 1);
  auto options = curl();
  options.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  ship_to({url(port())}, options);
  give(1);
  wait_receipts();
  CHECK(proxy.connections() == 1);
  shipper.reset();
  ship_to({url(port())});
  give(1);
  wait_receipts();
  ::unsetenv("https_proxy");
  CHECK(proxy.connections() == 1);
  check_log();
}

TEST_CASE_FIXTURE(Bench, "The upload rate that the operator set is kept") {
  BadProxy proxy(port());
  auto options = curl();
  options.send_bytes_per_s_max = 4096;
  ship_to({url(proxy.port())}, options);
  const auto begin = std::chrono::steady_clock::now();
  give(30);
  wait_receipts();
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(proxy.up_bytes() > 16'000);
  CHECK(took >= seconds(2));
  check_log();
}

// Answers 503 with Retry-After so many times, then as the collector does.
class Reluctant : public collector::Handler {
 public:
  explicit Reluctant(collector::Handler& below) : below_(below) {}
  collector::Response handle(const collector::Request& request) override {
    if (refusals++ > 0) return below_.handle(request);
    return collector::problem_response({.status = 503,
                                        .slug = "unavailable",
                                        .title = "later",
                                        .detail = "",
                                        .retry = true,
                                        .retry_after_s = 2});
  }
  std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const override {
    return below_.body_bytes_max(method, path);
  }
  std::atomic<int> refusals{0};

 private:
  collector::Handler& below_;
};

TEST_CASE_FIXTURE(Bench, "Retry-After is waited for, on top of the jitter") {
  Reluctant reluctant(*ingest);
  std::vector<collector::ListenerOptions> listeners;
  listeners.push_back(collector::testing::loopback_listener(authority, reluctant));
  listeners.back().client_certificate = collector::ClientCertificate::required;
  auto slow = collector::Server::start(std::move(listeners));
  REQUIRE(slow);
  ship_to({url((*slow)->port(0))});
  const auto begin = std::chrono::steady_clock::now();
  give(1);
  wait_receipts();
  CHECK(std::chrono::steady_clock::now() - begin >= seconds(2));
  CHECK(reluctant.refusals == 2);
  check_log();
}

TEST_CASE_FIXTURE(Bench, "A host ten years off ships, and the collector raises one alarm") {
  ledger::testing::ManualClock wrong(clock.wall() + std::chrono::hours(24 * 3650));
  auto options = curl();
  options.clock = &wrong;
  ship_to({url(port())}, options);
  for (int i = 0; i < 4; ++i) {
    give(1);
    wait_receipts();
  }
  REQUIRE(recorded.size() == 1);
  CHECK(recorded[0].find("\"alarm\":\"clock\"") != std::string::npos);
  CHECK(recorded[0].find("\"host\":\"web-01\"") != std::string::npos);
  CHECK(recorded[0].find("\"side\":\"ahead\"") != std::string::npos);
  CHECK(ingest->counters().clocks_off == 1);
  CHECK(ingest->counters().clock_off_ms_max > 86'400'000);
  check_log();
}

}  // namespace
}  // namespace yunjian
