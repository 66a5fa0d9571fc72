#include "agent/ship/answers.h"

#include <doctest/doctest.h>

#include "agent/ship/testing/small_log.h"

namespace yunjian::agent {
namespace {

using ledger::Verdict;
using testing::SmallLog;

constexpr const char* stream = "00112233445566778899aabbccddeeff.1";

struct Exchange {
  SmallLog log;
  Post post;
  std::string ndjson;

  void sends(std::uint64_t batch) {
    const std::string header = "header " + std::to_string(batch);
    post.add(batch, log.hasher->leaf(header), {.header = header, .body = "body"});
  }
  void answers(std::uint64_t batch, Verdict verdict, const std::string& receipt) {
    ledger::append_answer(
        ndjson, {.stream = stream, .batch = batch, .verdict = verdict, .receipt = receipt});
  }
  AnswerReading read(ReceiptBook& book) {
    return read_answer(post.places(), stream, {.status = 200, .body = ndjson}, book);
  }
};

TEST_CASE("Accepted and duplicate frames count only with a receipt that proves their header") {
  Exchange exchange;
  for (std::uint64_t batch = 0; batch < 3; ++batch) exchange.sends(batch);
  for (const auto& place : exchange.post.places()) exchange.log.append(place.leaf);
  exchange.answers(0, Verdict::accepted, exchange.log.receipt(0));
  exchange.answers(1, Verdict::duplicate, exchange.log.receipt(1));
  exchange.answers(2, Verdict::accepted, exchange.log.receipt(1));  // of another leaf
  ReceiptBook book(exchange.log.verifier());
  const AnswerReading reading = exchange.read(book);
  CHECK(reading.receipted == 2);
  CHECK(reading.problem.find("does not verify") != std::string::npos);
  CHECK(!reading.forked);
  CHECK(book.checkpoint() == exchange.log.checkpoint());
}

TEST_CASE("A receipt by another key is no receipt") {
  Exchange exchange;
  exchange.sends(0);
  exchange.log.append(exchange.post.places()[0].leaf);
  exchange.answers(0, Verdict::accepted, exchange.log.receipt(0));
  ReceiptBook book(SmallLog(99).verifier());
  CHECK(exchange.read(book).receipted == 0);
}

TEST_CASE("A log that went back frees nothing") {
  SmallLog log;
  const ledger::Hash first = log.hasher->leaf("a");
  log.append(first);
  const std::string early = log.receipt(0);
  log.append(log.hasher->leaf("b"));
  ReceiptBook book(log.verifier());
  REQUIRE(book.check(log.receipt(0), first));
  const auto back = book.check(early, first);
  REQUIRE(!back);
  CHECK(back.error().message.find("contradicts") != std::string::npos);

  SUBCASE("also after a restart that kept the checkpoint") {
    ReceiptBook later(log.verifier());
    REQUIRE(later.restore(book.checkpoint()));
    CHECK(!later.check(early, first));
    CHECK(later.check(log.receipt(0), first));
  }
}

TEST_CASE("Two logs of one size and key frees nothing") {
  SmallLog one;
  SmallLog other;
  const ledger::Hash leaf = one.hasher->leaf("a");
  one.append(leaf);
  one.append(one.hasher->leaf("b"));
  other.append(leaf);
  other.append(one.hasher->leaf("c"));
  ReceiptBook book(one.verifier());
  REQUIRE(book.check(one.receipt(0), leaf));
  CHECK(!book.check(other.receipt(0), leaf));
}

TEST_CASE("A refusal for two histories hands over both notes, once") {
  SmallLog one;
  SmallLog other;
  const ledger::Hash leaf = one.hasher->leaf("a");
  one.append(leaf);
  other.append(leaf);
  one.append(one.hasher->leaf("b"));
  other.append(one.hasher->leaf("c"));
  ReceiptBook book(one.verifier());
  REQUIRE(book.check(one.receipt(0), leaf));
  CHECK(!book.take_contradiction());
  CHECK(!book.check(other.receipt(0), leaf));
  const auto found = book.take_contradiction();
  REQUIRE(found);
  CHECK(found->before == one.checkpoint());
  CHECK(found->after == other.checkpoint());
  CHECK(!book.take_contradiction());
  SmallLog stranger(99);
  stranger.append(leaf);
  CHECK(!book.check(stranger.receipt(0), leaf));
  CHECK(!book.take_contradiction());  // nobody signed two histories
}

TEST_CASE("Only as many cosignatures as the quorum wants make a receipt witnessed") {
  SmallLog log;
  const testing::SmallWitness a(1);
  const testing::SmallWitness b(2);
  const testing::SmallWitness stranger(3);
  const ledger::Hash leaf = log.hasher->leaf("a");
  log.append(leaf);
  log.append(log.hasher->leaf("b"));
  ReceiptBook book(log.verifier(), {.keys = {a.verifier(), b.verifier()}, .quorum = 2});
  REQUIRE(book.check(log.receipt(0), leaf));
  CHECK(book.check_witnessed(log.receipt_of(0, 2, {&a, &b}), leaf));
  CHECK(book.check_witnessed(log.receipt_of(0, 1, {&b, &a, &stranger}), leaf));  // an older tree
  CHECK(!book.check_witnessed(log.receipt(0), leaf));
  CHECK(!book.check_witnessed(log.receipt_of(0, 2, {&a}), leaf));
  CHECK(!book.check_witnessed(log.receipt_of(0, 2, {&a, &a}), leaf));
  CHECK(!book.check_witnessed(log.receipt_of(0, 2, {&a, &stranger}), leaf));
  CHECK(!book.check_witnessed(log.receipt_of(1, 2, {&a, &b}), leaf));  // of another leaf

  SUBCASE("and a cosigned tree that contradicts is a contradiction") {
    SmallLog other;
    other.append(leaf);
    other.append(log.hasher->leaf("c"));
    CHECK(!book.check_witnessed(other.receipt_of(0, 2, {&a, &b}), leaf));
    REQUIRE(book.take_contradiction());
  }
}

TEST_CASE("What the other verdicts mean") {
  Exchange exchange;
  exchange.sends(7);
  ReceiptBook book(exchange.log.verifier());
  const auto read = [&](ledger::Answer answer) {
    answer.stream = stream;
    answer.batch = 7;
    exchange.ndjson.clear();
    ledger::append_answer(exchange.ndjson, answer);
    return exchange.read(book);
  };
  CHECK(read({.verdict = Verdict::fork, .problem = "other bytes"}).forked);
  CHECK(read({.verdict = Verdict::expected, .expected = 3}).go_back == 3);
  // Asking for what was just sent would go on for ever.
  CHECK(!read({.verdict = Verdict::expected, .expected = 7}).go_back);
  const AnswerReading refused = read({.verdict = Verdict::refused, .problem = "bad body"});
  CHECK(refused.problem.find("bad body") != std::string::npos);
  CHECK(refused.receipted == 0);
}

TEST_CASE("Answers for other batches or too few of them are not taken") {
  Exchange exchange;
  exchange.sends(0);
  exchange.sends(1);
  for (const auto& place : exchange.post.places()) exchange.log.append(place.leaf);
  exchange.answers(0, Verdict::accepted, exchange.log.receipt(0));
  ReceiptBook book(exchange.log.verifier());
  CHECK(exchange.read(book).receipted == 1);
  CHECK(!exchange.read(book).problem.empty());
  exchange.answers(5, Verdict::accepted, exchange.log.receipt(1));
  CHECK(exchange.read(book).receipted == 1);
}

TEST_CASE("A status that is not 200 frees nothing and says what to do") {
  Exchange exchange;
  exchange.sends(0);
  ReceiptBook book(exchange.log.verifier());
  const auto read = [&](long status) {
    return read_answer(exchange.post.places(), stream,
                       {.status = status, .body = "{}", .retry_after = std::chrono::seconds(7)},
                       book);
  };
  CHECK(read(503).retry_after == std::chrono::seconds(7));
  CHECK(read(403).problem.find("enrol again") != std::string::npos);
  CHECK(read(403).refused);
  CHECK_FALSE(read(503).refused);
  CHECK(read(500).receipted == 0);
}

}  // namespace
}  // namespace yunjian::agent
