#include "agent/sources/mounts.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/sources/proc_text.h"

namespace yunjian::agent {
namespace {

constexpr std::array<std::string_view, 18> local_types = {
    "ext2", "ext3",  "ext4",    "xfs",  "btrfs", "zfs",   "f2fs", "jfs",   "reiserfs",
    "vfat", "exfat", "fuseblk", "ntfs", "ntfs3", "ocfs2", "gfs2", "ubifs", "bcachefs"};
constexpr std::array<std::string_view, 10> remote_types = {
    "nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "9p", "afs", "beegfs", "virtiofs"};
// Behind every other one is a program that may hang: sshfs, s3fs, rclone, GlusterFS, ….
constexpr std::string_view fuse_prefix = "fuse.";
constexpr std::array<std::string_view, 7> fuse_without_data = {
    "fuse.lxcfs",      "fuse.gvfsd-fuse",   "fuse.portal",      "fuse.snapfuse",
    "fuse.squashfuse", "fuse.rofiles-fuse", "fuse.archivemount"};
constexpr std::array<std::string_view, 7> skipped_places = {
    "/dev/", "/proc/", "/sys/", "/run/credentials/", "/var/lib/docker/", "/var/lib/containers/",
    "/snap/"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// mountinfo writes blanks, tabs, newlines and backslashes as three octal digits.
std::string decode_octal(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      path +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      path += text[i];
    }
  }
  return path;
}

MountState state_of(const std::string& path, const struct statvfs& status) {
  MountState state;
  state.path = path;
  state.answered = true;
  const std::uint64_t used = status.f_blocks - std::min(status.f_bfree, status.f_blocks);
  const std::uint64_t usable = used + status.f_bavail;
  state.total_bytes = status.f_blocks * status.f_frsize;
  state.available_bytes = status.f_bavail * status.f_frsize;
  if (usable > 0)
    state.used_percent = 100.0 * static_cast<double>(used) / static_cast<double>(usable);
  if (status.f_files > 0) {
    const auto free_inodes = static_cast<double>(std::min(status.f_ffree, status.f_files));
    state.inodes_percent = 100.0 * (1 - free_inodes / static_cast<double>(status.f_files));
  }
  return state;
}

MountState ask_now(const MountProbe::Statvfs& ask, const std::string& path,
                   const std::string& place) {
  struct statvfs status {};
  if (ask(place.c_str(), &status) == 0) return state_of(path, status);
  MountState state;
  state.path = path;
  state.failed = true;
  return state;
}

}  // namespace

struct MountProbe::Remote {
  std::atomic<bool> asking = false;
  bool fresh = false;  // `state` was written by a finished question; both only while not asking
  MountState state;
};

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  std::set<std::string_view> devices;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    next_word(line);
    next_word(line);
    const std::string_view device = next_word(line);
    next_word(line);
    const std::string path = decode_octal(next_word(line));
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    line.remove_prefix(dash + 3);
    const std::string_view type = next_word(line);
    // What is mounted later on the same place hides what was there.
    std::erase_if(mounts, [&](const Mount& hidden) { return hidden.path == path; });
    const bool fuse = type.starts_with(fuse_prefix) && !contains(fuse_without_data, type);
    const bool remote = fuse || contains(remote_types, type);
    if (!remote && !contains(local_types, type)) continue;
    const bool skipped =
        std::any_of(skipped_places.begin(), skipped_places.end(),
                    [&](std::string_view place) { return path.starts_with(place); });
    if (skipped || path.size() > mount_path_max) continue;
    if (!devices.insert(device).second) continue;
    next_word(line);
    const std::string_view options = next_word(line);
    const bool read_only = options == "ro" || options.starts_with("ro,");
    if (mounts.size() < mounts_max) mounts.push_back({path, remote, read_only});
  }
  return mounts;
}

MountProbe::MountProbe(std::string prefix, Statvfs ask)
    : prefix_(std::move(prefix)), ask_(std::move(ask)) {}

MountProbe::~MountProbe() = default;

void MountProbe::set_mounts(std::vector<Mount> mounts) {
  std::vector<std::shared_ptr<Remote>> remotes;
  for (const auto& mount : mounts) {
    std::shared_ptr<Remote> kept = mount.remote ? std::make_shared<Remote>() : nullptr;
    for (std::size_t i = 0; kept && i < mounts_.size(); ++i) {
      if (remotes_[i] && mounts_[i].path == mount.path) kept = remotes_[i];
    }
    remotes.push_back(std::move(kept));
  }
  mounts_ = std::move(mounts);
  remotes_ = std::move(remotes);
  states_.assign(mounts_.size(), {});
}

const std::vector<MountState>& MountProbe::look() {
  for (std::size_t i = 0; i < mounts_.size(); ++i) {
    if (remotes_[i]) {
      ask_remote(i);
    } else {
      states_[i] = ask_now(ask_, mounts_[i].path, prefix_ + mounts_[i].path);
    }
    states_[i].read_only = mounts_[i].read_only;
  }
  return states_;
}

// Takes the answer to the last question, when there is one, and asks the next.
void MountProbe::ask_remote(std::size_t index) {
  auto& remote = remotes_[index];
  states_[index] = {};
  states_[index].path = mounts_[index].path;
  if (remote->asking.load(std::memory_order_acquire)) return;
  if (remote->fresh) states_[index] = remote->state;
  states_[index].pending = !remote->fresh;
  const auto stuck = std::count_if(remotes_.begin(), remotes_.end(), [](const auto& other) {
    return other && other->asking.load(std::memory_order_relaxed);
  });
  if (static_cast<std::size_t>(stuck) >= stuck_probes_max) return;
  remote->asking.store(true, std::memory_order_relaxed);
  try {
    std::thread([remote, ask = ask_, path = mounts_[index].path,
                 place = prefix_ + mounts_[index].path] {
      remote->state = ask_now(ask, path, place);
      remote->fresh = true;
      remote->asking.store(false, std::memory_order_release);
    }).detach();
  } catch (const std::system_error&) {
    remote->asking.store(false, std::memory_order_relaxed);  // no thread to be had: asked later
  }
}

}  // namespace yunjian::agent
