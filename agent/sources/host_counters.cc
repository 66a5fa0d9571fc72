#include "agent/sources/host_counters.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>

#include "agent/sources/proc_text.h"
#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

constexpr std::uint64_t sector_bytes = 512;  // whatever the device's own sector size is

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, ledger::is_digit);
}

double next_decimal(std::string_view& rest) {
  const std::string word{next_word(rest)};
  return std::strtod(word.c_str(), nullptr);
}

// Where a link of /sys/block or /sys/class/net leads; empty when there is none.
std::string device_path(const std::string& root, std::string_view folder, std::string_view name) {
  std::string link = root + "/sys/" + std::string(folder) + "/" + std::string(name);
  std::replace(link.begin() + static_cast<std::ptrdiff_t>(link.size() - name.size()), link.end(),
               '/', '!');  // as sysfs spells cciss/c0d0
  std::array<char, PATH_MAX> target;
  const ssize_t length = readlink(link.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

template <typename Visit>
bool for_each_name(const std::string& directory, Visit visit) {
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return false;
  while (const dirent* entry = readdir(stream)) visit(std::string_view(entry->d_name));
  closedir(stream);
  return true;
}

}  // namespace

CpuCounters parse_stat(std::string_view text) {
  CpuCounters counters;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const std::string_view word = next_word(line);
    if (word == "cpu") {
      for (std::uint64_t* field :
           {&counters.user, &counters.nice, &counters.system, &counters.idle, &counters.iowait,
            &counters.irq, &counters.softirq, &counters.steal})
        *field = next_number(line);
    } else if (word.starts_with("cpu")) {
      ++counters.cpus;
    } else if (word == "processes") {
      counters.forks = next_number(line);
    } else if (word == "procs_running") {
      counters.running = next_number(line);
    } else if (word == "procs_blocked") {
      counters.blocked = next_number(line);
    }
  }
  return counters;
}

MemoryState parse_meminfo(std::string_view text) {
  MemoryState state;
  std::uint64_t free = 0, buffers = 0, page_cache = 0, reclaimable = 0, huge_pages = 0,
                huge_size = 0;
  bool has_available = false;
  const struct {
    std::string_view name;
    std::uint64_t* value;
  } fields[] = {
      {"MemTotal:", &state.total},
      {"MemFree:", &free},
      {"MemAvailable:", &state.available},
      {"Buffers:", &buffers},
      {"Cached:", &page_cache},
      {"Dirty:", &state.dirty},
      {"Shmem:", &state.shared},
      {"SReclaimable:", &reclaimable},
      {"SUnreclaim:", &state.unreclaimable},
      {"Committed_AS:", &state.committed},
      {"SwapTotal:", &state.swap_total},
      {"SwapFree:", &state.swap_free},
      {"HugePages_Total:", &huge_pages},
      {"Hugepagesize:", &huge_size},
  };
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const std::string_view name = next_word(line);
    for (const auto& field : fields) {
      if (name != field.name) continue;
      *field.value = next_number(line);
      if (next_word(line) == "kB") *field.value *= 1024;
      if (field.value == &state.available) has_available = true;
    }
  }
  state.cached = buffers + page_cache + reclaimable - std::min(state.shared, page_cache);
  // Kernels before 3.14 do not tell: the page cache that is not shared memory can be had.
  if (!has_available) state.available = free + state.cached;
  state.huge = huge_pages * huge_size;
  return state;
}

VmCounters parse_vmstat(std::string_view text) {
  VmCounters counters;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const std::string_view name = next_word(line);
    if (name == "pswpin") counters.swap_in = next_number(line);
    if (name == "pswpout") counters.swap_out = next_number(line);
    if (name == "pgmajfault") counters.major_faults = next_number(line);
    if (name == "oom_kill") counters.oom_kills = next_number(line);
  }
  return counters;
}

PressureCounters parse_pressure(std::string_view text) {
  PressureCounters counters;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const std::string_view kind = next_word(line);
    const auto total = line.rfind("total=");
    if (total == std::string_view::npos) continue;
    line.remove_prefix(total + 6);
    if (kind == "some") counters.some = next_number(line);
    if (kind == "full") counters.full = next_number(line);
  }
  return counters;
}

LoadState parse_loadavg(std::string_view text) {
  LoadState state;
  state.load1 = next_decimal(text);
  state.load5 = next_decimal(text);
  state.load15 = next_decimal(text);
  std::string_view tasks = next_word(text);  // "running/existing"
  const auto slash = tasks.find('/');
  if (slash != std::string_view::npos) {
    tasks.remove_prefix(slash + 1);
    state.threads = next_number(tasks);
  }
  return state;
}

std::optional<DiskCounters> parse_disk_line(std::string_view line) {
  DiskCounters disk;
  next_word(line);
  next_word(line);
  disk.name = next_word(line);
  if (disk.name.empty()) return std::nullopt;
  disk.reads = next_number(line);
  next_number(line);  // merged
  disk.read_bytes = next_number(line) * sector_bytes;
  disk.read_ms = next_number(line);
  disk.writes = next_number(line);
  next_number(line);  // merged
  disk.write_bytes = next_number(line) * sector_bytes;
  disk.write_ms = next_number(line);
  next_number(line);  // in flight
  disk.busy_ms = next_number(line);
  return disk;
}

std::optional<NicCounters> parse_nic_line(std::string_view line) {
  NicCounters nic;
  const auto colon = line.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view head = line.substr(0, colon);
  nic.name = next_word(head);
  line.remove_prefix(colon + 1);
  nic.in_bytes = next_number(line);
  nic.in_packets = next_number(line);
  nic.in_errors = next_number(line);
  nic.in_drops = next_number(line);
  for (int skipped = 0; skipped < 4; ++skipped) next_number(line);
  nic.out_bytes = next_number(line);
  nic.out_packets = next_number(line);
  nic.out_errors = next_number(line);
  nic.out_drops = next_number(line);
  return nic;
}

bool is_whole_disk(const std::string& root, std::string_view name) {
  constexpr std::array<std::string_view, 2> never = {"sr", "fd"};
  for (const auto prefix : never) {
    if (name.starts_with(prefix) && is_digits(name.substr(prefix.size()))) return false;
  }
  // Partitions have no link; loop, ram, zram, dm and md lie under virtual/block. NVMe with several
  // paths lies under virtual/nvme-subsystem and counts.
  const std::string path = device_path(root, "block", name);
  return !path.empty() && path.find("/virtual/block/") == std::string::npos;
}

bool is_hardware_nic(const std::string& root, std::string_view name) {
  const std::string path = device_path(root, "class/net", name);
  return !path.empty() && path.find("/virtual/net/") == std::string::npos;
}

bool is_plausible_nic(const std::string& root, std::string_view name) {
  constexpr std::array<std::string_view, 13> never = {"lo",   "veth",    "docker", "br-", "virbr",
                                                      "cali", "flannel", "cni",    "ifb", "tun",
                                                      "tap",  "dummy",   "bond"};
  if (std::any_of(never.begin(), never.end(),
                  [&](std::string_view prefix) { return name.starts_with(prefix); }))
    return false;
  const std::string bridge = root + "/sys/class/net/" + std::string(name) + "/bridge";
  return access(bridge.c_str(), F_OK) != 0;
}

std::optional<std::uint64_t> count_sessions(const std::string& root) {
  std::uint64_t sessions = 0;
  std::string scratch;
  const std::string directory = root + "/run/systemd/sessions";
  const bool logind = for_each_name(directory, [&](std::string_view name) {
    if (name.starts_with(".") || name.ends_with(".ref")) return;
    ProcFile file(directory + "/" + std::string(name));
    const auto text = file.read(scratch);
    if (text && text->find("CLASS=user\n") != std::string_view::npos) ++sessions;
  });
  if (logind) return sessions;
  ProcFile file(root + "/run/utmp");
  const auto entries = file.read(scratch);
  if (!entries) return std::nullopt;
  for (std::size_t at = 0; at + sizeof(utmp) <= entries->size(); at += sizeof(utmp)) {
    utmp entry;
    std::copy_n(entries->data() + at, sizeof entry, reinterpret_cast<char*>(&entry));
    if (entry.ut_type == USER_PROCESS) ++sessions;
  }
  return sessions;
}

std::uint64_t count_processes(const std::string& root) {
  std::uint64_t processes = 0;
  for_each_name(root + "/proc", [&](std::string_view name) { processes += is_digits(name); });
  return processes;
}

}  // namespace yunjian::agent
