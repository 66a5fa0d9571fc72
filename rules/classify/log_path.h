#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace yunjian::rules {

// Paths of a log: literal text and * for any characters, also slashes.
class LogPath {
 public:
  explicit LogPath(std::string_view pattern);
  bool matches(std::string_view path) const;

 private:
  std::vector<std::string> pieces_;  // between the stars
};

}  // namespace yunjian::rules
