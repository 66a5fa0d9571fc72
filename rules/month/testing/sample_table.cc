#include "rules/month/testing/sample_table.h"

#include <algorithm>

#include "ledger/base/result.h"

namespace yunjian::rules::testing {

using namespace std::chrono_literals;
using ledger::HourFigure;
using ledger::require;
using ledger::Result;
using ledger::Time;
using ledger::UsageHour;

namespace {

constexpr Month october = 2026y / 10;
constexpr std::uint64_t gib = 1ULL << 30;

// What a host does in the month: levels in tenths of a percent, times in hours of the month.
struct Behaviour {
  std::string id;
  std::uint64_t base_cpu = 0;
  std::uint64_t day_cpu = 0;  // added from 9 to 18 o'clock
  std::uint64_t memory = 0;
  int first = 0;
  int last = 744;
  int gap_from = 0;
  int gap_to = 0;
  int resize_at = 744;
};

const std::vector<Behaviour>& behaviours() {
  static const std::vector<Behaviour> all = {
      {.id = "ecs-0001", .base_cpu = 120, .day_cpu = 380, .memory = 560},
      {.id = "ecs-0002", .base_cpu = 12, .day_cpu = 10, .memory = 180},
      {.id = "ecs-0003", .base_cpu = 620, .day_cpu = 330, .memory = 880},
      {.id = "ecs-0004", .last = 0},
      {.id = "ecs-0005", .base_cpu = 480, .day_cpu = 300, .memory = 700, .resize_at = 360},
      {.id = "ecs-0006", .base_cpu = 50, .day_cpu = 20, .memory = 240, .last = 468},
      {.id = "ecs-0007", .base_cpu = 90, .day_cpu = 200, .memory = 410, .first = 564},
      {.id = "ecs-0008", .base_cpu = 30, .memory = 200, .gap_from = 400, .gap_to = 476},
      {.id = "ecs-0009", .base_cpu = 0, .day_cpu = 0, .memory = 90},
  };
  return all;
}

// The same numbers on every machine, without a library's distribution in between.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t bound) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return bound == 0 ? 0 : (state_ >> 33) % bound;
  }

 private:
  std::uint64_t state_;
};

UsageHour make_hour(const Behaviour& host, int index) {
  UsageHour hour;
  hour.from = month_begin(october) + index * 1h;
  hour.to = hour.from + 1h;
  hour.interval_s = 60;
  hour.vcpus = index < host.resize_at ? 4 : 8;
  hour.memory_bytes = (index < host.resize_at ? 8 : 16) * gib;
  Noise noise(static_cast<std::uint64_t>(index) * 31 + static_cast<std::uint64_t>(host.id.back()));
  const bool office = index % 24 >= 9 && index % 24 < 18;
  const std::uint64_t size = index < host.resize_at ? 1 : 2;
  const std::uint64_t cpu = (host.base_cpu + (office ? host.day_cpu : 0)) / size;
  for (int minute = 1; minute <= 60; ++minute) {
    const Time when = hour.from + minute * 1min;
    const std::uint64_t load = cpu + noise.below(cpu / 8 + 1);
    hour.figure(HourFigure::cpu).add(load, when);
    hour.figure(HourFigure::memory).add(host.memory / size + noise.below(20), when);
    hour.figure(HourFigure::net_in).add(load * 2500 + noise.below(4000), when);
    hour.figure(HourFigure::net_out).add(load * 9000 + noise.below(9000), when);
    hour.figure(HourFigure::disk_bytes).add(load * 20000 + noise.below(90000), when);
    hour.figure(HourFigure::disk_iops).add(load / 3 + noise.below(10), when);
    ++hour.samples;
  }
  return hour;
}

HostFacts facts(std::string id, std::string name, std::string unit, std::string system) {
  HostFacts host;
  host.id = std::move(id);
  host.name = std::move(name);
  host.unit = unit == "县大数据中心" ? "u-01" : "u-02";
  host.unit_name = std::move(unit);
  host.county = host.unit == "u-01" ? "青溪县" : "云山区";
  host.system = std::move(system);
  host.vcpus = 4;
  host.memory_bytes = 8 * gib;
  host.enrolled = month_begin(2026y / 3);
  return host;
}

}  // namespace

UsageHour flat_hour(Time from, std::uint64_t cpu, std::uint64_t memory) {
  UsageHour hour;
  hour.from = from;
  hour.to = from + 1h;
  hour.interval_s = 60;
  hour.vcpus = 4;
  hour.memory_bytes = 8 * gib;
  for (int minute = 1; minute <= 60; ++minute) {
    hour.figure(HourFigure::cpu).add(cpu, from + minute * 1min);
    hour.figure(HourFigure::memory).add(memory, from + minute * 1min);
    ++hour.samples;
  }
  return hour;
}

std::vector<HostFacts> sample_hosts() {
  const std::string centre = "县大数据中心";
  const std::string office = "区行政审批和政务信息管理局";
  std::vector<HostFacts> hosts = {
      facts("ecs-0001", "web-01", office, "政务服务平台"),
      facts("ecs-0002", "test-legacy", office, "政务服务平台（旧）"),
      facts("ecs-0003", "db-01", centre, "数据共享交换"),
      facts("ecs-0004", "backup-01", centre, "数据共享交换"),
      facts("ecs-0005", "app-01", centre, "公文流转"),
      facts("ecs-0006", "app-old", centre, "公文流转"),
      facts("ecs-0007", "app-02", centre, "公文流转"),
      facts("ecs-0008", "report-01", office, "统计报表"),
      facts("ecs-0009", "=HYPERLINK(\"http://x\")", office, "统计报表"),
  };
  hosts[5].retired = month_begin(october) + 468h;
  hosts[6].enrolled = month_begin(october) + 564h;
  return hosts;
}

HostFacts sample_host(std::string_view id) {
  for (HostFacts& host : sample_hosts()) {
    if (host.id == id) return host;
  }
  require(false, "the sample has this host");
  return {};
}

HourSource sample_source() {
  return [](const HostFacts& host, Time, Time, const HourSink& sink) -> Result<std::uint64_t> {
    const auto found = std::find_if(behaviours().begin(), behaviours().end(),
                                    [&](const Behaviour& one) { return one.id == host.id; });
    require(found != behaviours().end(), "the sample knows the host's behaviour");
    const std::string stream =
        "5f0c9a3e7b1d42c886aa90e4d1" + host.id.substr(host.id.size() - 4) + "00.1";
    for (int i = found->first; i < found->last; ++i) {
      if (i >= found->gap_from && i < found->gap_to) continue;
      const auto number = static_cast<std::uint64_t>(i) * 61 + 60;
      if (auto taken = sink(make_hour(*found, i), stream, number); !taken) return failure(taken);
    }
    return 0;
  };
}

UtilizationTable sample_table() {
  const auto rule_set = default_rule_set();
  const auto calendar = cn_calendar();
  require(rule_set && calendar, "the built-in data files are good");
  auto table = build_utilization_table({.month = october,
                                        .as_of = month_end(october) + 30min,
                                        .rules = &*rule_set,
                                        .calendar = &*calendar},
                                       sample_hosts(), sample_source());
  require(table.has_value(), "the sample makes a table");
  return std::move(*table);
}

}  // namespace yunjian::rules::testing
