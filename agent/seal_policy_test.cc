#include "agent/seal_policy.h"

#include <doctest/doctest.h>

namespace yunjian::agent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// 2026-11-22T08:00:00Z, so that minutes begin where the test says.
const ledger::Time day = ledger::Time(seconds(1'795'334'400));

Moment at(milliseconds since) { return {.wall = day + since, .boot = hours(1) + since}; }
Waiting events(std::uint64_t count, milliseconds first) {
  return {.events = count, .first_event = hours(1) + first};
}

SealDecision decide_and_note(SealPolicy& policy, const Waiting& waiting, Moment now) {
  const SealDecision decision = policy.decide(waiting, now);
  if (decision.reason != SealReason::none) policy.sealed(decision, now);
  return decision;
}

TEST_CASE("A host seals at its own second of every minute") {
  SealPolicy policy(17, at(seconds(0)));
  CHECK(policy.decide({}, at(seconds(0))).wait == seconds(17));
  CHECK(policy.decide({}, at(seconds(16))).reason == SealReason::none);
  for (int minute = 0; minute < 5; ++minute) {
    const auto due = at(minutes(minute) + seconds(17));
    const SealDecision decision = decide_and_note(policy, {}, due);
    CHECK(decision.reason == SealReason::minute);
    CHECK(decision.skipped == 0);
    CHECK(policy.decide({}, due).wait == minutes(1));
  }
}

TEST_CASE("The own second is spread over the minute and fixed for an agent") {
  CHECK(own_second("00112233445566778899aabbccddeeff") ==
        own_second("00112233445566778899aabbccddeeff"));
  std::vector<bool> seen(60);
  for (int i = 0; i < 2000; ++i) seen.at(own_second(std::to_string(i))) = true;
  CHECK(std::count(seen.begin(), seen.end(), true) == 60);
}

TEST_CASE("When events are sealed") {
  struct Row {
    const char* title;
    std::uint64_t waiting;
    milliseconds age;
    bool tokens;
    SealReason reason;
    milliseconds wait;
  };
  const Row rows[] = {
      {"one event waits two seconds", 1, seconds(0), true, SealReason::none, seconds(2)},
      {"then a token lets it go", 1, seconds(2), true, SealReason::events, {}},
      {"without a token it waits for the minute or a token", 1, seconds(2), false, SealReason::none,
       seconds(28)},
      {"64 need no token", 64, seconds(2), false, SealReason::events, {}},
      {"but the two seconds", 64, milliseconds(1999), false, SealReason::none, milliseconds(1)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.title);
    SealPolicy policy(30, at(seconds(0)), {.tokens_max = row.tokens ? 30U : 0U});
    const SealDecision decision = policy.decide(events(row.waiting, milliseconds(0)), at(row.age));
    CHECK(decision.reason == row.reason);
    CHECK(decision.wait == row.wait);
    CHECK(decision.takes_token == (row.reason == SealReason::events && row.waiting < 64));
  }
}

TEST_CASE("Thirty tokens, and one comes back every two minutes") {
  SealPolicy policy(59, at(seconds(0)), {.event_delay = milliseconds(0)});
  int sealed = 0;
  for (int i = 0; i < 50; ++i) {
    sealed +=
        decide_and_note(policy, events(1, seconds(0)), at(seconds(1))).reason == SealReason::events;
  }
  CHECK(sealed == 30);
  int more = 0;
  for (int second = 2; second <= 3600; ++second) {
    more += decide_and_note(policy, events(1, seconds(second)), at(seconds(second))).reason ==
            SealReason::events;
  }
  CHECK(more == 29);
}

TEST_CASE("A full batch is sealed at once") {
  const SealPolicy policy(30, at(seconds(0)));
  CHECK(policy.decide({.full = true}, at(seconds(0))).reason == SealReason::full);
}

TEST_CASE("The rest of what filled a batch follows when nothing more comes") {
  SealPolicy policy(30, at(seconds(0)));
  const auto rest = [](std::uint64_t count) {
    Waiting waiting = events(count, milliseconds(100));
    waiting.last_event = hours(1) + milliseconds(300);
    return waiting;
  };
  CHECK(policy.decide(rest(64), at(milliseconds(500))).wait == milliseconds(1600));
  policy.sealed({.reason = SealReason::full}, at(milliseconds(100)));
  CHECK(policy.decide(rest(64), at(milliseconds(499))).wait == milliseconds(1));
  CHECK(policy.decide(rest(63), at(milliseconds(500))).wait == milliseconds(1600));
  const SealDecision decision = decide_and_note(policy, rest(64), at(milliseconds(500)));
  CHECK(decision.reason == SealReason::events);
  CHECK_FALSE(decision.takes_token);
  CHECK(policy.decide(rest(64), at(milliseconds(501))).wait == milliseconds(1599));
}

TEST_CASE("Heartbeats missed while the host was suspended are counted") {
  SealPolicy policy(0, at(milliseconds(1)));
  CHECK(decide_and_note(policy, {}, at(minutes(1))).skipped == 0);
  CHECK(decide_and_note(policy, {}, at(minutes(11))).skipped == 9);
  CHECK(decide_and_note(policy, {}, at(minutes(12))).skipped == 0);
}

TEST_CASE("A wall clock that steps or stands still does not stop the heartbeat") {
  for (const hours step : {hours(-87600), hours(-1), hours(1), hours(87600)}) {
    CAPTURE(step.count());
    SealPolicy policy(20, at(seconds(0)));
    decide_and_note(policy, {}, at(seconds(20)));
    Moment now = at(seconds(40));
    now.wall += step;
    int sealed = 0;
    for (int second = 40; second < 40 + 600; ++second) {
      sealed += decide_and_note(policy, {}, now).reason == SealReason::minute;
      now.wall += seconds(1);
      now.boot += seconds(1);
    }
    CHECK(sealed >= 10);
    CHECK(sealed <= 11);
  }
  SealPolicy policy(20, at(seconds(0)));
  Moment frozen = at(seconds(1));
  int sealed = 0;
  for (int second = 1; second <= 610; ++second) {
    sealed += decide_and_note(policy, {}, frozen).reason == SealReason::minute;
    frozen.boot += seconds(1);
  }
  CHECK(sealed >= 9);
}

}  // namespace
}  // namespace yunjian::agent
