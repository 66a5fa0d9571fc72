#include "agent/sources/host_figures.h"

#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

namespace yunjian::agent {
namespace {

using ledger::HourFigure;

// clang-format off
enum Fixed : std::size_t {
  cpu_count, cpu_used, cpu_user, cpu_system, cpu_irq, cpu_iowait, cpu_steal, cpu_idle,
  memory_total, memory_used, memory_available, memory_cached, memory_shared, memory_dirty,
  memory_committed, memory_unreclaimable, memory_huge, memory_faults,
  swap_total, swap_used, swap_in, swap_out,
  pressure_cpu_some, pressure_cpu_full, pressure_memory_some, pressure_memory_full,
  pressure_io_some, pressure_io_full,
  system_load1, system_load5, system_load15, system_running, system_blocked, system_threads,
  system_processes, system_forks, system_fds, system_uptime, system_oom_kills, system_sessions,
  system_clock_synced, system_clock_error,
  fixed_count
};
// clang-format on

// In the order of the enumeration.
constexpr std::array<FigureKind, fixed_count> fixed_kinds = {{
    {"cpu.count", Keep::last, false},
    {"cpu.used", Keep::mean_max, true},
    {"cpu.user", Keep::mean_max, true},
    {"cpu.system", Keep::mean_max, true},
    {"cpu.irq", Keep::mean_max, true},
    {"cpu.iowait", Keep::mean_max, true},
    {"cpu.steal", Keep::mean_max, true},
    {"cpu.idle", Keep::mean_max, true},
    {"memory.total", Keep::last, false},
    {"memory.used", Keep::mean_max, true},
    {"memory.available", Keep::last, false},
    {"memory.cached", Keep::last, false},
    {"memory.shared", Keep::last, false},
    {"memory.dirty", Keep::mean_max, false},
    {"memory.committed", Keep::last, false},
    {"memory.unreclaimable", Keep::last, false},
    {"memory.huge", Keep::last, false},
    {"memory.major_faults", Keep::mean_max, true},
    {"swap.total", Keep::last, false},
    {"swap.used", Keep::mean_max, true},
    {"swap.in_bytes", Keep::mean_max, false},
    {"swap.out_bytes", Keep::mean_max, false},
    {"pressure.cpu.some", Keep::mean_max, true},
    {"pressure.cpu.full", Keep::mean_max, true},
    {"pressure.memory.some", Keep::mean_max, true},
    {"pressure.memory.full", Keep::mean_max, true},
    {"pressure.io.some", Keep::mean_max, true},
    {"pressure.io.full", Keep::mean_max, true},
    {"system.load1", Keep::mean_max, true},
    {"system.load5", Keep::last, true},
    {"system.load15", Keep::last, true},
    {"system.running", Keep::mean_max, true},
    {"system.blocked", Keep::mean_max, true},
    {"system.threads", Keep::last, false},
    {"system.processes", Keep::last, false},
    {"system.forks", Keep::mean_max, true},
    {"system.fds", Keep::mean_max, false},
    {"system.uptime_s", Keep::last, false},
    {"system.oom_kills", Keep::total, false},
    {"system.sessions", Keep::last, false},
    {"system.clock_synced", Keep::last, false},
    {"system.clock_error_us", Keep::last, false},
}};

constexpr std::array<FigureKind, 6> disk_kinds = {{
    {"disk.read_bytes", Keep::mean_max, false},
    {"disk.write_bytes", Keep::mean_max, false},
    {"disk.reads", Keep::mean_max, true},
    {"disk.writes", Keep::mean_max, true},
    {"disk.await_ms", Keep::mean_max, true},
    {"disk.busy", Keep::mean_max, true},
}};
constexpr std::size_t disk_sum_kinds = 4;  // the first ones; await and busy have no sum

constexpr std::array<FigureKind, 8> nic_kinds = {{
    {"net.in_bytes", Keep::mean_max, false},
    {"net.out_bytes", Keep::mean_max, false},
    {"net.in_packets", Keep::mean_max, true},
    {"net.out_packets", Keep::mean_max, true},
    {"net.in_errors", Keep::total, false},
    {"net.out_errors", Keep::total, false},
    {"net.in_drops", Keep::total, false},
    {"net.out_drops", Keep::total, false},
}};

constexpr std::array<FigureKind, 6> mount_kinds = {{
    {"fs.total", Keep::last, false},
    {"fs.available", Keep::last, false},
    {"fs.used", Keep::last, true},
    {"fs.inodes_used", Keep::last, true},
    {"fs.read_only", Keep::last, false},
    {"fs.unanswered", Keep::last, false},
}};

std::size_t define_all(UsageFigures& figures, std::span<const FigureKind> kinds,
                       std::string_view device) {
  const std::size_t first = figures.define(kinds.front(), device);
  for (const FigureKind& kind : kinds.subspan(1)) figures.define(kind, device);
  return first;
}

// Counters may step back: hotplug, iowait by design, a driver that was reset. That is no progress.
double step(std::uint64_t before, std::uint64_t now) {
  return now > before ? static_cast<double>(now - before) : 0;
}

// For columns that the kernel keeps in 32 bits.
double step32(std::uint64_t before, std::uint64_t now) {
  constexpr std::uint64_t wrap = 1ULL << 32;
  const bool wrapped = now < before && before < wrap && before - now > wrap / 2;
  return step(before, wrapped ? now + wrap : now);
}

void set(HourSample& sample, HourFigure figure, double value) {
  sample[static_cast<std::size_t>(figure)] = static_cast<std::uint64_t>(std::llround(value));
}

}  // namespace

HostFigures::HostFigures(const std::string& root, UsageFigures& figures)
    : root_(root),
      figures_(figures),
      stat_(root + "/proc/stat"),
      meminfo_(root + "/proc/meminfo"),
      vmstat_(root + "/proc/vmstat"),
      loadavg_(root + "/proc/loadavg"),
      diskstats_(root + "/proc/diskstats"),
      net_dev_(root + "/proc/net/dev"),
      file_nr_(root + "/proc/sys/fs/file-nr"),
      uptime_(root + "/proc/uptime"),
      mountinfo_(root + "/proc/self/mountinfo"),
      pressure_{ProcFile(root + "/proc/pressure/cpu"), ProcFile(root + "/proc/pressure/memory"),
                ProcFile(root + "/proc/pressure/io")},
      probe_(root) {
  handles_ = define_all(figures_, fixed_kinds, {});
  disk_sums_ = define_all(figures_, std::span(disk_kinds).first(disk_sum_kinds), {});
  nic_sums_ = define_all(figures_, nic_kinds, {});
  ProcFile boot_id(root + "/proc/sys/kernel/random/boot_id");
  if (auto text = boot_id.read(scratch_)) boot_id_ = next_word(*text);
}

HostSize HostFigures::look() {
  cpu_ = parse_stat(stat_.read(scratch_).value_or(""));
  memory_ = parse_meminfo(meminfo_.read(scratch_).value_or(""));
  return {cpu_.cpus, memory_.total};
}

void HostFigures::rebase() {
  read_counters(std::nullopt, nullptr);
  cpu_base_ = cpu_;
}

HourSample HostFigures::measure(double seconds) {
  HourSample sample;
  add_cpu(sample);
  add_memory(sample);
  add_system(seconds);
  read_counters(seconds, &sample);
  cpu_base_ = cpu_;
  return sample;
}

void HostFigures::measure_slow() {
  figures_.add(handles_ + system_processes, static_cast<double>(count_processes(root_)));
  if (const auto sessions = count_sessions(root_))
    figures_.add(handles_ + system_sessions, static_cast<double>(*sessions));
  add_mounts();
  add_clock();
}

void HostFigures::read_counters(std::optional<double> seconds, HourSample* sample) {
  if (const auto text = vmstat_.read(scratch_)) {
    const VmCounters now = parse_vmstat(*text);
    if (seconds) add_paging(now, *seconds);
    vm_base_ = now;
  }
  add_pressure(seconds);
  read_disks(seconds, sample);
  read_nics(seconds, sample);
}

void HostFigures::add_cpu(HourSample& sample) {
  const CpuCounters& a = cpu_base_;
  const CpuCounters& b = cpu_;
  const double user = step(a.user, b.user) + step(a.nice, b.nice);
  const double kernel = step(a.system, b.system);
  const double irq = step(a.irq, b.irq) + step(a.softirq, b.softirq);
  const double iowait = step(a.iowait, b.iowait);
  const double steal = step(a.steal, b.steal);
  const double idle = step(a.idle, b.idle);
  const double total = user + kernel + irq + iowait + steal + idle;
  if (b.cpus > 0) figures_.add(handles_ + cpu_count, static_cast<double>(b.cpus));
  if (total <= 0) return;
  const double used = 100 * (user + kernel + irq) / total;
  figures_.add(handles_ + cpu_used, used);
  figures_.add(handles_ + cpu_user, 100 * user / total);
  figures_.add(handles_ + cpu_system, 100 * kernel / total);
  figures_.add(handles_ + cpu_irq, 100 * irq / total);
  figures_.add(handles_ + cpu_iowait, 100 * iowait / total);
  figures_.add(handles_ + cpu_steal, 100 * steal / total);
  figures_.add(handles_ + cpu_idle, 100 * idle / total);
  set(sample, HourFigure::cpu, used * 10);
}

void HostFigures::add_memory(HourSample& sample) {
  const MemoryState& state = memory_;
  if (state.total == 0) return;
  const auto add = [&](Fixed figure, std::uint64_t bytes) {
    figures_.add(handles_ + figure, static_cast<double>(bytes));
  };
  const auto available = static_cast<double>(std::min(state.available, state.total));
  const double used = 100 * (1 - available / static_cast<double>(state.total));
  figures_.add(handles_ + memory_used, used);
  add(memory_total, state.total);
  add(memory_available, state.available);
  add(memory_cached, state.cached);
  add(memory_shared, state.shared);
  add(memory_dirty, state.dirty);
  add(memory_committed, state.committed);
  add(memory_unreclaimable, state.unreclaimable);
  if (state.huge > 0) add(memory_huge, state.huge);
  add(swap_total, state.swap_total);
  if (state.swap_total > 0) {
    const auto free = static_cast<double>(std::min(state.swap_free, state.swap_total));
    figures_.add(handles_ + swap_used, 100 * (1 - free / static_cast<double>(state.swap_total)));
  }
  set(sample, HourFigure::memory, used * 10);
}

void HostFigures::add_paging(const VmCounters& now, double seconds) {
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  figures_.add(handles_ + memory_faults, step(vm_base_.major_faults, now.major_faults) / seconds);
  if (memory_.swap_total > 0) {
    figures_.add(handles_ + swap_in, step(vm_base_.swap_in, now.swap_in) * page / seconds);
    figures_.add(handles_ + swap_out, step(vm_base_.swap_out, now.swap_out) * page / seconds);
  }
  if (now.oom_kills && vm_base_.oom_kills)
    figures_.add(handles_ + system_oom_kills, step(*vm_base_.oom_kills, *now.oom_kills));
}

void HostFigures::add_pressure(std::optional<double> seconds) {
  for (std::size_t i = 0; i < pressure_.size(); ++i) {
    const auto text = pressure_[i].read(scratch_);
    const PressureCounters now = text ? parse_pressure(*text) : PressureCounters{};
    const auto add = [&](std::size_t figure, std::optional<std::uint64_t> before,
                         std::optional<std::uint64_t> after) {
      if (!seconds || !before || !after) return;
      const double share = 100 * step(*before, *after) / (*seconds * 1e6);
      figures_.add(handles_ + pressure_cpu_some + figure, std::min(share, 100.0));
    };
    add(2 * i, pressure_base_[i].some, now.some);
    add(2 * i + 1, pressure_base_[i].full, now.full);
    pressure_base_[i] = now;
  }
}

void HostFigures::add_system(double seconds) {
  figures_.add(handles_ + system_running, static_cast<double>(cpu_.running));
  figures_.add(handles_ + system_blocked, static_cast<double>(cpu_.blocked));
  figures_.add(handles_ + system_forks, step(cpu_base_.forks, cpu_.forks) / seconds);
  if (const auto text = loadavg_.read(scratch_)) {
    const LoadState load = parse_loadavg(*text);
    figures_.add(handles_ + system_load1, load.load1);
    figures_.add(handles_ + system_load5, load.load5);
    figures_.add(handles_ + system_load15, load.load15);
    figures_.add(handles_ + system_threads, static_cast<double>(load.threads));
  }
  if (auto text = file_nr_.read(scratch_))
    figures_.add(handles_ + system_fds, static_cast<double>(next_number(*text)));
  if (auto text = uptime_.read(scratch_))
    figures_.add(handles_ + system_uptime, static_cast<double>(next_number(*text)));
}

void HostFigures::read_disks(std::optional<double> seconds, HourSample* sample) {
  auto text = diskstats_.read(scratch_);
  if (!text) return;
  std::array<double, disk_sum_kinds> sums{};
  bool any = false;
  for (auto& disk : disks_) disk.seen = false;
  while (!text->empty()) {
    const auto now = parse_disk_line(next_line(*text));
    if (!now) continue;
    Disk& disk = disk_of(now->name);
    if (!disk.counts) continue;
    if (seconds && disk.has_base) {
      const double reads = step(disk.base.reads, now->reads);
      const double writes = step(disk.base.writes, now->writes);
      const double waited =
          step32(disk.base.read_ms, now->read_ms) + step32(disk.base.write_ms, now->write_ms);
      const std::array<double, disk_sum_kinds> rates = {
          step(disk.base.read_bytes, now->read_bytes) / *seconds,
          step(disk.base.write_bytes, now->write_bytes) / *seconds, reads / *seconds,
          writes / *seconds};
      for (std::size_t i = 0; i < rates.size(); ++i) {
        sums[i] += rates[i];
        if (disk.listed) figures_.add(disk.handles + i, rates[i]);
      }
      if (disk.listed && reads + writes > 0)
        figures_.add(disk.handles + 4, waited / (reads + writes));
      const double busy = step32(disk.base.busy_ms, now->busy_ms) / (*seconds * 10);
      if (disk.listed) figures_.add(disk.handles + 5, std::min(busy, 100.0));
      any = true;
    }
    disk.base = *now;
    disk.base.name = {};  // would point into the scratch buffer
    disk.has_base = disk.seen = true;
  }
  for (auto& disk : disks_) disk.has_base = disk.seen;
  if (!any) return;
  for (std::size_t i = 0; i < sums.size(); ++i) figures_.add(disk_sums_ + i, sums[i]);
  set(*sample, HourFigure::disk_bytes, sums[0] + sums[1]);
  set(*sample, HourFigure::disk_iops, sums[2] + sums[3]);
}

HostFigures::Disk& HostFigures::disk_of(std::string_view name) {
  for (auto& disk : disks_) {
    if (disk.name == name) return disk;
  }
  Disk& disk = disks_.emplace_back();
  disk.name = name;
  disk.counts = is_whole_disk(root_, name);
  const auto listed =
      std::count_if(disks_.begin(), disks_.end(), [](const Disk& other) { return other.listed; });
  disk.listed = disk.counts && static_cast<std::size_t>(listed) < devices_listed_max;
  if (disk.listed) disk.handles = define_all(figures_, disk_kinds, name);
  return disk;
}

void HostFigures::read_nics(std::optional<double> seconds, HourSample* sample) {
  auto text = net_dev_.read(scratch_);
  if (!text) return;
  std::array<double, nic_kinds.size()> sums{};
  bool any = false;
  for (auto& nic : nics_) nic.seen = false;
  while (!text->empty()) {
    const auto now = parse_nic_line(next_line(*text));
    if (!now) continue;
    Nic& nic = nic_of(now->name);
    if (!nic.counts) continue;
    if (seconds && nic.has_base) {
      const std::array<double, nic_kinds.size()> values = {
          step(nic.base.in_bytes, now->in_bytes) / *seconds,
          step(nic.base.out_bytes, now->out_bytes) / *seconds,
          step(nic.base.in_packets, now->in_packets) / *seconds,
          step(nic.base.out_packets, now->out_packets) / *seconds,
          step(nic.base.in_errors, now->in_errors),
          step(nic.base.out_errors, now->out_errors),
          step(nic.base.in_drops, now->in_drops),
          step(nic.base.out_drops, now->out_drops)};
      for (std::size_t i = 0; i < values.size(); ++i) {
        sums[i] += values[i];
        if (nic.listed) figures_.add(nic.handles + i, values[i]);
      }
      any = true;
    }
    nic.base = *now;
    nic.base.name = {};
    nic.has_base = nic.seen = true;
  }
  for (auto& nic : nics_) nic.has_base = nic.seen;
  if (!any) return;
  for (std::size_t i = 0; i < sums.size(); ++i) figures_.add(nic_sums_ + i, sums[i]);
  set(*sample, HourFigure::net_in, sums[0]);
  set(*sample, HourFigure::net_out, sums[1]);
}

// Hardware counts; the plausible others count only as long as there is no hardware.
HostFigures::Nic& HostFigures::nic_of(std::string_view name) {
  for (auto& nic : nics_) {
    if (nic.name == name) return nic;
  }
  const bool hardware = is_hardware_nic(root_, name);
  if (hardware) {
    for (auto& other : nics_) other.counts = other.hardware;
  }
  const bool has_hardware =
      std::any_of(nics_.begin(), nics_.end(), [](const Nic& other) { return other.hardware; });
  Nic& nic = nics_.emplace_back();
  nic.name = name;
  nic.hardware = hardware;
  nic.counts = hardware || (!has_hardware && is_plausible_nic(root_, name));
  const auto listed =
      std::count_if(nics_.begin(), nics_.end(), [](const Nic& other) { return other.listed; });
  nic.listed = nic.counts && static_cast<std::size_t>(listed) < devices_listed_max;
  if (nic.listed) nic.handles = define_all(figures_, nic_kinds, name);
  return nic;
}

void HostFigures::add_mounts() {
  if (const auto text = mountinfo_.read(scratch_); text && *text != mounts_text_) {
    mounts_text_ = *text;
    probe_.set_mounts(parse_mountinfo(*text));
  }
  for (const auto& state : probe_.look()) {
    auto known = std::find_if(mount_handles_.begin(), mount_handles_.end(),
                              [&](const auto& handle) { return handle.first == state.path; });
    if (known == mount_handles_.end()) {
      if (mount_handles_.size() >= 4 * mounts_max) continue;
      mount_handles_.emplace_back(state.path, define_all(figures_, mount_kinds, state.path));
      known = mount_handles_.end() - 1;
    }
    const std::size_t first = known->second;
    if (state.pending) continue;
    if (!state.answered) {
      figures_.add(first + 5, 1);
      continue;
    }
    figures_.add(first, static_cast<double>(state.total_bytes));
    figures_.add(first + 1, static_cast<double>(state.available_bytes));
    figures_.add(first + 2, state.used_percent);
    if (state.inodes_percent >= 0) figures_.add(first + 3, state.inodes_percent);
    figures_.add(first + 4, state.read_only ? 1 : 0);
  }
}

void HostFigures::add_clock() {
  struct timex status {};
  const int state = adjtimex(&status);
  if (state < 0) return;
  const bool synced = state != TIME_ERROR && (status.status & STA_UNSYNC) == 0;
  figures_.add(handles_ + system_clock_synced, synced ? 1 : 0);
  figures_.add(handles_ + system_clock_error, static_cast<double>(status.maxerror));
}

}  // namespace yunjian::agent
