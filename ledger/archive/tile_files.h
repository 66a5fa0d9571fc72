#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "ledger/archive/tile_tree.h"

namespace yunjian::ledger {

// The files of a TileStore: `<directory>/tile/<level>/<N>`, 32 bytes a hash. Reading is for any
// thread, the rest for the writer's.
class TileFiles {
 public:
  TileFiles(FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // The whole hashes that a file begins with; nothing when it is missing. What a power cut leaves
  // behind them does not count: part of a hash, or zeros.
  Result<std::string> read(unsigned level, std::uint64_t index) const;
  // Makes the file hold exactly `hashes`, durable on return; its name is after sync_names(). They
  // begin with those of the previous call for the same file. Corrupt: the file begins otherwise.
  Result<void> write(unsigned level, std::uint64_t index, std::string_view hashes);
  Result<void> sync_names();
  // Removes the files of the level from number `index` on.
  Result<void> remove_from(unsigned level, std::uint64_t index);

 private:
  // The file of a level that still grows.
  struct Growing {
    std::uint64_t index = 0;
    std::unique_ptr<File> file;
    std::size_t written = 0;
  };

  std::string path_of(unsigned level, std::uint64_t index) const;
  Result<void> make_directories(const std::string& path);
  Result<Growing> open(unsigned level, std::uint64_t index, std::string_view hashes);

  FileSystem& files_;
  std::string directory_;
  std::set<std::string> durable_directories_;
  std::set<std::string> unsynced_directories_;  // in which names are not durable yet
  std::array<std::optional<Growing>, tile_levels> growing_;
};

}  // namespace yunjian::ledger
