#pragma once

#include <array>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace yunjian::collector {

// One frame after another of each stream, many streams at once. Streams share a fixed number of
// mutexes: two that meet only wait for each other.
class StreamLocks {
 public:
  using Held = std::vector<std::unique_lock<std::mutex>>;

  // Always taken in one order, so that posts about several streams cannot block each other for
  // ever.
  Held lock(const std::vector<std::string>& streams) {
    std::array<bool, stripes> wanted{};
    for (const std::string& stream : streams)
      wanted[std::hash<std::string>()(stream) % stripes] = true;
    Held held;
    for (std::size_t i = 0; i < stripes; ++i) {
      if (wanted[i]) held.emplace_back(mutexes_[i]);
    }
    return held;
  }

 private:
  static constexpr std::size_t stripes = 1024;
  std::array<std::mutex, stripes> mutexes_;
};

}  // namespace yunjian::collector
