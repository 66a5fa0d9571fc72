#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace yunjian::agent {

// Starting up touches pages that are never used again: symbols looked up in forty libraries, of
// which libcurl brings most, and the set-up of TLS. They stay resident as long as the host has
// memory. Giving them back leaves resident what the agent really works with; a page that is needed
// after all comes back from the page cache by a fault.

struct PageRange {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool operator==(const PageRange&) const = default;
};

// From the text of /proc/self/smaps: mappings of files that this process may not write to and none
// of whose pages it has changed, whether resident or swapped. Only those can be dropped: the
// file still has what they hold.
std::vector<PageRange> unchanged_file_pages(std::string_view smaps);

// Decides when; thirty seconds after the start, then once an hour.
class UnusedPages {
 public:
  explicit UnusedPages(std::chrono::milliseconds boot);
  bool due(std::chrono::milliseconds boot) const { return boot >= next_; }
  // Gives back unchanged file pages, and free heap. No other thread may load or unload a library
  // meanwhile. `smaps` is the text of /proc/self/smaps of just now; empty: only the heap.
  void release(std::chrono::milliseconds boot, std::string_view smaps);

 private:
  std::chrono::milliseconds next_;
};

}  // namespace yunjian::agent
