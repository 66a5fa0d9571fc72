#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/store/deriver.h"
#include "collector/store/entry_facts.h"
#include "collector/store/part_set.h"
#include "collector/store/wal.h"
#include "ledger/archive/part_writer.h"

namespace yunjian::collector {

// How parts are made.
struct FilingTools {
  ledger::FileSystem& files;
  std::string data;  // directory
  const ledger::Suite& suite;
  const Deriver* deriver = nullptr;
  const std::atomic<bool>* stopping = nullptr;  // looked at before each batch; may be null
  // Leaf hash of an index, from the tree: what a part is compared with before anything goes.
  std::function<ledger::Result<ledger::Hash>(std::uint64_t leaf)> leaf_hash;
  // Row of a batch that an older part holds, and the root its header states: for bodies that came
  // late.
  std::function<ledger::Result<ledger::PartRow>(const std::string& stream, std::uint64_t batch)>
      find_row;
  std::function<ledger::Result<ledger::Hash>(std::string_view stream, std::uint64_t batch)> root_of;
};

// Turns one closed segment of the WAL into parts, one for each UTC day of commit in it. On return
// they are durable under their names, and all of it was read back: every header hashes to its leaf,
// every body to its header's root. One thread.
struct FiledSegment {
  std::vector<ledger::PartManifest::Part> parts;
  std::uint64_t leaf_end = 0;
};
struct SegmentToFile {
  std::uint64_t segment = 0;
  std::uint64_t first_leaf = 0;
  std::uint64_t next_part = 0;  // numbers to use
};
// Corrupt: the segment is not whole, or a part does not give it back.
ledger::Result<FiledSegment> file_segment(const FilingTools& tools, const SegmentToFile& what);

// Joins neighbouring parts of one day into one, denser. The old parts stay as they are.
struct PartsToMerge {
  std::vector<PartPtr> parts;  // in the order of their leaves, of one day
  std::uint64_t number = 0;    // of the new part
  int compression = 3;
  // Retention: bodies that go, and the mark the new part gets. Bodies beside forks go with them.
  std::function<bool(const ledger::PartRow& row)> drops;
  std::uint64_t purged = 0;
};
ledger::Result<ledger::PartManifest::Part> merge_parts(const FilingTools& tools,
                                                       const PartsToMerge& what);

// Reads a part as a whole and compares it with the tree.
ledger::Result<void> prove_part(const FilingTools& tools, const PartPtr& part);

ledger::Failure filing_stopped_error();  // retry

std::uint64_t day_of(ledger::Time time);  // since 1970, UTC

}  // namespace yunjian::collector
