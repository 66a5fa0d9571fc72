#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/base/file_system.h"

namespace yunjian::ledger {

// Which parts make up the log, and where the WAL goes on: `parts/manifest`, replaced as a whole.
// What it does not name does not count and is removed at start.
//
//   yunjian/parts/v1
//   next 17                    number of the next part that is made
//   segment 9                  first segment of the WAL that is not filed
//   leaves 81234               filed: [0, 81234)
//   streams 12                 the file streams.12 holds the streams as they were behind that leaf
//   part 3 20779 0 40000       number, day since 1970, first leaf, behind the last leaf
//   part 9 20780 40000 81234
//   xxh3 <16 hex digits>       of all lines before
struct PartManifest {
  struct Part {
    std::uint64_t number = 0;
    std::uint64_t day = 0;
    std::uint64_t first_leaf = 0;
    std::uint64_t leaf_end = 0;
    bool operator==(const Part&) const = default;
  };
  std::uint64_t next_part = 0;
  std::uint64_t first_segment = 0;
  std::uint64_t leaves = 0;
  std::uint64_t streams = 0;
  std::vector<Part> parts;  // in the order of their leaves, without holes
  bool operator==(const PartManifest&) const = default;
};

std::string format_manifest(const PartManifest& manifest);
// Corrupt: another checksum, another form, leaves that no part covers.
Result<PartManifest> parse_manifest(std::string_view text);

std::string parts_directory(const std::string& data);
// An empty one when there is no file: nothing is filed yet.
Result<PartManifest> read_manifest(FileSystem& files, const std::string& data);
Result<void> write_manifest(FileSystem& files, const std::string& data,
                            const PartManifest& manifest);

}  // namespace yunjian::ledger
