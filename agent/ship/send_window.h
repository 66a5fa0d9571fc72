#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ship/post.h"

namespace yunjian::agent {

// How many bytes the next request should carry: as much as a post holds on an ordinary line, and on
// a slow one what crosses in about ten seconds, so that a cut costs little and no side's timeouts
// are met. A pure state; the shipper asks and tells.
class SendWindow {
 public:
  static constexpr std::size_t bytes_min = 16U << 10;
  static constexpr std::uint64_t seconds_aim = 10;

  std::size_t bytes() const { return bytes_; }
  void answered(std::size_t sent, std::uint64_t bytes_per_s);  // 0 = rate not known
  void failed(std::size_t sent);                               // no answer came

 private:
  std::size_t bytes_ = post_bytes_aim;
};

}  // namespace yunjian::agent
