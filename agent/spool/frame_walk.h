#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ledger/archive/segment.h"

namespace yunjian::agent {

// Reads the frames of one segment in order and goes on behind damage: a bad frame costs itself, not
// those behind it. Passive, one thread.
class FrameWalk {
 public:
  FrameWalk() = default;
  // `size` = bytes of the segment that may be read; the frames begin at `offset`.
  FrameWalk(std::unique_ptr<ledger::File> file, std::uint64_t number, std::uint64_t size);

  struct Step {
    ledger::StoredFrame frame;
    std::uint64_t offset;
    std::uint64_t end_offset;
  };
  // Nothing: no whole frame up to the end. Errors: only of the file system, never damage.
  ledger::Result<std::optional<Step>> next();

  void grow(std::uint64_t size) { size_ = size; }
  std::uint64_t number() const { return number_; }
  std::uint64_t offset() const { return offset_; }
  std::uint64_t damaged_places() const { return damaged_places_; }  // with a good frame behind

 private:
  ledger::Result<std::uint64_t> frame_behind(std::uint64_t offset) const;

  std::unique_ptr<ledger::File> file_;
  std::uint64_t number_ = ledger::no_number;
  std::uint64_t offset_ = ledger::segment_header_bytes;
  std::uint64_t size_ = 0;
  std::uint64_t damaged_places_ = 0;
};

}  // namespace yunjian::agent
