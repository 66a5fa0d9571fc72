#include "agent/spool/frame_walk.h"

#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::failure;
using ledger::Result;

constexpr std::uint64_t frame_head_bytes = 8;
constexpr std::uint64_t checksum_bytes = 8;
constexpr std::uint64_t search_block_bytes = 64 * 1024;

std::uint64_t frame_bytes(std::uint64_t payload_bytes) {
  return frame_head_bytes + (payload_bytes + 7) / 8 * 8 + checksum_bytes;
}

// Cheap look at what a frame begins with, so that only few places are hashed.
bool may_begin_frame(const char* at, std::uint64_t room) {
  return at[4] != 0 && at[5] == 0 && at[6] == 0 && at[7] == 0 &&
         frame_bytes(ledger::get_u32be(at)) <= room;
}

}  // namespace

FrameWalk::FrameWalk(std::unique_ptr<ledger::File> file, std::uint64_t number, std::uint64_t size)
    : file_(std::move(file)), number_(number), size_(size) {}

Result<std::optional<FrameWalk::Step>> FrameWalk::next() {
  while (offset_ + frame_bytes(0) <= size_) {
    auto frame = read_frame(*file_, number_, offset_);
    if (frame) {
      const std::uint64_t offset = offset_;
      offset_ += frame_bytes(frame->payload.size());
      return Step{.frame = std::move(*frame), .offset = offset, .end_offset = offset_};
    }
    if (frame.error().kind != ErrorKind::corrupt) return failure(frame);
    const auto behind = frame_behind(offset_);
    if (!behind) return ledger::Failure(behind.error());
    if (*behind == ledger::no_number) return std::optional<Step>();
    ++damaged_places_;
    offset_ = *behind;
  }
  return std::optional<Step>();
}

Result<std::uint64_t> FrameWalk::frame_behind(std::uint64_t offset) const {
  for (std::uint64_t block = offset + 8; block < size_; block += search_block_bytes) {
    auto bytes = file_->read_at(block, search_block_bytes);
    if (!bytes) return failure(bytes);
    for (std::uint64_t at = 0; at + frame_head_bytes <= bytes->size(); at += 8) {
      if (!may_begin_frame(bytes->data() + at, size_ - block - at)) continue;
      if (read_frame(*file_, number_, block + at)) return block + at;
    }
  }
  return ledger::no_number;
}

}  // namespace yunjian::agent
