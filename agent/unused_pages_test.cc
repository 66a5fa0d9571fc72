#include "agent/unused_pages.h"

#include <doctest/doctest.h>

#include <string>

#include "ledger/posix/posix_file_system.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;

std::string mapping(const std::string& head, const std::string& anonymous,
                    const std::string& swap) {
  return head + "\nSize:                 16 kB\nRss:                  16 kB\nAnonymous:       " +
         anonymous + " kB\nSwap:           " + swap + " kB\nVmFlags: rd ex mr mw me\n";
}

TEST_CASE("Only unchanged mappings of files are given back, never what a file cannot restore") {
  const std::string path = " 00000000 08:01 131 /usr/lib/x86_64-linux-gnu/libcurl.so.4.8.0";
  const std::string smaps =
      mapping("1000-5000 r-xp" + path, "0", "0") +
      mapping("5000-9000 r--p" + path, "4", "0") +  // relocated
      mapping("9000-a000 r--p" + path, "0", "4") +  // relocated, swapped out
      mapping("a000-b000 rw-p" + path, "0", "0") + mapping("b000-c000 r--s" + path, "0", "0") +
      mapping("c000-d000 r--p 00000000 00:00 0 ", "0", "0") +
      mapping("d000-e000 r-xp 00000000 00:00 0  [vdso]", "0", "0") +
      mapping("7f0000001000-7f0000002000 r--p" + path + " (deleted)", "0", "0");
  CHECK(unchanged_file_pages(smaps) ==
        std::vector<PageRange>{{0x1000, 0x5000}, {0x7f0000001000, 0x7f0000002000}});
  CHECK(unchanged_file_pages("").empty());
  // A kernel that does not tell what is swapped: nothing is touched.
  CHECK(unchanged_file_pages("1000-5000 r-xp" + path + "\nAnonymous: 0 kB\n").empty());
}

TEST_CASE("Pages are given back half a minute after the start, then once an hour") {
  UnusedPages pages(100s);
  CHECK(!pages.due(129s));
  CHECK(pages.due(130s));
  pages.release(130s, "");
  CHECK(!pages.due(130s + 59min));
  CHECK(pages.due(130s + 60min));
}

TEST_CASE("The process works on as before, with fewer pages resident") {
  ledger::PosixFileSystem files;
  const auto resident = [&] {
    const auto text = files.read_file("/proc/self/statm");
    REQUIRE(text.has_value());
    return std::stoul(text->substr(text->find(' ')));
  };
  const auto smaps = files.read_file("/proc/self/smaps");
  REQUIRE(smaps.has_value());
  const auto before = resident();
  UnusedPages(0s).release(0s, *smaps);
  CHECK(resident() < before);
  CHECK(unchanged_file_pages(*files.read_file("/proc/self/smaps")).size() > 3);
}

}  // namespace
}  // namespace yunjian::agent
