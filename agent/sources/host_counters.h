#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yunjian::agent {

// What the kernel tells about the whole host, as it tells it: counters since boot and states of
// now. The parsers take the text of one file; unknown lines and columns are skipped, missing ones
// stay 0 or empty.

// Ticks of /proc/stat. Time of guests is already inside user and nice, steal is not inside any.
struct CpuCounters {
  std::uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0,
                steal = 0;
  std::uint64_t cpus = 0;  // online
  std::uint64_t forks = 0, running = 0, blocked = 0;
};
CpuCounters parse_stat(std::string_view text);

// Bytes of /proc/meminfo.
struct MemoryState {
  std::uint64_t total = 0, available = 0, cached = 0, shared = 0, dirty = 0, committed = 0,
                unreclaimable = 0, huge = 0, swap_total = 0, swap_free = 0;
};
MemoryState parse_meminfo(std::string_view text);

// /proc/vmstat; swap in pages.
struct VmCounters {
  std::uint64_t swap_in = 0, swap_out = 0, major_faults = 0;
  std::optional<std::uint64_t> oom_kills;  // kernels before 4.13 do not count them
};
VmCounters parse_vmstat(std::string_view text);

// One file of /proc/pressure: microseconds in which some or all tasks waited.
struct PressureCounters {
  std::optional<std::uint64_t> some, full;
};
PressureCounters parse_pressure(std::string_view text);

struct LoadState {
  double load1 = 0, load5 = 0, load15 = 0;
  std::uint64_t threads = 0;
};
LoadState parse_loadavg(std::string_view text);

// A line of /proc/diskstats. The kernel keeps the millisecond columns in 32 bits.
struct DiskCounters {
  std::string_view name;
  std::uint64_t reads = 0, read_bytes = 0, read_ms = 0, writes = 0, write_bytes = 0, write_ms = 0,
                busy_ms = 0;
};
std::optional<DiskCounters> parse_disk_line(std::string_view line);

// A line of /proc/net/dev.
struct NicCounters {
  std::string_view name;
  std::uint64_t in_bytes = 0, in_packets = 0, in_errors = 0, in_drops = 0, out_bytes = 0,
                out_packets = 0, out_errors = 0, out_drops = 0;
};
std::optional<NicCounters> parse_nic_line(std::string_view line);

// Whether a disk is one of the host's own whole disks: no loop, RAM or optical drive, and nothing
// stacked on other disks (device mapper, md), which would count their traffic twice.
bool is_whole_disk(const std::string& root, std::string_view name);

// Whether a NIC is hardware or what a virtual machine takes for it. Virtual ones (bridges, veth,
// bonds, tunnels) carry the same traffic once more.
bool is_hardware_nic(const std::string& root, std::string_view name);
// Where no NIC is hardware, as in a container: virtual, but neither loopback nor bridge nor a
// peer's end.
bool is_plausible_nic(const std::string& root, std::string_view name);

// People logged in: sessions of class user known to logind, else entries in utmp; nothing when
// the host keeps neither.
std::optional<std::uint64_t> count_sessions(const std::string& root);
std::uint64_t count_processes(const std::string& root);

}  // namespace yunjian::agent
