#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace yunjian::agent {

inline constexpr std::size_t watched_directories_max = 1024;

// Tells when something in a set of directories changes (inotify). Only a hint that saves looking:
// network file systems say nothing, and the kernel's queue may overflow. One thread.
class DirectoryWatch {
 public:
  DirectoryWatch();
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  int descriptor() const { return descriptor_; }  // -1 when the kernel gives none

  // True when changes in `directory` will be told from now on.
  bool add(const std::string& directory);

  struct Changes {
    bool names = false;     // a name came, went, or moved: look which files there are
    bool overflow = false;  // changes went unseen: look at everything
  };
  // Takes all waiting events without blocking; `modified` gets the path of each file written to.
  Changes drain(const std::function<void(const std::string& path)>& modified);

 private:
  int descriptor_ = -1;
  std::map<std::string, int> watches_;
  std::map<int, std::string> directories_;
};

}  // namespace yunjian::agent
