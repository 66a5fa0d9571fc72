#include "agent/sources/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace yunjian::agent {
namespace {

constexpr std::uint32_t name_events =
    IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

DirectoryWatch::DirectoryWatch() : descriptor_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

DirectoryWatch::~DirectoryWatch() {
  if (descriptor_ >= 0) close(descriptor_);
}

bool DirectoryWatch::add(const std::string& directory) {
  if (watches_.contains(directory)) return true;
  if (descriptor_ < 0 || watches_.size() >= watched_directories_max) return false;
  const int watch = inotify_add_watch(descriptor_, directory.c_str(),
                                      name_events | IN_MODIFY | IN_ONLYDIR | IN_MASK_ADD);
  if (watch < 0) return false;
  watches_[directory] = watch;
  directories_[watch] = directory;
  return true;
}

DirectoryWatch::Changes DirectoryWatch::drain(
    const std::function<void(const std::string& path)>& modified) {
  Changes changes;
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  while (descriptor_ >= 0) {
    const ssize_t got = read(descriptor_, buffer.data(), buffer.size());
    if (got <= 0) break;
    const char* end = buffer.data() + got;
    for (const char* at = buffer.data(); at < end;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      const char* name = at + sizeof event;
      at = name + event.len;
      if (event.mask & IN_Q_OVERFLOW) changes.overflow = true;
      if (event.mask & (name_events | IN_IGNORED)) changes.names = true;
      const auto directory = directories_.find(event.wd);
      if (directory == directories_.end()) continue;
      if (event.mask & IN_MODIFY && event.len > 0) modified(directory->second + "/" + name);
      if (event.mask & (IN_IGNORED | IN_MOVE_SELF)) {
        // A moved directory keeps its watch under a path that is no longer true.
        if (event.mask & IN_MOVE_SELF) inotify_rm_watch(descriptor_, event.wd);
        watches_.erase(directory->second);
        directories_.erase(directory);
      }
    }
  }
  return changes;
}

}  // namespace yunjian::agent
