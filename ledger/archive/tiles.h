#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/file_system.h"
#include "ledger/merkle.h"

namespace yunjian::ledger {

// C2SP tlog-tiles v0.1.0, height 8.
inline constexpr std::uint32_t tile_width = 256;

// "tile/0/x001/x234/067", with ".p/<W>" when width < 256.
struct TileId {
  unsigned level = 0;
  std::uint64_t index = 0;
  std::uint32_t width = tile_width;  // 1 … 256
  bool entries = false;              // an entry bundle: tile/entries/…
  bool operator==(const TileId&) const = default;
};
std::string tile_path(const TileId& id);
Result<TileId> parse_tile_path(std::string_view path);  // strict; reject otherwise

// How many hashes tile (level, index) holds in a tree of `size` leaves; 0 when there is no such
// tile.
std::uint32_t tile_width_at(unsigned level, std::uint64_t index, std::uint64_t size);

// Entry bundle: u16be length ‖ entry, 1 to 256 times.
std::string format_entries(const std::vector<std::string_view>& entries);
Result<std::vector<std::string_view>> parse_entries(std::string_view bundle);

// The hashes of a growing tree, kept as files `<directory>/tile/<level>/<N>` that hold 32 bytes a
// hash, growing to 8192. Life: open() with the leaf hashes that the WAL holds -> append leaf hashes
// -> sync() makes them durable -> the WAL that held them may go. Full tiles are read from disk when
// asked for (a small cache) and checked against the tile above them; the right edge, and what is
// not synced yet, is in memory. sync() writes a level only after the one below it is durable, so
// that a hash in a file says that the tile it stands for is on disk.
// One writer thread; reads from other threads are safe for trees up to size(). After a failed
// append or sync the store refuses to write (fatal) and must be opened anew.
class TileStore {
 public:
  // `leaf` gives the hash of a leaf, asked in ascending order, each at most once. Asked are the
  // leaves at the end whose tiles may not be durable: at most 255, besides those never synced and
  // those of a missing tile. Missing, short and torn files are written anew, longer ones cut; all
  // is durable on return. Every tile below the right edge is checked against the edge.
  // Corrupt: a file holds whole hashes that are not those of the leaves.
  struct Leaves {
    std::uint64_t size = 0;
    std::function<Result<Hash>(std::uint64_t index)> hash;
  };
  static Result<std::unique_ptr<TileStore>> open(FileSystem& files, std::string directory,
                                                 const Suite& suite, const Leaves& leaves);
  ~TileStore();

  std::uint64_t size() const;
  Result<void> append(const Hash& leaf_hash);
  Result<void> sync();
  Result<TreeHead> head() const;                     // of all that was appended, synced or not
  Result<std::string> tile(const TileId& id) const;  // raw hashes; reject: not in the tree
  Result<Hash> subtree(unsigned level, std::uint64_t index) const;  // for the provers of merkle.h
  SubtreeHash source() const;

 private:
  struct Impl;
  explicit TileStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::ledger
