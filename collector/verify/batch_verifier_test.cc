#include "collector/verify/batch_verifier.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>

#include "collector/store/testing/log_kit.h"
#include "ledger/checkpoint.h"
#include "ledger/leaves.h"

namespace yunjian::collector {
namespace {

using ledger::Answer;
using ledger::Frame;
using ledger::FrameRef;
using ledger::Verdict;
using testing::event_lines;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;

const std::string agent_a(32, 'a');
const std::string agent_b(32, 'b');

struct BatchVerifierFixture {
  TestLog log;
  TestAgent agent{agent_a, 1, 1};
  std::unique_ptr<BatchVerifier> verifier;

  BatchVerifierFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    REQUIRE(log.enrol(agent, "tax", "web-01"));
    verifier = std::make_unique<BatchVerifier>(*log, log.clock);
  }
  void reopen() {
    verifier.reset();
    REQUIRE(log.open());
    verifier = std::make_unique<BatchVerifier>(*log, log.clock);
  }
  std::vector<Answer> post(const std::vector<Frame>& frames, std::string_view peer = agent_a) {
    std::vector<FrameRef> refs;
    for (const Frame& frame : frames) refs.push_back({frame.header, frame.body});
    auto answers = verifier->answer(refs, peer);
    REQUIRE(answers);
    REQUIRE(answers->size() == frames.size());
    return *answers;
  }
  Answer post_one(const Frame& frame, std::string_view peer = agent_a) {
    return post({frame}, peer).front();
  }
  // The receipt proves this very header.
  void check_receipt(const Answer& answer, const Frame& frame) {
    const ledger::Hash hash = ledger::default_suite().hasher()->leaf(frame.header);
    CHECK(ledger::verify_receipt(answer.receipt, log->verifier(), hash));
  }
  std::uint64_t next_batch() { return log->stream(agent.stream())->next_batch; }
  Frame three() { return agent.seal(event_lines(test_start, 3)); }
};

Frame without_body(Frame frame) {
  frame.body.clear();
  return frame;
}

TEST_CASE("the next batch is accepted with a receipt for its very header") {
  BatchVerifierFixture fixture;
  const Frame frame = fixture.three();
  const Answer answer = fixture.post_one(frame);
  CHECK(answer.verdict == Verdict::accepted);
  CHECK(answer.stream == fixture.agent.stream());
  CHECK(answer.batch == 0);
  fixture.check_receipt(answer, frame);
  CHECK(fixture.log->batch(fixture.agent.stream(), 0)->frame.body == frame.body);
  CHECK(fixture.verifier->counters().accepted == 1);
  CHECK(fixture.verifier->counters().records == 3);
}

TEST_CASE("several batches of one post are accepted in order, receipts in one checkpoint") {
  BatchVerifierFixture fixture;
  const std::vector<Frame> frames = {fixture.three(), fixture.three(), fixture.three()};
  const std::vector<Answer> answers = fixture.post(frames);
  std::string checkpoint;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    CHECK(answers[i].verdict == Verdict::accepted);
    CHECK(answers[i].batch == i);
    fixture.check_receipt(answers[i], frames[i]);
    const auto proof = ledger::parse_tlog_proof(answers[i].receipt);
    REQUIRE(proof);
    if (!checkpoint.empty()) CHECK(proof->checkpoint == checkpoint);
    checkpoint = proof->checkpoint;
  }
}

TEST_CASE("the bodies of a post are decoded up to a budget, the rest is sent again") {
  BatchVerifierFixture fixture;
  // About 1 MiB each that make less than a hundredth of it on the wire.
  const std::vector<std::string> lines(16, std::string(65'000, 'x'));
  const std::size_t fit = post_decoded_bytes_max / (16 * 65'001 - 1) + 1;
  std::vector<Frame> frames;
  for (std::size_t i = 0; i < fit + 2; ++i) frames.push_back(fixture.agent.seal(lines));
  const std::vector<Answer> answers = fixture.post(frames);
  for (std::size_t i = 0; i < fit; ++i) CHECK(answers[i].verdict == Verdict::accepted);
  for (std::size_t i = fit; i < frames.size(); ++i) {
    CHECK(answers[i].verdict == Verdict::refused);
    CHECK(answers[i].problem.find("decode to more than 128 MiB") != std::string::npos);
  }
  CHECK(fixture.verifier->counters().refused_body == 2);
  CHECK(fixture.post_one(frames[fit]).verdict == Verdict::accepted);
}

TEST_CASE("bodies that do not decode take from the budget too") {
  BatchVerifierFixture fixture;
  const Frame good = fixture.three();
  std::vector<Frame> frames(40, good);
  for (Frame& frame : frames) frame.body = std::string(100, 'x');
  const std::vector<Answer> answers = fixture.post(frames);
  CHECK(answers.front().problem.find("not a zstd frame") != std::string::npos);
  CHECK(answers.back().problem.find("decode to more than") != std::string::npos);
  CHECK(fixture.post_one(good).verdict == Verdict::accepted);
}

TEST_CASE("a batch without records is accepted, and refused with a wrong root or a body") {
  BatchVerifierFixture fixture;
  const Frame wrong_root =
      fixture.agent.seal_changed({}, [](ledger::BatchHeader& header) { header.root.fill(1); });
  CHECK(fixture.post_one(wrong_root).verdict == Verdict::refused);
  Frame with_body = fixture.agent.seal_here({});
  with_body.body = fixture.agent.seal_here({"x"}).body;
  CHECK(fixture.post_one(with_body).verdict == Verdict::refused);
  CHECK(fixture.verifier->counters().refused_body == 2);
  const Frame frame = fixture.agent.seal({});
  CHECK(fixture.post_one(frame).verdict == Verdict::accepted);
  CHECK(fixture.log->stream(fixture.agent.stream())->hollow == 0);
}

TEST_CASE("records that are no records are no reason to refuse") {
  BatchVerifierFixture fixture;
  const Frame frame =
      fixture.agent.seal({"not json", R"({"b":1,"a":[2]})", std::string("\0\xff", 2)});
  CHECK(fixture.post_one(frame).verdict == Verdict::accepted);
}

TEST_CASE("a batch whose body was dropped is accepted hollow, and its body fills it later") {
  BatchVerifierFixture fixture;
  const Frame frame = fixture.three();
  const Answer hollow = fixture.post_one(without_body(frame));
  CHECK(hollow.verdict == Verdict::accepted);
  fixture.check_receipt(hollow, frame);
  CHECK(fixture.log->stream(fixture.agent.stream())->hollow == 1);
  CHECK(fixture.verifier->counters().hollow == 1);

  Frame other_body = frame;
  other_body.body = fixture.agent.seal_here({"something else"}).body;
  CHECK(fixture.post_one(other_body).verdict == Verdict::duplicate);
  CHECK(fixture.log->stream(fixture.agent.stream())->hollow == 1);

  const Answer filled = fixture.post_one(frame);
  CHECK(filled.verdict == Verdict::duplicate);
  fixture.check_receipt(filled, frame);
  CHECK(fixture.log->stream(fixture.agent.stream())->hollow == 0);
  CHECK(fixture.verifier->counters().filled == 1);
  fixture.reopen();
  CHECK(fixture.log->batch(fixture.agent.stream(), 0)->frame.body == frame.body);
}

TEST_CASE("a body that cannot be decoded or does not match is refused and may be sent again") {
  BatchVerifierFixture fixture;
  const Frame frame = fixture.three();
  Frame garbled = frame;
  garbled.body[garbled.body.size() / 2] ^= 1;
  Frame other = frame;
  other.body = fixture.agent.seal_here(event_lines(test_start, 3, "forged")).body;
  Frame shorter = frame;
  shorter.body = fixture.agent.seal_here(event_lines(test_start, 2)).body;
  for (const Frame& bad : {garbled, other, shorter}) {
    const Answer answer = fixture.post_one(bad);
    CHECK(answer.verdict == Verdict::refused);
    CHECK(answer.problem.find("send the batch again") != std::string::npos);
  }
  CHECK(fixture.verifier->counters().refused_body == 3);
  CHECK(fixture.log->stream(fixture.agent.stream())->forks == 0);
  CHECK(fixture.log->size() == 2);
  CHECK(fixture.post_one(frame).verdict == Verdict::accepted);
}

TEST_CASE("a batch that comes again is a duplicate with a receipt, also within one post") {
  BatchVerifierFixture fixture;
  const Frame frame = fixture.three();
  const std::vector<Answer> twice = fixture.post({frame, frame});
  CHECK(twice[0].verdict == Verdict::accepted);
  CHECK(twice[1].verdict == Verdict::duplicate);
  fixture.check_receipt(twice[1], frame);
  const Frame second = fixture.three();
  CHECK(fixture.post_one(second).verdict == Verdict::accepted);
  fixture.reopen();
  for (const Frame& again : {frame, second}) {
    const Answer answer = fixture.post_one(again);
    CHECK(answer.verdict == Verdict::duplicate);
    fixture.check_receipt(answer, again);
  }
  CHECK(fixture.log->size() == 4);
}

TEST_CASE("a batch too far ahead is answered with the expected one") {
  BatchVerifierFixture fixture;
  const Frame first = fixture.three();
  const Frame second = fixture.three();
  const Frame third = fixture.three();
  Answer answer = fixture.post_one(third);
  CHECK(answer.verdict == Verdict::expected);
  CHECK(answer.expected == 0);
  const std::vector<Answer> answers = fixture.post({first, third, second});
  CHECK(answers[0].verdict == Verdict::accepted);
  CHECK(answers[1].verdict == Verdict::expected);
  CHECK(answers[1].expected == 1);
  CHECK(answers[2].verdict == Verdict::accepted);
  CHECK(fixture.verifier->counters().expected == 2);
}

void check_fork_kept(BatchVerifierFixture& fixture, const Frame& refused, std::uint64_t leaf) {
  const auto bytes = fixture.log->leaf(leaf);
  REQUIRE(bytes);
  const auto note = ledger::open_note(*bytes, {fixture.log->verifier()});
  REQUIRE(note);
  const auto fork = ledger::parse_fork(note->text);
  REQUIRE(fork);
  CHECK(fork->refused == refused.header);
  CHECK(fork->agent == agent_a);
  CHECK(fork->body.has_value() == !refused.body.empty());
}

TEST_CASE("another header for a taken number by the right key is a fork, kept once with its body") {
  BatchVerifierFixture fixture;
  const Frame forged_first = fixture.agent.seal_here(event_lines(test_start, 1, "forged"));
  const Frame first = fixture.three();
  const Frame forged_second = fixture.agent.seal_here(event_lines(test_start, 1, "forged"));
  const Frame second = fixture.three();
  fixture.post({first, second});

  std::uint64_t leaf = 4;
  for (const Frame& forged : {forged_first, forged_second}) {
    const Answer answer = fixture.post_one(forged);
    CHECK(answer.verdict == Verdict::fork);
    CHECK_FALSE(answer.problem.empty());
    CHECK(answer.receipt.empty());
    check_fork_kept(fixture, forged, leaf++);
    CHECK(fixture.post_one(forged).verdict == Verdict::fork);
    CHECK(fixture.log->size() == leaf);
  }
  fixture.reopen();
  CHECK(fixture.post({forged_second, forged_second})[1].verdict == Verdict::fork);
  CHECK(fixture.log->size() == leaf);
  CHECK(fixture.log->stream(fixture.agent.stream())->forks == 2);
  CHECK(fixture.log->stream(fixture.agent.stream())->fork_bodies == 2);
  CHECK(fixture.post_one(fixture.three()).verdict == Verdict::accepted);
}

TEST_CASE("the next number by the right key but behind another history is a fork") {
  BatchVerifierFixture fixture;
  fixture.post_one(fixture.three());
  const Frame elsewhere = fixture.agent.seal_changed(
      event_lines(test_start, 1), [](ledger::BatchHeader& header) { header.previous.fill(9); });
  CHECK(fixture.post_one(elsewhere).verdict == Verdict::fork);
  check_fork_kept(fixture, elsewhere, 3);
  CHECK(fixture.next_batch() == 1);
}

TEST_CASE("a fork of a batch of the same post is a fork") {
  BatchVerifierFixture fixture;
  const Frame forged = fixture.agent.seal_here(event_lines(test_start, 1, "forged"));
  const Frame first = fixture.three();
  const Frame later_forged = fixture.agent.seal_here(event_lines(test_start, 1, "forged"));
  const Frame second = fixture.three();
  const std::vector<Answer> answers = fixture.post({first, forged, forged, second, later_forged});
  CHECK(answers[0].verdict == Verdict::accepted);
  CHECK(answers[1].verdict == Verdict::fork);
  CHECK(answers[2].verdict == Verdict::fork);
  CHECK(answers[3].verdict == Verdict::accepted);
  CHECK(answers[4].verdict == Verdict::fork);
  CHECK(fixture.log->stream(fixture.agent.stream())->forks == 2);
}

TEST_CASE("at most sixteen fork bodies of an incarnation are kept, the refused headers go on") {
  BatchVerifierFixture fixture;
  std::vector<Frame> forged;
  for (int i = 0; i < 20; ++i) {
    forged.push_back(
        fixture.agent.seal_here(event_lines(test_start, 1, "forged" + std::to_string(i))));
  }
  fixture.post_one(fixture.three());
  for (const Frame& frame : forged) CHECK(fixture.post_one(frame).verdict == Verdict::fork);
  const auto state = fixture.log->stream(fixture.agent.stream());
  CHECK(state->forks == 20);
  CHECK(state->fork_bodies == fork_bodies_max);
}

TEST_CASE("a bad signature is refused, counted, and leaves nothing") {
  BatchVerifierFixture fixture;
  TestAgent impostor(agent_a, 1, 99);  // other keys, the same name
  impostor.enrol("tax", "web-01");
  const Frame forged = impostor.seal(event_lines(test_start, 1));
  CHECK(fixture.post_one(forged).verdict == Verdict::refused);
  fixture.post_one(fixture.three());
  CHECK(fixture.post_one(forged).verdict == Verdict::refused);
  CHECK(fixture.verifier->counters().refused_key == 2);
  CHECK(fixture.log->size() == 3);
  CHECK(fixture.log->stream(fixture.agent.stream())->forks == 0);
}

TEST_CASE("a key that is past its batch signs nothing any more") {
  BatchVerifierFixture fixture;
  fixture.post_one(fixture.three());
  // Number 1 signed by the key of number 0: what an intruder with an old key could make.
  TestAgent stale(agent_a, 1, 1);
  stale.enrol("tax", "web-01");
  const Frame forged = stale.seal_changed(event_lines(test_start, 1),
                                          [](ledger::BatchHeader& header) { header.batch = 1; });
  CHECK(fixture.post_one(forged).verdict == Verdict::refused);
  CHECK(fixture.verifier->counters().refused_key == 1);
}

TEST_CASE("a certificate of another agent is refused, counted, and leaves nothing") {
  BatchVerifierFixture fixture;
  const Answer answer = fixture.post_one(fixture.three(), agent_b);
  CHECK(answer.verdict == Verdict::refused);
  CHECK(answer.problem.find("certificate") != std::string::npos);
  CHECK(fixture.verifier->counters().refused_agent == 1);
  CHECK(fixture.log->size() == 2);
}

TEST_CASE("a stream that is not enrolled is refused and says so") {
  BatchVerifierFixture fixture;
  TestAgent stranger(agent_b, 1, 2);
  stranger.enrol("tax", "web-02");
  const Answer answer = fixture.post_one(stranger.seal({"x"}), agent_b);
  CHECK(answer.verdict == Verdict::refused);
  CHECK(answer.problem.find("not enrolled here") != std::string::npos);
  CHECK(fixture.verifier->counters().refused_stream == 1);
}

TEST_CASE("bytes that are no header are refused, the other frames of the post are judged") {
  BatchVerifierFixture fixture;
  const Frame good = fixture.three();
  const std::vector<Answer> answers = fixture.post({{"nonsense", ""}, good});
  CHECK(answers[0].verdict == Verdict::refused);
  CHECK(answers[1].verdict == Verdict::accepted);
  CHECK(fixture.verifier->counters().refused_header == 1);
}

TEST_CASE("records that do not follow the batch before are refused") {
  BatchVerifierFixture fixture;
  fixture.post_one(fixture.three());
  const auto with = [&](std::uint64_t first, std::uint64_t records) {
    return fixture.agent.seal_changed(event_lines(test_start, 1), [&](ledger::BatchHeader& header) {
      header.first_record = first;
      header.records = records;
    });
  };
  CHECK(fixture.post_one(with(2, 1)).verdict == Verdict::refused);
  CHECK(fixture.post_one(with(4, 1)).verdict == Verdict::refused);
  CHECK(fixture.post_one(without_body(with(3, 4097))).verdict == Verdict::refused);
  CHECK(fixture.verifier->counters().refused_sequence == 3);
  CHECK(fixture.post_one(with(3, 1)).verdict == Verdict::accepted);
}

TEST_CASE("two incarnations in one post are judged each by its own stream") {
  BatchVerifierFixture fixture;
  TestAgent next = fixture.agent.next_incarnation(3);
  REQUIRE(fixture.log.enrol(next, "tax", "web-01"));
  const std::vector<Answer> answers =
      fixture.post({fixture.three(), next.seal({"x"}), fixture.three()});
  for (const Answer& answer : answers) CHECK(answer.verdict == Verdict::accepted);
  CHECK(answers[1].stream == next.stream());
}

TEST_CASE("posts that race for one stream accept each batch exactly once") {
  BatchVerifierFixture fixture;
  constexpr int batches = 60;
  constexpr int racers = 4;
  std::vector<Frame> frames;
  for (int i = 0; i < batches; ++i) frames.push_back(fixture.three());
  std::atomic<int> accepted{0};
  std::atomic<int> wrong{0};
  const auto race = [&] {
    for (const Frame& frame : frames) {
      const std::vector<FrameRef> refs = {{frame.header, frame.body}};
      const auto answers = fixture.verifier->answer(refs, agent_a);
      if (!answers) {
        ++wrong;
        return;
      }
      const Answer& answer = answers->front();
      if (answer.verdict == Verdict::accepted) {
        ++accepted;
      } else if (answer.verdict != Verdict::duplicate) {
        ++wrong;
      }
      const ledger::Hash hash = ledger::default_suite().hasher()->leaf(frame.header);
      if (!ledger::verify_receipt(answer.receipt, fixture.log->verifier(), hash)) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < racers; ++i) threads.emplace_back(race);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(accepted == batches);
  CHECK(fixture.next_batch() == batches);
  CHECK(fixture.log->size() == 2 + batches);
}

TEST_CASE("two histories that race for one number: one is accepted, the other a fork") {
  for (int round = 0; round < 20; ++round) {
    BatchVerifierFixture fixture;
    const Frame left = fixture.agent.seal_here(event_lines(test_start, 2, "left"));
    const Frame right = fixture.agent.seal_here(event_lines(test_start, 2, "right"));
    const auto post = [&](const Frame& frame) {
      const std::vector<FrameRef> refs = {{frame.header, frame.body}};
      return fixture.verifier->answer(refs, agent_a)->front().verdict;
    };
    auto other = std::async(std::launch::async, [&] { return post(right); });
    const Verdict here = post(left);
    const Verdict there = other.get();
    CHECK(((here == Verdict::accepted && there == Verdict::fork) ||
           (here == Verdict::fork && there == Verdict::accepted)));
    CHECK(fixture.log->size() == 4);
  }
}

TEST_CASE("many agents at once are committed in shared groups") {
  BatchVerifierFixture fixture;
  constexpr int agents = 8;
  constexpr int batches = 30;
  std::vector<TestAgent> fleet;
  for (int i = 0; i < agents; ++i) {
    fleet.emplace_back(std::string(31, 'c') + std::to_string(i), 1, 10 + i);
    REQUIRE(fixture.log.enrol(fleet.back(), "tax", "web-1" + std::to_string(i)));
  }
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (TestAgent& agent : fleet) {
    threads.emplace_back([&] {
      for (int i = 0; i < batches; ++i) {
        const Frame frame = agent.seal(event_lines(test_start, 2));
        const std::vector<FrameRef> refs = {{frame.header, frame.body}};
        const auto answers = fixture.verifier->answer(refs, agent.id());
        if (answers && answers->front().verdict == Verdict::accepted) ++accepted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(accepted == agents * batches);
  fixture.reopen();
  for (const TestAgent& agent : fleet) {
    CHECK(fixture.log->stream(agent.stream())->next_batch == batches);
  }
}

TEST_CASE("a failed fsync answers nobody, tells the process once and refuses everything after") {
  BatchVerifierFixture fixture;
  fixture.post_one(fixture.three());
  fixture.log.files.fail_nth(2, ledger::testing::Fault::fail);  // append, then the fsync
  const Frame frame = fixture.three();
  const std::vector<FrameRef> refs = {{frame.header, frame.body}};
  const auto failed = fixture.verifier->answer(refs, agent_a);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ledger::ErrorKind::fatal);
  CHECK_FALSE(fixture.verifier->answer(refs, agent_a));
  CHECK(fixture.log.fatal == 1);
  CHECK(fixture.log->stats().failed);
  CHECK(fixture.log->size() == 3);
  fixture.log.files.crash();
  fixture.reopen();
  CHECK(fixture.post_one(frame).verdict == Verdict::accepted);
}

}  // namespace
}  // namespace yunjian::collector
