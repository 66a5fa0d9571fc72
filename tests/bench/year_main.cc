// What an ordinary host takes in a year: 1440 minutes a day, each its own batch, 24 hours, and 2000
// events in 700 batches besides. Some hosts of one unit over some days, filed and joined day by day
// as a collector does; what lies on the disk then, for one host and 365 days.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "collector/query/record_deriver.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/record.h"
#include "ledger/testing/manual_clock.h"
#include "tests/bench/minute_machine.h"

namespace yunjian {
namespace {

using collector::EvidenceLog;
using collector::testing::TestAgent;
using ledger::Time;

constexpr int minutes_a_day = 1440;
constexpr int events_a_day = 2000;
constexpr int event_batches_a_day = 700;
const Time first_day = ledger::parse_time("2026-03-02T00:00:00.000000Z").value();

void must(bool good, std::string_view what) {
  if (good) return;
  std::cerr << what << '\n';
  std::exit(1);
}

void emit(std::string_view metric, double value) {
  fmt::print("{{\"case\":\"year\",\"metric\":\"{}\",\"value\":{:.6}}}\n", metric, value);
}

struct Host {
  TestAgent agent;
  std::string name;
  bench::MinuteMachine machine;
};

class Year {
 public:
  Year(const std::string& corpus, std::string directory, std::size_t hosts)
      : corpus_(corpus), directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_ + "/data");
    TestAgent own(std::string(32, '0'), 1, 1000);
    const auto key = collector::testing::log_key();
    const std::string leaf0 = own.enrol("collector", "collector");
    must(EvidenceLog::create(files_, clock_, options(), {*key, leaf0}).has_value(), "create");
    auto log = EvidenceLog::open(files_, clock_, options(), collector::testing::log_key());
    must(log.has_value(), log ? "" : log.error().message);
    log_ = std::move(*log);
    for (std::size_t i = 0; i < hosts; ++i) {
      hosts_.push_back({TestAgent(fmt::format("{:032x}", i + 1), 1, i + 1),
                        fmt::format("web-{:03}", i),
                        bench::MinuteMachine(static_cast<unsigned>(i))});
      commit(collector::testing::only(
          collector::LeafEntry{hosts_.back().agent.enrol("tax", hosts_.back().name)}));
    }
  }

  void day(int number) {
    int batches = 0;
    int events = 0;
    for (int minute = 0; minute < minutes_a_day; ++minute) {
      const Time time =
          first_day + std::chrono::days(number) + std::chrono::minutes(minute) + drift_;
      clock_.step_wall(time - clock_.wall());
      std::vector<collector::Entry> group;
      const bool seals = (minute + 1) * event_batches_a_day / minutes_a_day > batches;
      const int due = (minute + 1) * events_a_day / minutes_a_day;
      for (Host& host : hosts_) {
        std::vector<std::string> lines = {host.machine.minute(time)};
        if (minute % 60 == 59) lines.push_back(host.machine.hour(time));
        add(group, host, lines, time);
        if (seals) add(group, host, events_of(due - events, time), time);
      }
      if (seals) {
        ++batches;
        events = due;
      }
      commit(std::move(group));
    }
  }

  void drain(int days) {
    clock_.step_wall(first_day + std::chrono::days(days) + std::chrono::hours(1) - clock_.wall());
    for (;;) {
      const auto done = log_->file_step();
      must(done.has_value(), done ? "" : done.error().message);
      const auto stats = log_->stats();
      if (!*done && stats.rows == 0 && stats.segments_to_file == 0) return;
      if (!*done) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  void report(int days) {
    const double scale = 365.0 / days / static_cast<double>(hosts_.size()) / 1e6;
    double index = 0;
    double headers = 0;
    std::array<double, 3> lanes{};
    const auto view = log_->view([](const collector::BatchRow&) { return false; });
    for (const auto& part : view->parts->parts()) {
      index += static_cast<double>(part->footer().index_bytes);
      headers += static_cast<double>(part->footer().header_bytes);
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        lanes[i] += static_cast<double>(part->footer().lanes[i].stored_bytes);
      }
    }
    const double tiles = bytes_below("/data/tile");
    emit("total_mb", bytes_below("/data") * scale);
    emit("header_mb", headers * scale);
    emit("event_mb", lanes[0] * scale);
    emit("usage_mb", lanes[1] * scale);
    emit("hour_mb", lanes[2] * scale);
    emit("index_mb", index * scale);
    emit("tile_mb", tiles * scale);
  }

 private:
  EvidenceLog::Options options() const {
    static const collector::Deriver deriver = collector::make_deriver(rules::Classifier::builtin());
    EvidenceLog::Options options;
    options.directory = directory_ + "/data";
    options.anchor_path = directory_ + "/anchor";
    options.origin = collector::testing::test_origin;
    options.suite = &ledger::default_suite();
    options.deriver = &deriver;
    options.idle_delay = std::chrono::milliseconds(200);
    options.idle_segment_bytes = 4096;
    options.on_fatal = [](const ledger::Error& error) { must(false, error.message); };
    return options;
  }

  void commit(std::vector<collector::Entry> entries) {
    const auto committed = log_->commit(std::move(entries));
    must(committed.has_value(), committed ? "" : committed.error().message);
  }

  void add(std::vector<collector::Entry>& group, Host& host, const std::vector<std::string>& lines,
           Time time) {
    host.agent.set_sealed(time + std::chrono::microseconds(random_() % 1'000'000));
    group.emplace_back(collector::testing::batch_entry(host.agent.seal(lines), "tax", host.name));
  }

  std::vector<std::string> events_of(int count, Time time) {
    std::vector<std::string> lines;
    for (int i = 0; i < count; ++i) {
      std::string text;
      must(static_cast<bool>(std::getline(corpus_, text)), "the corpus has too few lines");
      std::string line;
      ledger::RecordWriter(line, time + std::chrono::microseconds(random_() % 60'000'000), "event")
          .text("source", "file")
          .text("log", "/var/log/messages")
          .message(text)
          .finish();
      lines.push_back(std::move(line));
    }
    return lines;
  }

  double bytes_below(const std::string& folder) const {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ + folder)) {
      if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return static_cast<double>(bytes);
  }

  std::ifstream corpus_;
  const std::string directory_;
  ledger::PosixFileSystem files_;
  ledger::testing::ManualClock clock_{first_day};
  const std::chrono::microseconds drift_{123'456};
  std::mt19937 random_{7};
  std::unique_ptr<EvidenceLog> log_;
  std::vector<Host> hosts_;
};

}  // namespace
}  // namespace yunjian

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "yunjian-year-bench CORPUS DIRECTORY HOSTS DAYS\n";
    return 64;
  }
  yunjian::Year year(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10));
  const int days = static_cast<int>(std::strtol(argv[4], nullptr, 10));
  for (int day = 0; day < days; ++day) year.day(day);
  year.drain(days);
  year.report(days);
  return 0;
}
