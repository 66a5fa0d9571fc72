#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/bytes.h"
#include "ledger/wire.h"

namespace yunjian::agent {

// Enough for one round trip; larger posts would only cost memory.
inline constexpr std::size_t post_bytes_aim = 2U << 20;

// Frames on their way to the collector, as the wire wants them.
class Post {
 public:
  struct Place {
    std::uint64_t batch;
    std::size_t offset;  // of the frame in bytes()
    ledger::Hash leaf;   // of the header
  };

  // False: it is full, or the frame would make it larger than the wire allows; give it first.
  bool add(std::uint64_t batch, const ledger::Hash& leaf, const ledger::FrameRef& frame);
  bool empty() const { return places_.empty(); }
  // Whose frames these are; empty = the stream of the shipper's options.
  void set_stream(std::string stream) { stream_ = std::move(stream); }
  const std::string& stream() const { return stream_; }
  const std::vector<Place>& places() const { return places_; }
  // The frames from the `first`th on.
  std::string_view bytes(std::size_t first = 0) const;
  // The same, as many frames as fit into `bytes_max`, at least one.
  struct Slice {
    std::string_view bytes;
    std::size_t frames = 0;
  };
  Slice slice(std::size_t first, std::size_t bytes_max) const;

 private:
  std::string stream_;
  std::string bytes_;
  std::vector<Place> places_;
};

}  // namespace yunjian::agent
