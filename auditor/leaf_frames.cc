#include "auditor/leaf_frames.h"

namespace yunjian::auditor {

void LeafFrames::take(std::string answer) {
  answer_ = std::move(answer);
  frames_.clear();
  next_ = 0;
  if (answer_.empty()) return;
  if (auto frames = ledger::split_frames(answer_)) frames_ = std::move(*frames);
}

std::optional<std::string_view> LeafFrames::body_of(std::string_view leaf) {
  for (std::size_t i = next_; i < frames_.size(); ++i) {
    if (frames_[i].header != leaf) continue;
    next_ = i + 1;
    return frames_[i].body;
  }
  return std::nullopt;
}

}  // namespace yunjian::auditor
