#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/sources/file_search.h"

namespace yunjian::agent {

// Notices files that came under a followed path, were compressed and went before anybody looked.
// Nothing is left of such a file but its compressed copy, which cannot be told from that of a file
// that was read. But there is one more of these copies than followed files that have gone. Counts
// from the first look at each path on. One thread.
class CompressedRotations {
 public:
  // `beside`: the files beside `path`; `is_followed`: of one of them; `gone`: followed files of
  // that path that have lost their last name, since the start. Returns how many files must have
  // come and gone unseen since the last look.
  std::uint64_t unseen(const std::string& path, const std::vector<FoundFile>& beside,
                       const std::function<bool(const FoundFile&)>& is_followed,
                       std::uint64_t gone);

 private:
  struct Path {
    std::set<std::uint64_t> seen;  // inodes of compressed copies
    std::uint64_t appeared = 0;    // of them, since the first look
    // Files that may have been compressed since without having been followed: older rotations.
    std::uint64_t strangers = 0;
    std::uint64_t gone = 0;  // at the first look
    std::uint64_t told = 0;
  };
  std::map<std::string, Path> paths_;
};

}  // namespace yunjian::agent
