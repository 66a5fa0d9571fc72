#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/wire.h"

namespace yunjian::auditor {

// The frames of some leaves as one answer gives them: in the order of the log, some left out.
// Nothing of it is believed: a frame is taken for the leaf whose bytes are its header, and for no
// other.
class LeafFrames {
 public:
  // Replaces what is held. Bytes that are no frames count as none.
  void take(std::string answer);
  // The body of this leaf's frame, empty when it came without one; absent when there is no frame.
  // Those before it are passed over: leaves are asked for in the order of the log.
  std::optional<std::string_view> body_of(std::string_view leaf);
  bool empty() const { return next_ >= frames_.size(); }

 private:
  std::string answer_;
  std::vector<ledger::FrameRef> frames_;  // views into it
  std::size_t next_ = 0;
};

}  // namespace yunjian::auditor
