#pragma once

#include <array>
#include <vector>

#include "ledger/archive/tiles.h"

namespace yunjian::ledger {

inline constexpr unsigned tile_height = 8;
inline constexpr unsigned tile_levels = 8;  // of a tree of less than 2^64 leaves
inline constexpr std::size_t tile_bytes = tile_width * sizeof(Hash);

// The hashes of one tile with every complete subtree over them, so that a proof is looked up and
// not computed. Grows from the left; one hash added costs one node hash on average.
class TileTree {
 public:
  void add(Hasher& hasher, const Hash& hash) {
    rows_[0].push_back(hash);
    for (unsigned height = 0; height < tile_height && rows_[height].size() % 2 == 0; ++height) {
      const std::vector<Hash>& row = rows_[height];
      rows_[height + 1].push_back(hasher.node(row[row.size() - 2], row.back()));
    }
  }

  std::uint32_t width() const { return static_cast<std::uint32_t>(rows_[0].size()); }
  bool is_full() const { return width() == tile_width; }
  const Hash& root() const { return rows_[tile_height].at(0); }  // of a full tile
  // The subtree of `height` 0 … 7 that is number `index` in this tile.
  const Hash& node(unsigned height, std::uint64_t index) const { return rows_[height].at(index); }

  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(rows_[0].data()), rows_[0].size() * sizeof(Hash)};
  }

 private:
  std::array<std::vector<Hash>, tile_height + 1> rows_;
};

// `bytes` are whole hashes, at most one tile of them.
TileTree tile_tree_of(Hasher& hasher, std::string_view bytes);

}  // namespace yunjian::ledger
