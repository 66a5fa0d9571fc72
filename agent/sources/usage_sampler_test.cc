#include "agent/sources/usage_sampler.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "agent/sources/testing/collecting_sink.h"
#include "ledger/posix/system_clock.h"
#include "ledger/testing/manual_clock.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using Values = std::map<std::string, std::string>;

// 2026-11-22 10:00:00 UTC
constexpr ledger::Time ten_o_clock{std::chrono::seconds(1795341600)};

Values values_of(const std::string& line) {
  Values values;
  bool canonical = false;
  const auto record = ledger::parse_record(line, &canonical);
  REQUIRE(record);
  CHECK(canonical);
  for (const auto& field : (*record)->fields) values[std::string(field.key)] = field.value;
  return values;
}

// A host whose /proc and /sys a test writes.
struct FakeHost {
  testing::TemporaryDirectory root;
  std::uint64_t user = 1000, idle = 9000, steal = 0, iowait = 100;
  std::uint64_t cpus = 2, memory_kb = 1'000'000;
  std::uint64_t read_sectors = 0, in_bytes = 0;

  FakeHost() {
    write("proc/loadavg", "0.50 1.25 2.00 3/412 12345\n");
    write("proc/sys/kernel/random/boot_id", "0c3f1b62-7a7b-4c0e-9a67-000000000001\n");
    link("sys/block/vda", "../devices/pci0000:00/virtio1/block/vda");
    link("sys/block/dm-0", "../devices/virtual/block/dm-0");
    link("sys/block/loop0", "../devices/virtual/block/loop0");
    link("sys/class/net/eth0", "../../devices/pci0000:00/virtio2/net/eth0");
    link("sys/class/net/lo", "../../devices/virtual/net/lo");
    link("sys/class/net/veth1", "../../devices/virtual/net/veth1");
    update();
  }
  void write(std::string_view path, std::string_view text) const {
    testing::overwrite(root / path, text);
  }
  void link(std::string_view path, const std::string& target) const {
    std::filesystem::create_directories(std::filesystem::path(root / path).parent_path());
    std::filesystem::create_symlink(target, root / path);
  }
  void update() const {
    std::string stat = fmt::format("cpu  {} 0 0 {} {} 0 0 {} 777 0\n", user, idle, iowait, steal);
    for (std::uint64_t i = 0; i < cpus; ++i) stat += fmt::format("cpu{} 1 2 3 4\n", i);
    write("proc/stat", stat + "intr 1 2 3\nprocesses 100\nprocs_running 3\nprocs_blocked 1\n");
    write("proc/meminfo", fmt::format("MemTotal: {} kB\nMemFree: 1 kB\nMemAvailable: {} kB\n"
                                      "SwapTotal: 0 kB\nHugePages_Total: 0\n",
                                      memory_kb, memory_kb / 4));
    const std::string disk = fmt::format("10 0 {} 20 0 0 0 0 0 500 0", read_sectors);
    write("proc/diskstats", " 254 0 vda " + disk + "\n 254 1 vda1 " + disk + "\n 253 0 dm-0 " +
                                disk + "\n 7 0 loop0 " + disk + "\n");
    const std::string nic = fmt::format("{} 5 0 0 0 0 0 0 7 5 0 0 0 0 0 0", in_bytes);
    write("proc/net/dev",
          "Inter-|\n face |bytes\n  eth0: " + nic + "\n    lo: " + nic + "\n veth1: " + nic + "\n");
  }
};

struct Watch {
  FakeHost host;
  ledger::testing::ManualClock clock{ten_o_clock};
  std::unique_ptr<UsageSampler> sampler = make();
  std::vector<UsageRecord> records;

  std::unique_ptr<UsageSampler> make() {
    return std::make_unique<UsageSampler>(UsageOptions{.root = host.root / "."}, clock);
  }
  void sample() {
    host.update();
    sampler->sample();
    take();
  }
  void take() {
    while (auto record = sampler->take()) records.push_back(std::move(*record));
  }
  // Samples at each grid point of the time that passes, the host being half busy.
  void run(std::chrono::seconds time) {
    for (auto passed = 0s; passed < time; passed += 10s) {
      clock.advance(10s);
      host.user += 100;
      host.idle += 100;
      host.read_sectors += 20;
      host.in_bytes += 5000;
      sample();
    }
  }
  std::vector<UsageRecord> of_kind(std::string_view kind) const {
    std::vector<UsageRecord> found;
    for (const auto& record : records) {
      if (values_of(record.line)["kind"] == kind) found.push_back(record);
    }
    return found;
  }
};

TEST_CASE("a clock minute gives one record of six samples") {
  Watch watch;
  watch.sample();
  watch.run(60s);
  REQUIRE(watch.records.size() == 1);
  auto values = values_of(watch.records[0].line);
  CHECK(values["kind"] == "usage");
  CHECK(values["time"] == "2026-11-22T10:01:00.000000Z");
  CHECK(values["n"] == "6");
  CHECK(values["interval_s"] == "10");
  CHECK(values["cpu.used.mean"] == "50.00");
  CHECK(values["cpu.used.max"] == "50.00");
  CHECK(values["cpu.count"] == "2");
  CHECK(values["memory.used.mean"] == "75.00");
  CHECK(values["memory.total"] == "1024000000");
  CHECK(values["system.boot_id"] == "0c3f1b62-7a7b-4c0e-9a67-000000000001");
  CHECK(values["system.load5"] == "1.25");
  CHECK(values["system.threads"] == "412");
  CHECK_FALSE(watch.records[0].seal_now);
}

TEST_CASE("only whole disks and hardware NICs count, once") {
  Watch watch;
  watch.sample();
  watch.run(60s);
  auto values = values_of(watch.records.at(0).line);
  CHECK(values["disk.read_bytes.mean"] == "1024");
  CHECK(values["disk.read_bytes.mean.vda"] == "1024");
  CHECK(values["net.in_bytes.mean"] == "500");
  CHECK(values["net.in_bytes.max.eth0"] == "500");
  CHECK(values["net.in_errors.eth0"] == "0");
  for (const auto& [key, value] : values) {
    for (const std::string_view name : {".vda1", ".dm-0", ".loop0", ".lo", ".veth1"})
      CHECK_FALSE(key.ends_with(name));
  }
}

TEST_CASE("what the kernel does not offer is absent and not 0") {
  Watch watch;
  watch.sample();
  watch.run(60s);
  auto values = values_of(watch.records.at(0).line);
  CHECK_FALSE(values.contains("pressure.cpu.some.mean"));
  CHECK_FALSE(values.contains("swap.used.mean"));
  CHECK_FALSE(values.contains("system.oom_kills"));
  CHECK_FALSE(values.contains("disk.await_ms.mean.vda"));  // no transfer, so no waiting time
  watch.host.write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n");
  watch.run(10s);
  watch.host.write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2501000\n");
  watch.run(50s);
  values = values_of(watch.records.at(1).line);
  CHECK(values["pressure.cpu.some.max"] == "25.00");
  CHECK_FALSE(values.contains("pressure.cpu.full.max"));
}

TEST_CASE(
    "stolen time is neither used nor idle, and counters that step back count as no progress") {
  Watch watch;
  watch.sample();
  watch.clock.advance(10s);
  watch.host.user += 30;
  watch.host.steal += 30;
  watch.host.idle += 40;
  watch.host.iowait -= 50;
  watch.sample();
  watch.sampler->finish();
  watch.take();
  auto values = values_of(watch.records.at(0).line);
  CHECK(values["cpu.used.mean"] == "30.00");
  CHECK(values["cpu.steal.mean"] == "30.00");
  CHECK(values["cpu.idle.mean"] == "40.00");
  CHECK(values["cpu.iowait.mean"] == "0.00");
}

TEST_CASE("an hour closes at its end with every sample in its histograms") {
  Watch watch;
  watch.sample();
  watch.run(3600s);
  CHECK(watch.of_kind("usage").size() == 60);
  const auto hours = watch.of_kind("usage_hour");
  REQUIRE(hours.size() == 1);
  CHECK(watch.records.back().line == hours[0].line);
  CHECK(hours[0].open_hour.empty());
  const auto record = ledger::parse_record(hours[0].line);
  const auto hour = ledger::read_usage_hour(**record);
  REQUIRE(hour);
  CHECK(hour->from == ten_o_clock);
  CHECK(hour->to == ten_o_clock + 1h);
  CHECK(hour->samples == 360);
  CHECK(hour->figure(ledger::HourFigure::cpu).count() == 360);
  CHECK(hour->figure(ledger::HourFigure::cpu).mean() == 500);
  CHECK(hour->figure(ledger::HourFigure::memory).max() == 750);
  CHECK(hour->figure(ledger::HourFigure::net_in).sum() == 360 * 500);
  CHECK(hour->figure(ledger::HourFigure::disk_bytes).min() == 1024);
  CHECK(hour->vcpus == 2);
  CHECK(values_of(hours[0].line)["coverage"] == "100.00");
}

TEST_CASE("after a crash the hour holds exactly the minutes that were sealed") {
  Watch watch;
  watch.sample();
  watch.run(600s);
  const std::string durable = watch.records.at(7).open_hour;  // minutes 8 and 9 were not sealed
  watch.sampler = watch.make();
  watch.sampler->restore(durable);
  watch.sample();
  watch.run(3000s);
  const auto hours = watch.of_kind("usage_hour");
  REQUIRE(hours.size() == 1);
  auto values = values_of(hours[0].line);
  CHECK(values["from"] == "2026-11-22T10:00:00.000000Z");
  CHECK(values["n"] == "348");
  CHECK(values["coverage"] == "96.67");
}

TEST_CASE("an hour that ended while the agent was down is closed at once") {
  Watch watch;
  watch.sample();
  watch.run(600s);
  const std::string durable = watch.records.back().open_hour;
  watch.records.clear();
  watch.clock.advance(3h);
  watch.sampler = watch.make();
  watch.sampler->restore(durable);
  watch.sample();
  REQUIRE(watch.records.size() == 1);
  auto values = values_of(watch.records[0].line);
  CHECK(values["kind"] == "usage_hour");
  CHECK(values["time"] == "2026-11-22T11:00:00.000000Z");
  CHECK(values["n"] == "60");
}

TEST_CASE("an open hour that is not one is ignored") {
  Watch watch;
  watch.sampler->restore("what is this");
  watch.sample();
  watch.run(60s);
  CHECK(watch.records.size() == 1);
}

TEST_CASE("stopping closes minute and hour as they are") {
  Watch watch;
  watch.clock.advance(5s);
  watch.sample();
  watch.run(20s);
  watch.sampler->finish();
  watch.take();
  REQUIRE(watch.records.size() == 2);
  auto minute = values_of(watch.records[0].line);
  auto hour = values_of(watch.records[1].line);
  CHECK(minute["time"] == "2026-11-22T10:00:25.000000Z");
  CHECK(minute["n"] == "2");
  CHECK(hour["from"] == "2026-11-22T10:00:05.000000Z");
  CHECK(hour["time"] == "2026-11-22T10:00:25.000000Z");
  CHECK(hour["coverage"] == "100.00");
  CHECK(watch.records[1].seal_now);
}

TEST_CASE("a change of size closes the hour with the old size") {
  Watch watch;
  watch.sample();
  watch.run(90s);
  SUBCASE("of the number of CPUs") { watch.host.cpus = 4; }
  SUBCASE("of memory") { watch.host.memory_kb = 2'000'000; }
  watch.run(10s);
  REQUIRE(watch.records.size() == 3);
  CHECK(watch.records[2].seal_now);
  auto hour = values_of(watch.records[2].line);
  CHECK(hour["cpu.count"] == "2");
  CHECK(hour["memory.total"] == "1024000000");
  CHECK(hour["n"] == "9");
  watch.run(60s);
  watch.sampler->finish();
  watch.take();
  hour = values_of(watch.records.back().line);
  CHECK(hour["n"] == "6");
  CHECK((hour["cpu.count"] == "4" || hour["memory.total"] == "2048000000"));
  CHECK(hour["from"] == "2026-11-22T10:01:40.000000Z");
}

TEST_CASE("a balloon that breathes is no change of size") {
  Watch watch;
  watch.sample();
  watch.run(30s);
  watch.host.memory_kb -= 20'000;
  watch.run(30s);
  CHECK(watch.records.size() == 1);
}

TEST_CASE("a pause is not measured") {
  Watch watch;
  watch.sample();
  watch.run(30s);
  watch.clock.advance(600s);
  watch.host.user += 60'000;
  watch.sample();
  watch.run(50s);
  REQUIRE(watch.records.size() == 2);
  CHECK(values_of(watch.records[0].line)["n"] == "3");
  CHECK(values_of(watch.records[1].line)["n"] == "3");
  CHECK(values_of(watch.records[1].line)["cpu.used.max"] == "50.00");
}

TEST_CASE("a clock that is set back or forward splits minutes and loses none") {
  Watch watch;
  watch.sample();
  watch.run(600s);
  SUBCASE("back") { watch.clock.step_wall(-5min); }
  SUBCASE("forward into another hour") { watch.clock.step_wall(2h); }
  watch.run(120s);
  watch.sampler->finish();
  watch.take();
  std::uint64_t samples = 0, folded = 0;
  for (const auto& record : watch.records) {
    auto values = values_of(record.line);
    (values["kind"] == "usage" ? samples : folded) += std::stoull(values["n"]);
    if (values["kind"] == "usage_hour") CHECK(values["from"] <= values["time"]);
  }
  CHECK(samples == 72);
  CHECK(folded == 72);
}

TEST_CASE("a late sample belongs to the minute in which most of it lies") {
  Watch watch;
  watch.sample();
  watch.run(50s);
  watch.clock.advance(13s);
  watch.host.user += 13;
  watch.sample();
  REQUIRE(watch.records.size() == 1);
  CHECK(values_of(watch.records[0].line)["n"] == "6");
}

TEST_CASE("this host is measured for real") {
  const ledger::SystemClock clock;
  UsageSampler sampler({}, clock);
  sampler.sample();
  const auto start = clock.boot();
  double work = 0;
  while (clock.boot() - start < 200ms) work += 1;
  sampler.sample();
  sampler.finish();
  const auto minute = sampler.take();
  REQUIRE(minute);
  CHECK(work > 0);
  auto values = values_of(minute->line);
  CHECK(std::stod(values["cpu.used.mean"]) > 0);
  CHECK(std::stod(values["cpu.used.mean"]) <= 100);
  CHECK(std::stoull(values["memory.total"]) > 1'000'000);
  CHECK(std::stod(values["memory.used.mean"]) > 0);
  CHECK(std::stoull(values["system.processes"]) > 1);
  CHECK(values.contains("system.load1.mean"));
  CHECK(values.contains("system.clock_synced"));
  CHECK(values.contains("system.fds.max"));
  CHECK(minute->line.size() < 16 * 1024);
  const auto hour = sampler.take();
  REQUIRE(hour);
  CHECK(values_of(hour->line)["kind"] == "usage_hour");
}

TEST_CASE("mounts: real file systems once each, what lies on top, names decoded") {
  const auto mounts = parse_mountinfo(
      "21 26 0:20 / /proc rw,relatime - proc proc rw\n"
      "26 1 254:0 / / ro,relatime shared:1 - ext4 /dev/vda rw\n"
      "27 26 254:0 /srv /srv rw,relatime - ext4 /dev/vda rw\n"
      "28 26 254:16 / /mnt/my\\040data rw - xfs /dev/vdb ro,noatime\n"
      "29 26 0:50 / /mnt/share rw - nfs4 server:/x rw\n"
      "30 26 254:32 / /mnt/over rw - ext4 /dev/vdc rw\n"
      "31 26 254:48 / /mnt/over rw - ext4 /dev/vdd rw\n"
      "32 26 254:64 / /var/lib/docker/x rw - ext4 /dev/vde rw\n"
      "33 26 0:60 / /run rw - tmpfs tmpfs rw\n"
      "34 26 254:80 / /home rw - ext4 /dev/vdf rw\n"
      "35 26 0:61 / /home rw - tmpfs tmpfs rw\n"
      "36 26 0:62 / /mnt/ssh rw - fuse.sshfs ops@logs:/ rw\n"
      "37 26 0:63 / /var/lib/lxcfs rw - fuse.lxcfs lxcfs rw\n"
      "broken line\n");
  std::vector<std::string> paths;
  for (const auto& mount : mounts) paths.push_back(mount.path);
  CHECK(paths ==
        std::vector<std::string>{"/", "/mnt/my data", "/mnt/share", "/mnt/over", "/mnt/ssh"});
  CHECK(mounts[2].remote);
  CHECK(mounts[4].remote);
  // The file system's own state, not that of a mount that a sandbox made read-only.
  CHECK_FALSE(mounts[0].read_only);
  CHECK(mounts[1].read_only);
  CHECK(device_key("/mnt/my data") == "/mnt/my%20data");
}

TEST_CASE("a dead server delays no sample and is told") {
  struct Server {
    std::mutex mutex;
    std::condition_variable changed;
    bool dead = true;
    int asked = 0, answered = 0;
  };
  const auto server = std::make_shared<Server>();
  MountProbe probe("", [server](const char* path, struct statvfs* status) {
    *status = {};
    status->f_blocks = 100;
    status->f_bfree = status->f_bavail = 25;
    status->f_frsize = 4096;
    if (std::string_view(path) != "/dead") return 0;
    std::unique_lock lock(server->mutex);
    ++server->asked;
    server->changed.notify_all();
    server->changed.wait(lock, [&] { return !server->dead; });
    ++server->answered;
    server->changed.notify_all();
    return 0;
  });
  probe.set_mounts({{"/", false}, {"/dead", true}});
  CHECK(probe.look()[1].pending);
  {
    std::unique_lock lock(server->mutex);
    REQUIRE(server->changed.wait_for(lock, 10s, [&] { return server->asked == 1; }));
  }
  const auto& states = probe.look();  // returns although the question hangs
  CHECK(states[0].answered);
  CHECK(states[0].used_percent == 75);
  CHECK_FALSE(states[1].answered);
  CHECK_FALSE(states[1].pending);
  CHECK(server->asked == 1);  // nobody else is sent after the one that hangs
  {
    std::unique_lock lock(server->mutex);
    server->dead = false;
    server->changed.notify_all();
    REQUIRE(server->changed.wait_for(lock, 10s, [&] { return server->answered == 1; }));
  }
  const auto limit = std::chrono::steady_clock::now() + 10s;
  bool answered = false;
  while (!answered && std::chrono::steady_clock::now() < limit) answered = probe.look()[1].answered;
  CHECK(answered);
}

TEST_CASE("sessions are counted by logind's files") {
  testing::TemporaryDirectory root;
  CHECK_FALSE(count_sessions(root / ".").has_value());
  testing::overwrite(root / "run/systemd/sessions/1", "UID=0\nCLASS=user\nACTIVE=1\n");
  testing::overwrite(root / "run/systemd/sessions/1.ref", "");
  testing::overwrite(root / "run/systemd/sessions/c1", "UID=42\nCLASS=greeter\n");
  CHECK(count_sessions(root / ".") == 1);
}

TEST_CASE("a disk and a card that come and go are counted from their second look on") {
  Watch watch;
  const auto look = [&](std::string_view disk, std::string_view card) {
    watch.host.write("proc/diskstats", fmt::format("254 0 vda 1 0 0 0 0 0 0 0 0 0 0\n{}", disk));
    watch.host.write("proc/net/dev", fmt::format("Inter-|\n face |bytes\n"
                                                 "  eth0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n{}",
                                                 card));
    watch.sampler->sample();
    watch.clock.advance(10s);
  };
  look("", "");
  look("", "");
  watch.host.link("sys/block/vdb", "../devices/pci0000:00/virtio3/block/vdb");
  watch.host.link("sys/class/net/eth1", "../../devices/pci0000:00/virtio4/net/eth1");
  look("254 16 vdb 9 0 8000000 0 0 0 0 0 0 0 0\n",
       "  eth1: 7000000 9 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  look("254 16 vdb 9 0 8000020 0 0 0 0 0 0 0 0\n",
       "  eth1: 7005000 9 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  look("", "");
  watch.sampler->finish();
  watch.take();
  auto values = values_of(watch.records.at(0).line);
  CHECK(values["disk.read_bytes.max.vdb"] == "1024");
  CHECK(values["disk.read_bytes.max"] == "1024");
  CHECK(values["net.in_bytes.max.eth1"] == "500");
  CHECK(values["net.in_bytes.max"] == "500");
}

TEST_CASE("in a container without cards of its own the others count, but for loopback") {
  Watch watch;
  std::filesystem::remove(watch.host.root / "sys/class/net/eth0");
  watch.host.link("sys/class/net/eth0", "../../devices/virtual/net/eth0");
  watch.sample();
  watch.run(60s);
  auto values = values_of(watch.records.at(0).line);
  CHECK(values["net.in_bytes.mean.eth0"] == "500");
  CHECK(values["net.in_bytes.mean"] == "500");
  CHECK_FALSE(values.contains("net.in_bytes.mean.lo"));
}

TEST_CASE("counters of 32 bits may wrap") {
  Watch watch;
  const auto disk = [&](std::uint64_t reads, std::uint64_t ms) {
    watch.host.write("proc/diskstats",
                     fmt::format("254 0 vda {} 0 0 {} 0 0 0 0 0 0 0\n", reads, ms));
    watch.sampler->sample();
    watch.clock.advance(10s);
  };
  disk(10, 4294967290);
  disk(20, 4);
  watch.sampler->finish();
  watch.take();
  CHECK(values_of(watch.records.at(0).line)["disk.await_ms.mean.vda"] == "1.00");
}

}  // namespace
}  // namespace yunjian::agent
