#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/sources/file_place.h"
#include "agent/sources/file_search.h"

namespace yunjian::agent {

inline constexpr std::size_t ownerless_paths_max = 64;

// What the compressed copies that may be a file's own tell of how long the file became.
struct CompressedLength {
  bool is_whole = false;                // as long as it was read: nothing came behind
  std::optional<std::uint64_t> beyond;  // bytes that came behind; nothing when it cannot be told
};

// Of a file that was read up to `offset` and is in one of `copies` now. Only gzip (RFC 1952) says
// how long the original was, modulo 2^32, in its last four bytes.
CompressedLength length_behind(const std::vector<FoundFile>& copies, std::uint64_t offset);

// Notices files that came under a followed path, were compressed and went before anybody looked.
// Nothing is left of such a file but its compressed copy, which cannot be told from that of a file
// that was read. But there is one more of these copies than files that may have become one. Counts
// from the first look at each path on, across restarts by `mark`. One thread.
class CompressedRotations {
 public:
  // A followed file of `path` that ended at `end` is not followed any more: it has lost its last
  // name, or may be compressed later.
  void let_go(const std::string& path, std::uint64_t end);
  // Where the last of them ended; 0 when there was none.
  std::uint64_t last_end(const std::string& path) const;

  // `beside`: the files beside `path`; `is_followed`: of one of them; `nameless`: followed files of
  // that path that have lost their last name. Returns how many files must have come and gone
  // unseen, until told() says that somebody wrote it down.
  std::uint64_t unseen(const std::string& path, const std::vector<FoundFile>& beside,
                       const std::function<bool(const FoundFile&)>& is_followed,
                       std::uint64_t nameless);

  void told(const std::string& path, std::uint64_t count);

  // The compressed copies of files of `path` among `beside` that were made since the last look,
  // also one before a restart; none when nobody has looked yet.
  std::vector<FoundFile> made_since(const std::string& path,
                                    const std::vector<FoundFile>& beside) const;

  // What a restart needs, once the path was looked at or restored; files that are still followed
  // are let go by then, or followed again.
  std::optional<CompressedMark> mark(const std::string& path) const;
  void restore(const std::string& path, const CompressedMark& mark);
  // Paths without a followed file of whose name a mark must outlast a restart too: the
  // `ownerless_paths_max` that were met last, so that names with dates do not pile up.
  std::vector<std::string> ownerless(
      const std::function<bool(const std::string& path)>& is_followed) const;

 private:
  struct Path {
    std::uint64_t met = 0;  // in the order of meetings
    bool looked = false;
    bool restored = false;
    std::set<std::uint64_t> seen;  // inodes of compressed copies
    std::int64_t newest_ns = 0;    // when the youngest of them was made
    // Files of which a compressed copy may still appear, without those that are followed.
    std::int64_t expected = 0;
    std::uint64_t last_end = 0;
  };
  Path& meet(const std::string& path);

  std::map<std::string, Path> paths_;
  std::uint64_t meetings_ = 0;
};

}  // namespace yunjian::agent
