// A month made of folded days is the month made of its records, whatever came between.
#include "collector/report/hour_folds.h"

#include <doctest/doctest.h>

#include <thread>

#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using ledger::HourFigure;
using ledger::Time;
using ledger::UsageHour;
using testing::batch_entry;
using testing::only;
using testing::TestAgent;
using testing::TestLog;

constexpr rules::Month september = std::chrono::year(2026) / 9;
constexpr std::uint64_t gib = 1ULL << 30;
constexpr std::uint64_t small_segments = 1000;  // each batch fills one

struct HourLoad {
  Time from{};
  std::uint64_t cpu = 100;  // in tenths of a percent
  std::uint64_t vcpus = 4;
  std::uint64_t memory = 8 * gib;
};

std::string hour_line(const HourLoad& load) {
  UsageHour hour;
  hour.from = load.from;
  hour.to = load.from + 1h;
  hour.vcpus = load.vcpus;
  hour.memory_bytes = load.memory;
  for (int i = 0; i < 360; ++i) {
    const Time when = load.from + i * 10s;
    const auto step = static_cast<std::uint64_t>(i % 60);
    hour.figure(HourFigure::cpu).add(load.cpu + step, when);
    hour.figure(HourFigure::memory).add(400 + step / 8, when);
    hour.figure(HourFigure::net_in).add(load.cpu * 1000 + step, when);
    ++hour.samples;
  }
  std::string line;
  ledger::write_usage_hour(line, hour);
  return line;
}

struct HourFoldsFixture {
  HourFoldsFixture() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    REQUIRE(log.enrol(web, "tax", "web-01"));
    REQUIRE(log.enrol(other, "water", "web-02"));
    store = std::make_unique<LogRecordStore>(*log);
    folds = std::make_unique<HourFolds>(
        HourFolds::Parts{.records = *store,
                         .files = log.files,
                         .clock = log.clock,
                         .directory = "/folds",
                         .hosts = [] {
                           return std::vector<std::string>{"web-01", "web-02"};
                         }});
  }

  // Hours of a day sealed at its end, in one batch.
  struct Day {
    std::string unit, host;
    int hours = 24;
    std::uint64_t vcpus = 4;  // of its second half
  };
  void seal_day(TestAgent& agent, const Day& day) {
    const Time end = std::chrono::floor<std::chrono::hours>(log.clock.wall());
    std::vector<std::string> lines;
    for (int i = day.hours; i > 0; --i) {
      lines.push_back(hour_line({.from = end - i * 1h,
                                 .cpu = 100 + static_cast<std::uint64_t>(i) * 20,
                                 .vcpus = i > day.hours / 2 ? 4 : day.vcpus}));
    }
    REQUIRE(log->commit(only(batch_entry(agent.seal(lines), day.unit, day.host))));
  }
  void next_day() { log.clock.advance(24h); }

  void file_all() {
    // What was committed last stays in the WAL until something follows.
    for (int i = 0; i < 2; ++i) {
      REQUIRE(log->commit(only(
          batch_entry(other.seal(testing::event_lines(log.clock.wall(), 5)), "water", "web-02"))));
    }
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (log->stats().stored_leaves < log->size()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
    for (;;) {
      const auto done = log->file_step();
      REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
      if (!*done) return;
    }
  }

  rules::FoldWindow window() const {
    return {.month = september,
            .enrolled = rules::month_begin(september),
            .retired = std::nullopt,
            .as_of = rules::month_end(september)};
  }

  std::optional<rules::FoldedHost> folded(const std::string& host,
                                          const Scope& scope = Scope::all()) {
    auto month = folds->month(september, nullptr);
    REQUIRE_MESSAGE(month, (month ? "" : month.error().message));
    auto fold = month->fold(host, scope, window(), calendar);
    REQUIRE_MESSAGE(fold, (fold ? "" : fold.error().message));
    return *fold;
  }

  std::vector<rules::FoldedPart> by_records(const std::string& host) {
    ScanQuery query;
    query.lanes = {Lane::hour};
    query.from = rules::month_begin(september);
    query.to = rules::month_end(september) + 2h;
    query.filter.hosts = {host};
    query.limit = 100'000;
    std::vector<std::tuple<std::string, std::uint64_t, std::string>> lines;
    REQUIRE(store->scan(Scope::all(), query, [&](const StoredRecord& stored) {
      lines.emplace_back(stored.key.stream, stored.key.number, stored.line);
    }));
    std::sort(lines.begin(), lines.end());
    rules::MonthFold fold(window(), calendar);
    for (const auto& [stream, number, line] : lines) {
      const auto hour = ledger::read_usage_hour(**ledger::parse_record(line));
      if (hour) REQUIRE(fold.add(*hour, stream, number));
    }
    return fold.finish();
  }

  void check_same(const std::string& host) {
    const auto fold = folded(host);
    REQUIRE(fold);
    const auto wanted = by_records(host);
    REQUIRE(fold->parts.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) check_same(fold->parts[i], wanted[i]);
  }
  static void check_same(const rules::FoldedPart& part, const rules::FoldedPart& wanted) {
    CHECK(part.from == wanted.from);
    CHECK(part.to == wanted.to);
    CHECK(part.measured == wanted.measured);
    CHECK(part.cpu_measured == wanted.cpu_measured);
    CHECK(part.memory_measured == wanted.memory_measured);
    CHECK(part.longest_gap == wanted.longest_gap);
    CHECK(part.days == wanted.days);
    CHECK(part.working_days == wanted.working_days);
    CHECK(part.overlapping == wanted.overlapping);
    REQUIRE(part.busiest_hour.has_value() == wanted.busiest_hour.has_value());
    if (wanted.busiest_hour) CHECK(part.busiest_hour->from == wanted.busiest_hour->from);
    REQUIRE(part.busiest_day.has_value() == wanted.busiest_day.has_value());
    if (wanted.busiest_day) CHECK(part.busiest_day->cpu_p95 == wanted.busiest_day->cpu_p95);
    REQUIRE(part.usage);
    CHECK(part.usage->vcpus == wanted.usage->vcpus);
    CHECK(part.usage->memory_bytes == wanted.usage->memory_bytes);
    CHECK(part.usage->samples == wanted.usage->samples);
    for (const HourFigure figure : ledger::hour_figures) {
      const auto& a = part.usage->figure(figure);
      const auto& b = wanted.usage->figure(figure);
      CHECK(a.bins() == b.bins());
      CHECK(a.sum() == b.sum());
      CHECK(a.max_time() == b.max_time());
    }
    REQUIRE(part.inputs.size() == wanted.inputs.size());
    for (std::size_t i = 0; i < wanted.inputs.size(); ++i) {
      CHECK(part.inputs[i].stream == wanted.inputs[i].stream);
      CHECK(part.inputs[i].first == wanted.inputs[i].first);
      CHECK(part.inputs[i].last == wanted.inputs[i].last);
      CHECK(part.inputs[i].records == wanted.inputs[i].records);
    }
    REQUIRE(part.week.size() == wanted.week.size());
    for (std::size_t i = 0; i < wanted.week.size(); ++i) {
      CHECK(part.week[i].sum == wanted.week[i].sum);
      CHECK(part.week[i].count == wanted.week[i].count);
    }
  }

  TestLog log{small_segments};
  TestAgent web{std::string(32, 'a'), 1, 7};
  TestAgent other{std::string(32, 'b'), 1, 8};
  rules::Calendar calendar = *rules::cn_calendar();
  std::unique_ptr<LogRecordStore> store;
  std::unique_ptr<HourFolds> folds;
};

TEST_CASE_FIXTURE(HourFoldsFixture,
                  "days that are over are folded once, and give the month of the records") {
  for (int day = 0; day < 4; ++day) {
    seal_day(web, {"tax", "web-01", 24, day == 2 ? 8U : 4U});  // grows at noon and shrinks again
    seal_day(other, {"water", "web-02", 20});
    next_day();
  }
  seal_day(web, {"tax", "web-01"});  // of a day that is not over
  file_all();
  for (int day = 0; day < 4; ++day) CHECK(folds->step(nullptr) == true);
  CHECK(folds->step(nullptr) == false);
  CHECK(log.files.list("/folds")->size() == 4);
  check_same("web-01");
  check_same("web-02");
  CHECK(folded("web-01")->parts.size() == 3);
  const auto none = folded("web-03");
  REQUIRE(none);
  CHECK_FALSE(none->parts.front().usage);
}

TEST_CASE_FIXTURE(HourFoldsFixture, "a day of which records wait to be filed is folded in memory") {
  seal_day(web, {"tax", "web-01"});
  next_day();
  next_day();
  CHECK(folds->step(nullptr) == false);
  check_same("web-01");
  CHECK_FALSE(*log.files.exists("/folds"));
}

TEST_CASE_FIXTURE(HourFoldsFixture,
                  "a size that moves a little is one size, however its days are folded") {
  // Each step is below a thirty-second part of the one before; together they are above.
  for (std::uint64_t day = 0; day < 3; ++day) {
    const Time end = std::chrono::floor<std::chrono::hours>(log.clock.wall());
    std::vector<std::string> lines;
    for (std::uint64_t i = 0; i < 4; ++i) {
      lines.push_back(hour_line({.from = end - (4 - static_cast<int>(i)) * 1h,
                                 .memory = 8 * gib - (day * 4 + i) * (gib / 16)}));
    }
    REQUIRE(log->commit(only(batch_entry(web.seal(lines), "tax", "web-01"))));
    next_day();
  }
  file_all();
  check_same("web-01");
}

TEST_CASE_FIXTURE(HourFoldsFixture,
                  "of a host with a record that cannot be read the records decide") {
  seal_day(web, {"tax", "web-01"});
  seal_day(other, {"water", "web-02"});
  next_day();
  const Time end = std::chrono::floor<std::chrono::hours>(log.clock.wall());
  std::string bad = hour_line({.from = end - 1h});
  bad.replace(bad.find("\"n\":360"), 7, "\"n\":999");
  REQUIRE(log->commit(only(batch_entry(web.seal({bad}), "tax", "web-01"))));
  next_day();
  file_all();
  CHECK_FALSE(folded("web-01"));
  check_same("web-02");
}

TEST_CASE_FIXTURE(HourFoldsFixture,
                  "records that came before those sealed earlier are not folded by day") {
  const Time end = std::chrono::floor<std::chrono::hours>(log.clock.wall());
  const ledger::Frame late =
      web.seal({hour_line({.from = end - 3h}), hour_line({.from = end - 2h})});
  BatchEntry hollow = batch_entry(late, "tax", "web-01");
  hollow.hollow = true;
  hollow.body.clear();
  REQUIRE(log->commit(only(std::move(hollow))));
  REQUIRE(log->commit(
      only(batch_entry(web.seal({hour_line({.from = end - 1h, .cpu = 300})}), "tax", "web-01"))));
  next_day();
  file_all();
  check_same("web-01");
  REQUIRE(log->commit(only(BodyFill{web.stream(), 0, late.body, std::nullopt})));
  next_day();
  file_all();
  // In the order of numbers they are: the runs only have to be put in order.
  check_same("web-01");
}

TEST_CASE_FIXTURE(HourFoldsFixture,
                  "a body that came late, months after, counts while it waits to be filed") {
  const Time end = std::chrono::floor<std::chrono::hours>(log.clock.wall());
  const ledger::Frame late = web.seal({hour_line({.from = end - 2h})});
  BatchEntry hollow = batch_entry(late, "tax", "web-01");
  hollow.hollow = true;
  hollow.body.clear();
  REQUIRE(log->commit(only(std::move(hollow))));
  next_day();
  file_all();
  log.clock.advance(60 * 24h);
  seal_day(web, {"tax", "web-01"});
  file_all();  // the day that the body comes on holds another month's hours
  REQUIRE(log->commit(only(BodyFill{web.stream(), 0, late.body, std::nullopt})));
  check_same("web-01");
  REQUIRE(folded("web-01")->parts.front().usage);
  CHECK(folded("web-01")->parts.front().inputs.front().records == 1);
}

TEST_CASE_FIXTURE(HourFoldsFixture, "what a host sent for another unit stays out of the scope") {
  seal_day(web, {"tax", "web-01"});
  next_day();
  seal_day(web, {"water", "web-01"});
  next_day();
  file_all();
  check_same("web-01");
  CHECK(folded("web-01", Scope::units({"tax"}))->parts.front().inputs.front().records == 24);
  CHECK_FALSE(folded("web-01", Scope::units({"parks"}))->parts.front().usage);
}

TEST_CASE_FIXTURE(HourFoldsFixture,
                  "a file that is damaged is not believed, and one of other records made anew") {
  seal_day(web, {"tax", "web-01"});
  next_day();
  file_all();
  CHECK(folds->step(nullptr) == true);
  const std::string path = "/folds/" + log.files.list("/folds")->front();
  std::string bytes = *log.files.read_file(path);
  bytes[60] = static_cast<char>(bytes[60] ^ 1);  // in the host's frame
  REQUIRE(ledger::replace_file(log.files, path, bytes, 0600));
  CHECK_FALSE(folded("web-01"));
  bytes[bytes.size() - 30] = static_cast<char>(bytes[bytes.size() - 30] ^ 1);  // in the last one
  REQUIRE(ledger::replace_file(log.files, path, bytes, 0600));
  check_same("web-01");
  CHECK(*log.files.read_file(path) != bytes);
}

TEST_CASE_FIXTURE(HourFoldsFixture,
                  "folding stops when it is asked to, and leaves no day half folded") {
  seal_day(web, {"tax", "web-01"});
  next_day();
  file_all();
  const std::atomic<bool> cancelled = true;
  const auto stepped = folds->step(&cancelled);
  REQUIRE_FALSE(stepped);
  CHECK(stepped.error().kind == ledger::ErrorKind::retry);
  const auto month = folds->month(september, &cancelled);
  REQUIRE_FALSE(month);
  CHECK(month.error().kind == ledger::ErrorKind::retry);
  check_same("web-01");
}

TEST_CASE_FIXTURE(HourFoldsFixture, "files of months that are long over go") {
  seal_day(web, {"tax", "web-01"});
  next_day();
  file_all();
  CHECK(folds->step(nullptr) == true);
  log.clock.advance(24h * 75);
  seal_day(web, {"tax", "web-01"});
  next_day();
  file_all();
  CHECK(folds->step(nullptr) == true);
  CHECK(log.files.list("/folds")->size() == 1);
}

}  // namespace
}  // namespace yunjian::collector
