#include "ledger/archive/salvage.h"

#include <algorithm>

#include "ledger/archive/part.h"
#include "ledger/archive/segment.h"
#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

constexpr std::uint64_t alignment = 8;
constexpr std::uint64_t head_bytes = 8;
constexpr std::uint64_t checksum_bytes = 8;
constexpr std::uint64_t window_bytes = 1U << 20;

std::uint64_t frame_bytes(std::uint64_t payload) {
  return head_bytes + (payload + alignment - 1) / alignment * alignment + checksum_bytes;
}

// Where a frame may begin: its head is possible. Most other bytes are not, so that few places are
// read in full.
class Heads {
 public:
  Heads(const File& file, std::uint64_t size) : file_(file), size_(size) {}

  // Length of the whole frame that may begin there; 0: none does.
  Result<std::uint64_t> frame_at(std::uint64_t offset) {
    if (offset < at_ || offset + head_bytes > at_ + window_.size()) {
      auto bytes = file_.read_at(offset, window_bytes);
      if (!bytes) return failure(bytes);
      window_ = std::move(*bytes);
      at_ = offset;
    }
    if (window_.size() < offset - at_ + head_bytes) return std::uint64_t{0};
    const char* head = window_.data() + (offset - at_);
    const std::uint64_t length = get_u32be(head);
    const bool possible = head[4] > 0 && head[4] <= static_cast<char>(PartPiece::footer) &&
                          head[5] == 0 && head[6] == 0 && head[7] == 0 &&
                          length <= segment_payload_bytes_max &&
                          frame_bytes(length) <= size_ - offset;
    return possible ? frame_bytes(length) : std::uint64_t{0};
  }

 private:
  const File& file_;
  const std::uint64_t size_;
  std::string window_;
  std::uint64_t at_ = 0;
};

}  // namespace

Result<std::uint64_t> salvage_frames(const File& file, std::uint64_t number,
                                     const std::function<Result<void>(SalvagedFrame&)>& visit) {
  auto size = file.size();
  if (!size) return failure(size);
  Heads heads(file, *size);
  std::uint64_t lost = 0;
  for (std::uint64_t offset = segment_header_bytes; offset + head_bytes <= *size;) {
    auto bytes = heads.frame_at(offset);
    if (!bytes) return failure(bytes);
    if (*bytes > 0) {
      auto frame = read_frame(file, number, offset);
      if (!frame && frame.error().kind != ErrorKind::corrupt) return failure(frame);
      if (frame) {
        SalvagedFrame found{offset, frame->type, std::move(frame->payload)};
        if (auto visited = visit(found); !visited) return failure(visited);
        offset += *bytes;
        continue;
      }
      // Its head may be good and lead to the next one.
      auto next = heads.frame_at(offset + *bytes);
      if (!next) return failure(next);
      if (*next > 0 && read_frame(file, number, offset + *bytes)) {
        lost += *bytes;
        offset += *bytes;
        continue;
      }
    }
    offset += alignment;
    lost += alignment;
  }
  return lost;
}

}  // namespace yunjian::ledger
