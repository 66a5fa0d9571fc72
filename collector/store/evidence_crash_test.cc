// Every changing call to the file system fails once, in every way it can, and the power goes off
// behind it. What was acknowledged must be there, what was signed must stay a prefix.
#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <thread>

#include "collector/store/testing/log_kit.h"
#include "ledger/checkpoint.h"

namespace yunjian::collector {
namespace {

using ledger::Frame;
using ledger::testing::Fault;
using testing::batch_entry;
using testing::event_lines;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;

constexpr std::uint64_t small_segments = 6000;  // a few commits each

// What is committed, made once: the same in every run.
struct Script {
  TestAgent own{std::string(32, '0'), 1, 1000};
  std::string leaf0;
  std::string enrolment;
  std::vector<Frame> frames;       // batches 0 … of one stream
  std::vector<Frame> replacement;  // the same numbers, other content: another life of the agent
  std::string stream;

  Script() {
    leaf0 = own.enrol("collector", "collector");
    TestAgent agent(std::string(32, 'a'), 1, 1);
    enrolment = agent.enrol("tax", "web-01");
    stream = agent.stream();
    for (std::size_t i = 0; i < 9; ++i) {
      replacement.push_back(agent.seal_here(event_lines(test_start, 4, "resealed")));
      frames.push_back(agent.seal(event_lines(test_start, 4)));
    }
  }

  // One commit a step: enrolment, batches, one of them hollow and filled later, own records.
  std::vector<std::vector<Entry>> steps() const {
    std::vector<std::vector<Entry>> steps;
    steps.push_back(only(LeafEntry{enrolment}));
    for (std::size_t i = 0; i < frames.size(); ++i) {
      BatchEntry entry = batch_entry(frames[i], "tax", "web-01");
      entry.hollow = i == 2;
      if (entry.hollow) entry.body.clear();
      steps.push_back(only(std::move(entry)));
      if (i == 4) steps.push_back(only(BodyFill{stream, 2, frames[2].body, std::nullopt}));
      if (i % 3 == 1) steps.push_back(only(OwnRecord{"own " + std::to_string(i)}));
    }
    return steps;
  }
};

// All trees that were ever signed, over all lives of one log: no size may have two roots.
class SignedTrees {
 public:
  void add(const std::string& note, const ledger::Verifier& verifier) {
    const auto checkpoint = ledger::open_checkpoint(note, verifier);
    REQUIRE(checkpoint);
    const auto [at, is_new] = roots_.emplace(checkpoint->tree.size, checkpoint->tree.root);
    if (!is_new) REQUIRE(at->second == checkpoint->tree.root);
  }
  std::uint64_t largest() const { return roots_.empty() ? 0 : roots_.rbegin()->first; }
  // Each of them is a prefix of the log as it is now.
  void check_prefixes(EvidenceLog& log) const {
    REQUIRE(log.size() >= largest());
    const auto hasher = ledger::default_suite().hasher();
    ledger::MerkleFrontier tree(*hasher);
    for (std::uint64_t i = 0; i < log.size(); ++i) {
      const auto leaf = log.leaf(i);
      REQUIRE(leaf);
      tree.add_leaf(*leaf);
      const auto at = roots_.find(i + 1);
      if (at != roots_.end()) REQUIRE(at->second == tree.root());
    }
  }

 private:
  std::map<std::uint64_t, ledger::Hash> roots_;
};

struct Run {
  const Script& script;
  TestLog log{small_segments};
  SignedTrees trees;
  std::size_t acknowledged = 0;  // steps

  explicit Run(const Script& the_script) : script(the_script) {
    const auto key = testing::log_key();
    REQUIRE(EvidenceLog::create(log.files, log.clock, log.options(), {*key, script.leaf0}));
    REQUIRE(log.open());
    trees.add(log->checkpoint(), log->verifier());
  }

  // Until one step is not acknowledged.
  void play() {
    const auto steps = script.steps();
    for (; acknowledged < steps.size(); ++acknowledged) {
      if (!log->commit(steps[acknowledged])) return;
      trees.add(log->checkpoint(), log->verifier());
      await_files();
    }
  }

  // The files behind the answers are written by the log's thread: without this a fault would hit
  // one call today and another tomorrow.
  void await_files() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (log.fatal == 0 && *log.files.content("/data/checkpoint") != log->checkpoint()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
  }

  void check_anchor(const ledger::Verifier& verifier) {
    const auto anchor = log.files.content("/anchor/anchor");
    REQUIRE(anchor);
    trees.add(*anchor, verifier);
  }

  void check_acknowledged() {
    const auto steps = script.steps();
    std::vector<std::string> own;
    for (std::size_t i = 0; i < acknowledged; ++i) {
      for (const Entry& entry : steps[i]) check_entry(entry, own);
    }
    const std::vector<std::string> kept = log->unsealed_own_records();
    REQUIRE(kept.size() >= own.size());
    REQUIRE(std::equal(own.begin(), own.end(), kept.begin()));
  }

  void check_entry(const Entry& entry, std::vector<std::string>& own) {
    if (std::holds_alternative<LeafEntry>(entry)) REQUIRE(log->stream(script.stream));
    if (const auto* record = std::get_if<OwnRecord>(&entry)) own.push_back(record->line);
    if (const auto* fill = std::get_if<BodyFill>(&entry)) {
      REQUIRE(log->batch(fill->stream, fill->batch)->frame.body == fill->body);
    }
    if (const auto* batch = std::get_if<BatchEntry>(&entry)) {
      const auto header = ledger::read_header(batch->header, ledger::default_suite());
      const auto stored = log->batch(script.stream, header->header.batch);
      REQUIRE(stored);
      REQUIRE(stored->frame.header == batch->header);
      if (!batch->hollow) REQUIRE(stored->frame.body == batch->body);
    }
  }

  // An agent that was not answered may come with the same batch or, after its own crash, another.
  void go_on() {
    const auto state = log->stream(script.stream);
    if (!state || state->next_batch >= script.frames.size()) return;
    const Frame& frame = script.replacement[state->next_batch];
    REQUIRE(log->commit(only(batch_entry(frame, "tax", "web-01"))));
    trees.add(log->checkpoint(), log->verifier());
    await_files();
  }
};

using Keep = std::function<std::uint64_t(const std::string&, std::uint64_t)>;

Keep keeping(int way) {
  if (way == 1) return [](const std::string&, std::uint64_t unsynced) { return unsynced; };
  if (way == 2) return [](const std::string&, std::uint64_t unsynced) { return unsynced / 2; };
  return nullptr;
}

void check_after_crash(Run& run) {
  const auto verifier = ledger::Verifier(ledger::default_suite(), std::string(testing::test_origin),
                                         testing::log_key()->public_key());
  run.check_anchor(verifier);
  const auto opened = run.log.open();
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
  run.log.fatal = 0;
  run.trees.check_prefixes(*run.log);
  run.check_acknowledged();
  run.go_on();
  run.check_anchor(verifier);
  run.log.close();
  REQUIRE(run.log.open());
  run.trees.check_prefixes(*run.log);
  run.check_acknowledged();
}

std::uint64_t calls_of_a_good_run(const Script& script) {
  Run run(script);
  const std::uint64_t before = run.log.files.changing_calls();
  run.play();
  REQUIRE(run.acknowledged == script.steps().size());
  return run.log.files.changing_calls() - before;
}

TEST_CASE(
    "whatever call fails, and however: what was acknowledged and signed is there afterwards") {
  const Script script;
  const std::uint64_t calls = calls_of_a_good_run(script);
  REQUIRE(calls > 100);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
      const auto way = static_cast<int>((nth + static_cast<std::uint64_t>(fault)) % 3);
      CAPTURE(nth);
      CAPTURE(static_cast<int>(fault));
      CAPTURE(way);
      Run run(script);
      run.log.files.fail_nth(nth, fault);
      run.play();
      run.log.close();
      REQUIRE(run.log.fatal == 1);
      run.log.files.crash_keeping(keeping(way));
      run.log.files.fail_nth(0, Fault::none);
      check_after_crash(run);
    }
  }
}

TEST_CASE("a recovery that is itself interrupted loses nothing") {
  const Script script;
  const std::uint64_t calls = calls_of_a_good_run(script);
  for (std::uint64_t nth = 20; nth <= calls; nth += 19) {
    for (std::uint64_t again = 1;; ++again) {
      CAPTURE(nth);
      CAPTURE(again);
      Run run(script);
      run.log.files.fail_nth(nth, Fault::fail_half);
      run.play();
      run.log.close();
      run.log.files.crash_keeping(keeping(2));
      run.log.files.fail_nth(again, Fault::fail_after);
      const bool opened = run.log.open().has_value();
      run.log.close();
      run.log.files.crash();
      run.log.files.fail_nth(0, Fault::none);
      check_after_crash(run);
      if (opened) break;
    }
  }
}

}  // namespace
}  // namespace yunjian::collector
