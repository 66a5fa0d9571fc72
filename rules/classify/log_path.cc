#include "rules/classify/log_path.h"

namespace yunjian::rules {

LogPath::LogPath(std::string_view pattern) {
  while (true) {
    const auto star = pattern.find('*');
    pieces_.emplace_back(pattern.substr(0, star));
    if (star == std::string_view::npos) return;
    pattern.remove_prefix(star + 1);
  }
}

bool LogPath::matches(std::string_view path) const {
  if (!path.starts_with(pieces_.front())) return false;
  if (pieces_.size() == 1) return path.size() == pieces_.front().size();
  path.remove_prefix(pieces_.front().size());
  for (std::size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const auto at = path.find(pieces_[i]);
    if (at == std::string_view::npos) return false;
    path.remove_prefix(at + pieces_[i].size());
  }
  return path.ends_with(pieces_.back());
}

}  // namespace yunjian::rules
