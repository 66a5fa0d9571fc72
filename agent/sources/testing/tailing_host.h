#pragma once

#include <doctest/doctest.h>
#include <time.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "agent/sources/file_tail.h"
#include "agent/sources/testing/collecting_sink.h"

namespace yunjian::agent::testing {

// Waits until a new file would be younger than all there are: file systems stamp creations with the
// coarse clock, or with a finer one that somebody looked at since.
inline void wait_for_next_tick() {
  timespec start{};
  clock_gettime(CLOCK_REALTIME, &start);
  timespec now{};
  do {
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
  } while (now.tv_sec < start.tv_sec ||
           (now.tv_sec == start.tv_sec && now.tv_nsec <= start.tv_nsec));
}

// An agent that can be stopped and started again over one directory of logs.
struct TailingHost {
  TemporaryDirectory directory;
  FileTailOptions options;
  std::unique_ptr<FileTail> tail;
  CollectingSink sink;
  std::string sealed;  // the position that the last seal made durable
  ledger::Time now{std::chrono::hours(24 * 365 * 50)};

  explicit TailingHost(std::string_view pattern = "app.log") {
    options.patterns = {directory / pattern};
    start();
  }
  void start() {
    tail = std::make_unique<FileTail>(options);
    tail->restore(sealed);
  }
  bool poll(std::chrono::microseconds later = std::chrono::seconds(1)) {
    now += later;
    return tail->poll(now, sink);
  }
  void seal() { sealed = tail->position(); }
  void restart() {
    seal();
    start();
  }
  std::string log() const { return directory / "app.log"; }
  void rename(std::string_view from, std::string_view to) const {
    std::filesystem::rename(directory / from, directory / to);
  }
  // As logrotate does it: through standard input, so that the copy tells no name.
  void compress(const std::string& from, const std::string& to) const {
    const std::string command = "gzip <" + directory / from + " >" + directory / to;
    REQUIRE(std::system(command.c_str()) == 0);
    std::filesystem::remove(directory / from);
  }
};

}  // namespace yunjian::agent::testing
