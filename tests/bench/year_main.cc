// What an ordinary host takes in a year: 1440 minutes a day, each its own batch, 24 hours, and 2000
// events in 700 batches besides. Some hosts of one unit over some days, filed and joined day by day
// as a collector does; what lies on the disk then, for one host and 365 days.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <thread>

#include "collector/query/record_deriver.h"
#include "collector/store/testing/log_kit.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/record.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/usage_hour.h"

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

// What a host measures; figures wander as those of a web server do.
class Machine {
 public:
  explicit Machine(unsigned seed) : random_(seed) {}

  std::string minute(Time time) {
    const double hour = static_cast<double>(time.time_since_epoch().count() / 1'000'000 % 86400);
    const double day_share = 0.5 - 0.5 * std::cos(hour / 86400 * 2 * 3.14159265);
    load_ = 0.9 * load_ + 0.1 * (2 + 20 * day_share + noise(6));
    fields_.clear();
    for (const char* part : {"used", "user", "system", "irq", "iowait", "steal"}) {
      both(fmt::format("cpu.{}", part), load_ * shares_[static_cast<unsigned char>(part[0]) % 6U],
           true);
    }
    both("cpu.idle", 100 - load_, true);
    last("cpu.count", 4);
    memory_ += noise(2e7);
    last("memory.total", 8'200'000'000);
    both("memory.used", 41 + memory_ / 8.2e7, true);
    for (const char* part : {"available", "cached", "shared", "committed", "unreclaimable"}) {
      last(fmt::format("memory.{}", part), 1e9 + memory_ * (1 + part[0] % 3));
    }
    last("memory.huge", 0);
    both("memory.dirty", 2e6 + noise(1e6), false);
    both("memory.major_faults", 0, true);
    last("swap.total", 0);
    for (const char* part : {"cpu.some", "memory.some", "memory.full", "io.some", "io.full"}) {
      both(fmt::format("pressure.{}", part), load_ / 40 + noise(0.2), true);
    }
    for (const char* part : {"read_bytes", "write_bytes"}) {
      both(fmt::format("disk.{}", part), load_ * 9000 + noise(40000), false);
      both(fmt::format("disk.{}|vda", part), load_ * 9000 + noise(40000), false);
    }
    for (const char* part : {"reads", "writes", "await_ms", "busy"}) {
      both(fmt::format("disk.{}|vda", part), load_ / 3 + noise(2), true);
    }
    for (const char* part : {"in_bytes", "out_bytes"}) {
      both(fmt::format("net.{}", part), load_ * 22000 + noise(90000), false);
      both(fmt::format("net.{}|eth0", part), load_ * 22000 + noise(90000), false);
    }
    for (const char* part : {"in_packets", "out_packets"}) {
      both(fmt::format("net.{}|eth0", part), load_ * 30 + noise(90), true);
    }
    for (const char* part : {"in_errors", "out_errors", "in_drops", "out_drops"}) {
      last(fmt::format("net.{}.eth0", part), 0);
    }
    used_ += std::abs(noise(20000));
    last("fs.available./", 30e9 - used_);
    last("fs.total./", 40e9);
    last("fs.read_only./", 0);
    both("system.load1", load_ / 20, true);
    last("system.processes", 140 + noise(3));
    last("system.threads", 400 + noise(9));
    last("system.uptime_s", 1e6 + static_cast<double>(++minutes_) * 60);
    both("system.fds", 2000 + noise(30), false);
    both("system.forks", 1 + noise(1), true);
    return line(time, "usage");
  }

  std::string hour(Time time) {
    ledger::UsageHour hour;
    hour.from = time - std::chrono::hours(1);
    hour.to = time;
    hour.samples = 360;
    hour.vcpus = 4;
    hour.memory_bytes = 8'200'000'000;
    for (ledger::Histogram& figure : hour.figures) {
      for (int i = 0; i < 360; ++i) {
        figure.add(static_cast<std::uint64_t>(std::abs(load_ * 20 + noise(60))),
                   hour.from + std::chrono::seconds(10 * i));
      }
    }
    std::string out;
    ledger::write_usage_hour(out, hour);
    return out;
  }

 private:
  struct Value {
    double value = 0;
    bool decimal = false;
  };
  struct Less {
    bool operator()(const std::string& a, const std::string& b) const {
      return ledger::record_key_less(a, b);
    }
  };

  double noise(double width) { return std::normal_distribution<double>(0, width / 2)(random_); }
  void last(const std::string& key, double value) { fields_[key] = {std::max(0.0, value), false}; }
  // Mean and max; a device stands behind them.
  void both(const std::string& name, double value, bool decimal) {
    const auto bar = name.find('|');
    const std::string device = bar == std::string::npos ? "" : "." + name.substr(bar + 1);
    const std::string key = name.substr(0, bar);
    const double mean = std::max(0.0, value);
    fields_[key + ".mean" + device] = {mean, decimal};
    fields_[key + ".max" + device] = {mean * (1 + std::abs(noise(0.4))), decimal};
  }
  std::string line(Time time, std::string_view kind) {
    std::string out;
    ledger::RecordWriter writer(out, time, kind);
    writer.integer("interval_s", 60).integer("n", 6);
    for (const auto& [key, value] : fields_) {
      if (value.decimal) writer.decimal(key, value.value);
      if (!value.decimal) writer.integer(key, static_cast<std::uint64_t>(value.value));
    }
    writer.finish();
    return out;
  }

  std::mt19937 random_;
  std::array<double, 6> shares_ = {0.5, 0.3, 0.15, 0.02, 0.02, 0.01};
  std::map<std::string, Value, Less> fields_;
  double load_ = 5;
  double memory_ = 0;
  double used_ = 0;
  std::uint64_t minutes_ = 0;
};

struct Host {
  TestAgent agent;
  std::string name;
  Machine machine;
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
                        fmt::format("web-{:03}", i), Machine(static_cast<unsigned>(i))});
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
