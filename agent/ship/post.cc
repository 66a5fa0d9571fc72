#include "agent/ship/post.h"

namespace yunjian::agent {

bool Post::add(std::uint64_t batch, const ledger::Hash& leaf, const ledger::FrameRef& frame) {
  const std::size_t need = 8 + frame.header.size() + frame.body.size();
  if (places_.size() == ledger::post_frames_max) return false;
  if (!places_.empty() && bytes_.size() + need > post_bytes_aim) return false;
  places_.push_back({.batch = batch, .offset = bytes_.size(), .leaf = leaf});
  ledger::append_frame(bytes_, frame.header, frame.body);
  return true;
}

std::string_view Post::bytes(std::size_t first) const {
  return std::string_view(bytes_).substr(places_.at(first).offset);
}

Post::Slice Post::slice(std::size_t first, std::size_t bytes_max) const {
  const std::size_t begin = places_.at(first).offset;
  const auto end_of = [&](std::size_t i) {
    return i + 1 < places_.size() ? places_[i + 1].offset : bytes_.size();
  };
  std::size_t last = first;
  while (last + 1 < places_.size() && end_of(last + 1) - begin <= bytes_max) ++last;
  return {.bytes = std::string_view(bytes_).substr(begin, end_of(last) - begin),
          .frames = last + 1 - first};
}

}  // namespace yunjian::agent
