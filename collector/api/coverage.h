#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "collector/api/json.h"

namespace yunjian::collector {

// Which records of which streams an export gave, so that its reader sees what is not there. Numbers
// may come in any order.
class Coverage {
 public:
  void add(std::string_view stream, std::uint64_t number);
  std::uint64_t records() const { return records_; }
  // `[{"stream","first","last","records","absent":[[from,to],…]}]`: `absent` are the numbers
  // between first and last that were not given, the first coverage_gaps_max of them.
  void write(Json& json) const;

 private:
  struct Stream {
    std::uint64_t records = 0;
    std::map<std::uint64_t, std::uint64_t> ranges;  // first -> last of what was given
  };
  std::map<std::string, Stream, std::less<>> streams_;
  std::uint64_t records_ = 0;
  std::size_t ranges_ = 0;
};

inline constexpr std::size_t coverage_gaps_max = 1000;
// Beyond this many pieces, gaps between them are not told any more (`"exact":false`).
inline constexpr std::size_t coverage_ranges_max = 200'000;

}  // namespace yunjian::collector
