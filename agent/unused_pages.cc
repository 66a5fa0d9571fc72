#include "agent/unused_pages.h"

#include <malloc.h>
#include <sys/mman.h>

#include <charconv>

#include "agent/sources/proc_text.h"

namespace yunjian::agent {
namespace {

constexpr std::chrono::seconds first_after{30};
constexpr std::chrono::hours interval{1};

bool read_hex(std::string_view text, std::uintptr_t& value) {
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, 16);
  return read.ec == std::errc() && read.ptr == end;
}

// `begin-end perms offset device inode path`; false for the lines of figures between them.
bool read_head(std::string_view line, PageRange& range, bool& unwritable_file) {
  const std::string_view where = next_word(line);
  const std::size_t dash = where.find('-');
  if (dash == std::string_view::npos) return false;
  if (!read_hex(where.substr(0, dash), range.begin) || !read_hex(where.substr(dash + 1), range.end))
    return false;
  const std::string_view permissions = next_word(line);
  next_word(line);
  next_word(line);
  next_word(line);
  unwritable_file = permissions.size() == 4 && permissions[1] == '-' && permissions[3] == 'p' &&
                    next_word(line).starts_with('/');
  return true;
}

}  // namespace

std::vector<PageRange> unchanged_file_pages(std::string_view smaps) {
  std::vector<PageRange> found;
  PageRange range;
  bool unwritable_file = false;
  bool unchanged = false;  // "Anonymous" is there and is 0
  while (!smaps.empty()) {
    std::string_view line = next_line(smaps);
    if (read_head(line, range, unwritable_file)) {
      unchanged = false;
      continue;
    }
    const std::string_view key = next_word(line);
    const bool none = next_word(line) == "0";
    if (key == "Anonymous:") unchanged = none;
    // Behind "Anonymous" in every kernel that has both.
    if (key == "Swap:" && none && unchanged && unwritable_file) found.push_back(range);
  }
  return found;
}

UnusedPages::UnusedPages(std::chrono::milliseconds boot) : next_(boot + first_after) {}

void UnusedPages::release(std::chrono::milliseconds boot, std::string_view smaps) {
  next_ = boot + interval;
  malloc_trim(0);
  for (const PageRange& range : unchanged_file_pages(smaps)) {
    madvise(reinterpret_cast<void*>(range.begin), range.end - range.begin, MADV_DONTNEED);
  }
}

}  // namespace yunjian::agent
