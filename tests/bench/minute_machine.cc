#include "tests/bench/minute_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ledger/usage_hour.h"

namespace yunjian::bench {

using ledger::Time;

std::string MinuteMachine::minute(Time time) {
  const double second = static_cast<double>(time.time_since_epoch().count() / 1'000'000 % 86400);
  const double day_share = 0.5 - 0.5 * std::cos(second / 86400 * 2 * 3.14159265);
  load_ = 0.9 * load_ + 0.1 * (2 + 20 * day_share + noise(6));
  processor(load_);
  memory();
  devices();
  both("system.load1", load_ / 20, true);
  last("system.processes", 140 + noise(3));
  last("system.threads", 400 + noise(9));
  last("system.uptime_s", 1e6 + static_cast<double>(++minutes_) * 60);
  both("system.fds", 2000 + noise(30), false);
  both("system.forks", 1 + noise(1), true);
  return line(time);
}

std::string MinuteMachine::hour(Time time) {
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

void MinuteMachine::processor(double percent) {
  using Share = std::pair<const char*, double>;
  for (const auto& [part, share] :
       {Share("used", 1.0), Share("user", 0.6), Share("system", 0.3), Share("irq", 0.02),
        Share("iowait", 0.06), Share("steal", 0.02)}) {
    both(fmt::format("cpu.{}", part), percent * share, true);
  }
  both("cpu.idle", 100 - percent, true);
  last("cpu.count", 4);
  for (const char* part : {"cpu.some", "memory.some", "memory.full", "io.some", "io.full"}) {
    both(fmt::format("pressure.{}", part), percent / 40 + noise(0.2), true);
  }
}

void MinuteMachine::memory() {
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
}

void MinuteMachine::devices() {
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
}

double MinuteMachine::noise(double width) {
  return std::normal_distribution<double>(0, width / 2)(random_);
}

void MinuteMachine::last(const std::string& key, double value) {
  fields_[key] = {std::max(0.0, value), false};
}

// Mean and greatest; behind a bar in `name` stands a device.
void MinuteMachine::both(const std::string& name, double value, bool decimal) {
  const auto bar = name.find('|');
  const std::string device = bar == std::string::npos ? "" : "." + name.substr(bar + 1);
  const std::string key = name.substr(0, bar);
  const double mean = std::max(0.0, value);
  fields_[key + ".mean" + device] = {mean, decimal};
  fields_[key + ".max" + device] = {mean * (1 + std::abs(noise(0.4))), decimal};
}

std::string MinuteMachine::line(Time time) {
  std::string out;
  ledger::RecordWriter writer(out, time, "usage");
  writer.integer("interval_s", 60).integer("n", 6);
  for (const auto& [key, value] : fields_) {
    if (value.decimal) writer.decimal(key, value.value);
    if (!value.decimal) writer.integer(key, static_cast<std::uint64_t>(value.value));
  }
  writer.finish();
  fields_.clear();
  return out;
}

}  // namespace yunjian::bench
