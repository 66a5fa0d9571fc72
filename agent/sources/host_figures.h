#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/sources/host_counters.h"
#include "agent/sources/mounts.h"
#include "agent/sources/proc_text.h"
#include "agent/sources/usage_figures.h"
#include "ledger/usage_hour.h"

namespace yunjian::agent {

inline constexpr std::size_t devices_listed_max = 32;  // disks, and NICs, with keys of their own

// The whole-host figures of one sample, in the units of ledger::Histogram; absent = not measured.
using HourSample = std::array<std::optional<std::uint64_t>, ledger::hour_figures.size()>;

struct HostSize {
  std::uint64_t vcpus = 0;
  std::uint64_t memory_bytes = 0;
};

// Reads the host below `root` ("" for the real one) and turns counters into rates. Each read makes
// the base for the next. One thread; never blocks; allocates only when devices come.
class HostFigures {
 public:
  HostFigures(const std::string& root, UsageFigures& figures);

  // The size of the host now; call it right before one of the two below.
  HostSize look();
  // Only remembers the counters.
  void rebase();
  // Adds one sample: states of now, and rates over the `seconds` since the counters last read.
  HourSample measure(double seconds);

  // What costs more than a few microseconds and moves slowly: mounts, processes, sessions.
  void measure_slow();
  const std::string& boot_id() const { return boot_id_; }

 private:
  struct Disk {
    std::string name;
    bool counts = false;  // false: known, but not a whole disk
    bool has_base = false;
    bool seen = false;
    bool listed = false;
    DiskCounters base;
    std::size_t handles = 0;  // of the first of its figures
  };
  struct Nic {
    std::string name;
    bool counts = false;
    bool hardware = false;
    bool has_base = false;
    bool seen = false;
    bool listed = false;
    NicCounters base;
    std::size_t handles = 0;
  };

  void read_counters(std::optional<double> seconds, HourSample* sample);
  void add_cpu(HourSample& sample);
  void add_memory(HourSample& sample);
  void add_paging(const VmCounters& now, double seconds);
  void add_pressure(std::optional<double> seconds);
  void add_system(double seconds);
  void read_disks(std::optional<double> seconds, HourSample* sample);
  void read_nics(std::optional<double> seconds, HourSample* sample);
  Disk& disk_of(std::string_view name);
  Nic& nic_of(std::string_view name);
  void add_mounts();
  void add_clock();

  std::string root_;
  UsageFigures& figures_;
  std::string scratch_;
  ProcFile stat_, meminfo_, vmstat_, loadavg_, diskstats_, net_dev_, file_nr_, uptime_, mountinfo_;
  std::array<ProcFile, 3> pressure_;  // cpu, memory, io
  MountProbe probe_;
  std::string mounts_text_;  // of mountinfo when it was last parsed
  std::string boot_id_;

  CpuCounters cpu_, cpu_base_;
  MemoryState memory_;
  VmCounters vm_base_;
  std::array<PressureCounters, 3> pressure_base_;
  std::vector<Disk> disks_;
  std::vector<Nic> nics_;
  std::vector<std::pair<std::string, std::size_t>> mount_handles_;
  std::size_t handles_ = 0;  // of the first fixed figure
  std::size_t disk_sums_ = 0, nic_sums_ = 0;
};

}  // namespace yunjian::agent
