#include "agent/ship/shipper.h"

#include <doctest/doctest.h>

#include <map>
#include <semaphore>

#include "agent/ship/testing/small_collector.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::SmallCollector;
using testing::SmallUploader;

constexpr const char* agent_id = "00112233445566778899aabbccddeeff";

// A shipper at work, and all it reported so far.
struct Harness {
  SmallCollector collector;
  ledger::testing::SeededRandom random{3};
  std::counting_semaphore<1 << 20> news{0};
  ShipReport last;
  std::uint64_t receipted = 0;
  std::uint64_t witnessed = 0;
  SmallUploader* uploader = nullptr;
  std::unique_ptr<Shipper> shipper;

  explicit Harness(milliseconds idle = seconds(10)) {
    auto owned = std::make_unique<SmallUploader>(collector);
    uploader = owned.get();
    shipper = std::make_unique<Shipper>(
        std::move(owned),
        ReceiptBook(collector.verifier(), {.keys = {collector.witness().verifier()}}), random,
        ShipperOptions{.stream = ledger::stream_id(agent_id, 1),
                       .backoff = {.base = milliseconds(1), .cap = milliseconds(4)},
                       .idle = idle,
                       .on_news = [this] { news.release(); }});
  }

  static ledger::Frame frame(std::uint64_t batch) {
    ledger::testing::SeededRandom seeded(batch);
    auto key = ledger::default_suite().generate(seeded);
    const ledger::Verifier signer(ledger::default_suite(),
                                  ledger::agent_key_name("log.example", agent_id),
                                  (*key)->public_key());
    const std::string text =
        ledger::format_header({.agent = agent_id,
                               .incarnation = 1,
                               .batch = batch,
                               .sealed = ledger::Time(seconds(batch)),
                               .boot_id = "6f7b2f5e-0000-4000-8000-000000000001",
                               .next_key = (*key)->public_key()});
    return {.header = ledger::format_note(text, {*sign_line(signer, **key, text)}), .body = {}};
  }

  static Post post(std::uint64_t from, std::uint64_t to) {
    Post out;
    const auto hasher = ledger::default_suite().hasher();
    for (std::uint64_t batch = from; batch < to; ++batch) {
      const ledger::Frame made = frame(batch);
      REQUIRE(out.add(batch, hasher->leaf(made.header), {made.header, made.body}));
    }
    return out;
  }

  // Until `done`, at most ten seconds.
  template <typename Done>
  void wait(const Done& done) {
    while (!done()) {
      REQUIRE_MESSAGE(news.try_acquire_for(seconds(10)), last.error);
      last = shipper->report();
      receipted = std::max(receipted, last.receipted_below);
      witnessed = std::max(witnessed, last.witnessed_below);
    }
  }
  void wait_receipted(std::uint64_t below) {
    wait([&] { return receipted >= below; });
  }
};

TEST_CASE("Posts are receipted in order") {
  Harness harness;
  harness.shipper->give(Harness::post(0, 3));
  harness.wait([&] { return harness.shipper->has_room(); });
  harness.shipper->give(Harness::post(3, 5));
  harness.wait_receipted(5);
  CHECK(harness.collector.accepted().size() == 5);
  CHECK(!harness.last.checkpoint.empty());
  CHECK(harness.last.error.empty());
}

TEST_CASE("A post is sent again until it has its receipts, whatever went wrong") {
  Harness harness;
  const auto no_network = [](std::string_view) -> Result<PostAnswer> {
    return fail(ErrorKind::retry, "nobody answers there");
  };
  const auto status = [](long code) {
    return [code](std::string_view) -> Result<PostAnswer> { return PostAnswer{.status = code}; };
  };
  harness.collector.plan(no_network);
  harness.collector.plan(status(503));
  harness.collector.plan(status(400));
  harness.collector.plan([](std::string_view) -> Result<PostAnswer> {
    return PostAnswer{.status = 200, .body = "not an answer\n"};
  });
  // The collector took it, but its answer is lost: the receipt comes with the duplicate.
  harness.collector.plan([&](std::string_view bytes) -> Result<PostAnswer> {
    harness.collector.answer(bytes);
    return fail(ErrorKind::retry, "cut off");
  });
  harness.shipper->give(Harness::post(0, 2));
  harness.wait_receipted(2);
  CHECK(harness.collector.posts() == 6);
  CHECK(harness.collector.accepted().size() == 2);
  CHECK(harness.last.error.empty());
}

TEST_CASE("After half an answer only the rest is sent again") {
  Harness harness;
  harness.collector.plan([&](std::string_view bytes) -> Result<PostAnswer> {
    PostAnswer answer = harness.collector.answer(bytes);
    answer.body.erase(answer.body.find('\n') + 1);
    return answer;
  });
  std::size_t again = 0;
  harness.collector.plan([&](std::string_view bytes) -> Result<PostAnswer> {
    again = ledger::split_frames(bytes)->size();
    return harness.collector.answer(bytes);
  });
  harness.shipper->give(Harness::post(0, 4));
  harness.wait_receipted(4);
  CHECK(again == 3);
}

TEST_CASE(
    "When the collector expects an earlier batch, the owner is told and nothing else is sent") {
  Harness harness;
  harness.shipper->give(Harness::post(2, 4));
  harness.wait([&] { return harness.last.go_back.has_value(); });
  CHECK(harness.last.go_back == 0);
  harness.wait([&] { return harness.shipper->has_room() && harness.shipper->idle(); });
  harness.shipper->give(Harness::post(0, 4));
  harness.wait_receipted(4);
}

TEST_CASE("After a fork nothing is shipped any more") {
  Harness harness;
  harness.collector.plan([](std::string_view) -> Result<PostAnswer> {
    std::string body;
    ledger::append_answer(body, {.stream = ledger::stream_id(agent_id, 1),
                                 .batch = 0,
                                 .verdict = ledger::Verdict::fork,
                                 .problem = "other bytes are accepted"});
    return PostAnswer{.status = 200, .body = body};
  });
  harness.shipper->give(Harness::post(0, 1));
  harness.wait([&] { return harness.last.forked; });
  CHECK(!harness.shipper->has_room());
  CHECK(harness.shipper->report().forked);
}

TEST_CASE("An idle connection is given up") {
  Harness harness(milliseconds(1));
  harness.shipper->give(Harness::post(0, 1));
  harness.wait_receipted(1);
  const auto limit = std::chrono::steady_clock::now() + seconds(10);
  while (harness.uploader->dropped == 0 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
  CHECK(harness.uploader->dropped == 1);
}

TEST_CASE("Stopping does not wait for a collector that is away") {
  Harness harness;
  for (int i = 0; i < 1000; ++i) {
    harness.collector.plan([](std::string_view) -> Result<PostAnswer> {
      return PostAnswer{.status = 503, .retry_after = std::chrono::hours(1)};
    });
  }
  harness.shipper->give(Harness::post(0, 1));
  harness.wait([&] { return !harness.last.error.empty(); });
  CHECK(harness.last.retry_in >= std::chrono::hours(1));
  harness.shipper->stop();
  CHECK(harness.collector.posts() == 1);
}

TEST_CASE("Back-off is full jitter below a doubling ceiling with a cap") {
  const BackoffRules rules;
  std::uint64_t largest = 0;
  for (std::uint64_t attempt = 0; attempt < 40; ++attempt) {
    const auto ceiling =
        std::min<std::int64_t>(300'000, 1000LL << std::min<std::uint64_t>(attempt, 20));
    ledger::testing::SeededRandom random(attempt);
    for (int i = 0; i < 200; ++i) {
      const auto delay = backoff(attempt, ledger::random_below(random, 1ULL << 62), rules).count();
      REQUIRE(delay >= 0);
      REQUIRE(delay <= ceiling);
      largest = std::max(largest, static_cast<std::uint64_t>(delay));
    }
  }
  CHECK(largest > 290'000);
  CHECK(backoff(3, 8001 * 5, rules).count() == 0);
}

TEST_CASE("An agent that is refused says so and waits at least half the longest pause") {
  Harness harness;
  const auto refuse = [](std::string_view) -> Result<PostAnswer> {
    return PostAnswer{.status = 403, .body = R"({"detail":"this agent is retired"})"};
  };
  for (int i = 0; i < 10'000; ++i) harness.collector.plan(refuse);
  harness.shipper->give(Harness::post(0, 1));
  harness.wait([&] { return harness.last.retry_in.count() > 0; });
  CHECK(harness.last.refused);
  CHECK(harness.last.retry_in >= milliseconds(2));
  CHECK(harness.last.error.find("retired") != std::string::npos);
  harness.collector.recover();
  harness.wait_receipted(1);
  CHECK_FALSE(harness.last.refused);

  const BackoffRules rules;
  ledger::testing::SeededRandom random(1);
  milliseconds least = rules.cap;
  milliseconds most{0};
  for (int i = 0; i < 1000; ++i) {
    const auto pause = refused_pause(ledger::random_below(random, 1ULL << 62), rules);
    least = std::min(least, pause);
    most = std::max(most, pause);
  }
  CHECK(least >= rules.cap / 2);
  CHECK(least < rules.cap * 11 / 20);
  CHECK(most <= rules.cap);
  CHECK(most > rules.cap * 19 / 20);
}

TEST_CASE("A fleet that lost its collector for 72 hours comes back spread over minutes") {
  const BackoffRules rules;
  constexpr milliseconds outage = std::chrono::hours(72);
  std::map<std::int64_t, int> arrivals;  // by second behind the end of the outage
  for (std::uint64_t agent = 0; agent < 10'000; ++agent) {
    ledger::testing::SeededRandom random(agent);
    milliseconds now{};  // all lose it at once
    for (std::uint64_t attempt = 0; now < outage; ++attempt) {
      now += backoff(attempt, ledger::random_below(random, 1ULL << 62), rules);
    }
    ++arrivals[std::chrono::floor<seconds>(now - outage).count()];
  }
  int most = 0;
  for (const auto& [second, agents] : arrivals) most = std::max(most, agents);
  CHECK(most < 150);  // of 10 000; evenly over five minutes it would be 33, the law gives 67
  CHECK(arrivals.rbegin()->first <= 300);
}

TEST_CASE("A post takes as many frames as the wire allows") {
  Post post;
  const std::string header = "h";
  for (std::size_t i = 0; i < ledger::post_frames_max; ++i) {
    REQUIRE(post.add(i, {}, {.header = header, .body = {}}));
  }
  CHECK(!post.add(ledger::post_frames_max, {}, {.header = header, .body = {}}));
  Post large;
  const std::string body(post_bytes_aim, 'b');
  CHECK(large.add(0, {}, {.header = header, .body = body}));
  CHECK(!large.add(1, {}, {.header = header, .body = {}}));
}

TEST_CASE("Witnesses are asked for behind the posts, and only a good answer counts") {
  Harness harness;
  harness.shipper->give(Harness::post(0, 3));
  harness.wait_receipted(3);
  const auto hasher = ledger::default_suite().hasher();
  const WitnessQuestion question{.batch = 2, .leaf = hasher->leaf(Harness::frame(2).header)};
  std::string problem;
  const auto ask = [&](const WitnessQuestion& about) {
    harness.witnessed = 0;
    harness.shipper->ask_witnessed(about);
    harness.wait([&] { return harness.shipper->idle(); });
    const ShipReport rest = harness.shipper->report();
    problem = rest.witness_problem;
    return std::max(harness.witnessed, rest.witnessed_below);
  };
  CHECK(ask(question) == 0);
  CHECK(problem.empty());  // witnesses only take their time
  harness.collector.witness(3);
  CHECK(ask(question) == 3);
  CHECK(ask({.batch = 2, .leaf = hasher->leaf("another")}) == 0);
  CHECK(problem.find("does not verify") != std::string::npos);
  CHECK(ask({.batch = 7, .leaf = question.leaf}) == 0);
  CHECK(problem.find("no longer knows") != std::string::npos);
  CHECK(harness.collector.questions() == 4);
}

}  // namespace
}  // namespace yunjian::agent
