// What happens behind the commits a day, and a year, later: a day that is over becomes one part,
// and its bodies go when they are old enough. A stop at every call of the file system on the way
// leaves the old part or the new one, never both or neither; the auditor agrees each time.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "auditor/directory_evidence.h"
#include "auditor/index_level.h"
#include "auditor/verifier.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/archive/part_manifest.h"

namespace yunjian {
namespace {

using collector::BodyFill;
using collector::EvidenceLog;
using collector::LogRecordStore;
using collector::Order;
using collector::ScanQuery;
using collector::Scope;
using collector::StoredRecord;
using collector::testing::batch_entry;
using collector::testing::event_lines;
using collector::testing::only;
using collector::testing::test_origin;
using collector::testing::test_start;
using collector::testing::TestAgent;
using collector::testing::TestLog;
using ledger::testing::Fault;
using namespace std::chrono_literals;

constexpr std::uint64_t small_segments = 1500;  // two or three batches each
constexpr std::string_view kept_unit = "tax";   // under a legal hold
constexpr std::string_view other_unit = "water";

// Two days of two hosts. A body of the first day came at once, another one on the second day.
class Scene {
 public:
  Scene() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    for (std::size_t i = 0; i < 2; ++i) {
      agents_.emplace_back(std::string(32, static_cast<char>('a' + i)), 1, 1 + i);
      REQUIRE(log.enrol(agents_[i], unit(i), "web-0" + std::to_string(i)));
    }
    commit_day(12, "first");
    fill(commit_hollow("first"), "first");
    const BodyFill late = commit_hollow("second");
    log.clock.advance(24h);
    fill(late, "second");  // a late body belongs to the day on which it came
    commit_day(8, "second");
    // Not to be found before they are sealed: they close the last segment of the others.
    for (int i = 0; i < 4; ++i) {
      REQUIRE(log->commit(only(collector::OwnRecord{"own record " + std::string(500, 'x')})));
    }
  }

  // The work behind the commits, until there is none or it fails.
  bool work(const std::function<ledger::Result<bool>()>& step) {
    for (;;) {
      const auto done = step();
      if (!done) return false;
      if (!*done) return true;
    }
  }
  bool file() {
    return work([this] { return log->file_step(); });
  }
  bool purge() {
    EvidenceLog::Retention retention;
    retention.keep = collector::retention_min;
    retention.held = [](const std::string& unit, const std::string&, std::uint64_t) {
      return unit == kept_unit;
    };
    return work([&]() -> ledger::Result<bool> {
      auto purged = log->purge_step(retention);
      if (!purged) return failure(purged);
      return purged->has_value();
    });
  }

  void await_tiles() {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (log->stats().stored_leaves < log->size()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
  }

  std::uint64_t committed(const std::string& day, std::string_view unit) const {
    return lines_.at(day).at(std::string(unit));
  }

  // How many records of that day and unit searches find; each once, in both orders.
  std::uint64_t found(const std::string& day, std::string_view unit) {
    LogRecordStore store(*log);
    std::vector<std::size_t> counts;
    for (const Order order : {Order::oldest_first, Order::newest_first}) {
      ScanQuery query;
      query.to = ledger::Time::max();
      query.limit = 1'000'000;
      query.order = order;
      std::set<std::pair<std::string, std::uint64_t>> keys;
      std::size_t records = 0;
      const auto stats =
          store.scan(Scope::units({std::string(unit)}), query, [&](const StoredRecord& record) {
            if (record.line.find(day) == std::string_view::npos) return;
            ++records;
            keys.emplace(record.key.stream, record.key.number);
          });
      REQUIRE_MESSAGE(stats, (stats ? "" : stats.error().message));
      REQUIRE(keys.size() == records);
      counts.push_back(records);
    }
    REQUIRE(counts[0] == counts[1]);
    return counts[0];
  }

  // Of the files on the disk, whoever has them open or not; also what searches look at.
  void audit() {
    const ledger::Verifier key(ledger::default_suite(), std::string(test_origin),
                               collector::testing::log_key()->public_key());
    auditor::DirectoryEvidence evidence(log.files, "/data", ledger::default_suite());
    auto result = auditor::LogVerifier(key, std::nullopt).run(evidence);
    REQUIRE_MESSAGE(result, (result ? "" : result.error().message));
    auditor::check_index(log.files, "/data", {}, *result);
    for (const auto& finding : result->findings.kept()) {
      INFO(finding.place << ": " << finding.en);
      REQUIRE(finding.kind == auditor::FindingKind::notice);
    }
    REQUIRE(result->findings.exit_code(false) == 0);
    purges = result->counts.other_leaves;
  }

  // The parts that the manifest names, and those that lie there.
  std::vector<std::uint64_t> parts() {
    const auto manifest = ledger::read_manifest(log.files, "/data");
    REQUIRE(manifest);
    std::vector<std::uint64_t> numbers;
    for (const auto& part : manifest->parts) numbers.push_back(part.number);
    std::ranges::sort(numbers);
    return numbers;
  }
  std::vector<std::uint64_t> part_files() {
    std::vector<std::uint64_t> numbers;
    const auto names = log.files.list("/data/parts");
    REQUIRE(names);
    for (const std::string& name : *names) {
      if (const auto number = ledger::part_number(name)) numbers.push_back(*number);
    }
    std::ranges::sort(numbers);
    return numbers;
  }

  TestLog log{small_segments};
  std::uint64_t purges = 0;  // leaves that are neither batch nor enrolment, of the last audit

 private:
  // A batch of two records that comes without its body; the body.
  BodyFill commit_hollow(const std::string& word) {
    const std::uint64_t number = agents_[1].next_batch();
    const ledger::Frame frame = agents_[1].seal(event_lines(test_start, 2, word));
    auto hollow = batch_entry(frame, unit(1), "web-01");
    hollow.body.clear();
    hollow.hollow = true;
    REQUIRE(log->commit(only(std::move(hollow))));
    return {agents_[1].stream(), number, frame.body, std::nullopt};
  }
  void fill(const BodyFill& body, const std::string& day) {
    REQUIRE(log->commit(only(BodyFill(body))));
    lines_[day][unit(1)] += 2;
  }
  static std::string unit(std::size_t agent) {
    return std::string(agent == 0 ? kept_unit : other_unit);
  }
  void commit_day(std::size_t batches, const std::string& word) {
    for (std::size_t i = 0; i < batches; ++i) {
      log.clock.advance(1min);
      const auto lines = event_lines(log.clock.wall(), 1 + i % 3, word);
      const ledger::Frame frame = agents_[i % 2].seal(lines);
      const std::string host = "web-0" + std::to_string(i % 2);
      REQUIRE(log->commit(only(batch_entry(frame, unit(i % 2), host))));
      lines_[word][unit(i % 2)] += lines.size();
    }
  }

  std::vector<TestAgent> agents_;
  std::map<std::string, std::map<std::string, std::uint64_t>> lines_;  // by day and unit
};

// One kind of work: how the scene comes to it, the work, and what must hold whatever happened.
struct Work {
  std::function<void(Scene&)> prepare;
  std::function<bool(Scene&)> run;
  std::function<void(Scene&)> check_between;  // old or new
  std::function<void(Scene&)> check_done;
};

void crash(Scene& scene, std::uint64_t way) {
  scene.log.close();
  if (way == 0) return scene.log.files.crash();
  scene.log.files.crash_keeping([way](const std::string&, std::uint64_t unsynced) {
    return way == 1 ? unsynced : unsynced / 2;
  });
}

void check_stop(const Work& work, std::uint64_t nth, Fault fault) {
  const std::uint64_t way = (nth + static_cast<std::uint64_t>(fault)) % 3;
  CAPTURE(nth);
  CAPTURE(static_cast<int>(fault));
  CAPTURE(way);
  Scene scene;
  work.prepare(scene);
  scene.log.files.fail_nth(nth, fault);
  const bool failed = !work.run(scene);
  if (scene.log.fatal == 0) work.check_between(scene);  // to those who ask meanwhile
  const bool tries_again = failed && scene.log.fatal == 0 && nth % 2 == 0;
  scene.log.files.fail_nth(0, Fault::none);
  if (tries_again) {
    REQUIRE(work.run(scene));
    work.check_done(scene);
  }
  crash(scene, way);
  scene.audit();
  const auto opened = scene.log.open();
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
  scene.log.fatal = 0;
  REQUIRE(scene.parts() == scene.part_files());
  scene.audit();
  work.check_between(scene);
  scene.await_tiles();
  REQUIRE(work.run(scene));
  work.check_done(scene);
  REQUIRE(scene.parts() == scene.part_files());
  scene.log.close();
  scene.audit();
}

void sweep(const Work& work) {
  std::uint64_t calls = 0;
  {
    Scene scene;
    work.prepare(scene);
    const std::uint64_t before = scene.log.files.changing_calls();
    REQUIRE(work.run(scene));
    calls = scene.log.files.changing_calls() - before;
    work.check_done(scene);
    scene.log.close();
    scene.audit();
  }
  REQUIRE(calls > 10);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
      check_stop(work, nth, fault);
    }
  }
}

void check_all_there(Scene& scene) {
  for (const char* day : {"first", "second"}) {
    for (const std::string_view unit : {kept_unit, other_unit}) {
      REQUIRE(scene.found(day, unit) == scene.committed(day, unit));
    }
  }
}

TEST_CASE("a stop anywhere in making one part of a day leaves the old parts or the new one") {
  const Work merge{.prepare =
                       [](Scene& scene) {
                         scene.await_tiles();
                         REQUIRE(scene.file());
                         scene.log.clock.advance(25h);
                         REQUIRE(scene.log->stats().parts > 2);
                       },
                   .run = [](Scene& scene) { return scene.file(); },
                   .check_between = check_all_there,
                   .check_done =
                       [](Scene& scene) {
                         REQUIRE(scene.log->stats().parts == 2);  // one a day
                         check_all_there(scene);
                       }};
  sweep(merge);
}

TEST_CASE("a stop anywhere in a purge leaves the bodies or takes them, and a leaf names those") {
  const Work purge{.prepare =
                       [](Scene& scene) {
                         scene.await_tiles();
                         REQUIRE(scene.file());
                         scene.log.clock.advance(24h * 367);
                         REQUIRE(scene.file());
                         scene.await_tiles();
                         REQUIRE(scene.log->stats().parts == 2);
                       },
                   .run = [](Scene& scene) { return scene.purge(); },
                   .check_between =
                       [](Scene& scene) {
                         for (const char* day : {"first", "second"}) {
                           REQUIRE(scene.found(day, kept_unit) == scene.committed(day, kept_unit));
                           const std::uint64_t left = scene.found(day, other_unit);
                           if (left != scene.committed(day, other_unit)) REQUIRE(left == 0);
                         }
                       },
                   .check_done =
                       [](Scene& scene) {
                         for (const char* day : {"first", "second"}) {
                           REQUIRE(scene.found(day, kept_unit) == scene.committed(day, kept_unit));
                           REQUIRE(scene.found(day, other_unit) == 0);
                         }
                       }};
  sweep(purge);
}

}  // namespace
}  // namespace yunjian
