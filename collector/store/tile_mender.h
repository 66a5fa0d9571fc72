#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/archive/tiles.h"
#include "ledger/base/file_system.h"

namespace yunjian::collector {

// Compares the tile files of a data directory with its leaves, given in order, and writes those
// anew that differ. What is missing or short is left: a start completes it. One thread.
class TileMender {
 public:
  // Called with the path before a tile is replaced.
  using Keep = std::function<ledger::Result<void>(const std::string& path)>;
  TileMender(ledger::FileSystem& files, std::string directory, const ledger::Suite& suite,
             Keep keep);

  // Nothing for a leaf that is lost: the tile's own hash is taken for it.
  ledger::Result<void> add(const std::optional<ledger::Hash>& leaf_hash);
  ledger::Result<void> finish();  // the tiles that are not full
  std::uint64_t mended() const { return mended_; }

 private:
  struct Level {
    std::uint64_t tile = 0;  // index of the open one
    std::vector<ledger::Hash> hashes;
    std::string stored;  // its file
  };
  ledger::Result<void> push(std::size_t level, const std::optional<ledger::Hash>& hash);
  ledger::Result<void> open_tile(std::size_t level);
  ledger::Result<void> compare(std::size_t level);
  std::string path_of(std::size_t level) const;

  ledger::FileSystem& files_;
  const std::string directory_;
  const std::unique_ptr<ledger::Hasher> hasher_;
  const Keep keep_;
  std::vector<Level> levels_;
  std::uint64_t leaves_ = 0;
  std::uint64_t mended_ = 0;
};

}  // namespace yunjian::collector
