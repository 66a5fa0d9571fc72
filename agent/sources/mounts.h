#pragma once

#include <sys/statvfs.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace yunjian::agent {

inline constexpr std::size_t mounts_max = 32;       // more are counted, not listed
inline constexpr std::size_t mount_path_max = 200;  // longer ones are not listed
inline constexpr std::size_t stuck_probes_max = 4;  // threads that may wait for a dead server

struct Mount {
  std::string path;
  bool remote = false;  // its server may die and leave every call on it waiting
  // Of the file system itself: statvfs tells of the mount, and a sandbox mounts all read-only.
  bool read_only = false;
};

// The file systems of a /proc/self/mountinfo that hold data of this host: one for each device, at
// its first mount point; none that the kernel makes up, none of containers.
std::vector<Mount> parse_mountinfo(std::string_view text);

struct MountState {
  std::string path;
  bool pending = false;   // asked for the first time just now
  bool answered = false;  // false: statvfs does not come back or fails
  bool failed = false;  // it came back with an error: a read there would too, and waits for nobody
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // to other users than root
  double used_percent = 0;            // as df counts: used / (used + available)
  double inodes_percent = -1;         // negative: this file system does not count inodes
  bool read_only = false;
};

// Asks file systems for their state. Local ones directly; remote ones in a thread of their own, so
// that a dead server delays nobody: their answer is the one to the request before. A thread that
// got stuck is left behind and its mount is not asked again until it returns. One thread calls.
class MountProbe {
 public:
  using Statvfs = std::function<int(const char* path, struct statvfs* status)>;
  // `prefix` is put before each path that is asked for.
  explicit MountProbe(std::string prefix, Statvfs ask = ::statvfs);
  ~MountProbe();
  MountProbe(const MountProbe&) = delete;
  MountProbe& operator=(const MountProbe&) = delete;

  void set_mounts(std::vector<Mount> mounts);
  // Never blocks on a remote file system. The states stay valid until the next call.
  const std::vector<MountState>& look();

 private:
  struct Remote;  // shared with the thread that asks; outlives the probe when that is stuck

  void ask_remote(std::size_t index);

  std::string prefix_;
  Statvfs ask_;
  std::vector<Mount> mounts_;
  std::vector<MountState> states_;
  std::vector<std::shared_ptr<Remote>> remotes_;  // beside mounts_; null for local ones
};

}  // namespace yunjian::agent
