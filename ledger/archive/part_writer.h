#pragma once

#include <memory>
#include <optional>

#include "ledger/archive/part.h"
#include "ledger/archive/segment.h"

namespace yunjian::ledger {

// Writes one part. Life: create() -> add() each batch in order of (unit, host, agent, incarnation,
// fills last, number), add_leaf() and add_fork_body() at any time -> finish(). The file appears
// under its name, durable, when finish() has returned; before that only `<name>.new` is there.
// Memory: one open block a lane and about 200 bytes a block written. One thread.
class PartWriter {
 public:
  struct Options {
    std::uint64_t number = 0;  // of the part: no two parts of a log share one
    std::uint64_t day = 0;
    std::uint64_t first_leaf = 0;
    std::uint64_t leaf_end = 0;  // every leaf in between is added once
    std::uint64_t level = 0;
    std::uint64_t purged = 0;
    int compression = 3;  // of zstd
    const Suite* suite = nullptr;
    std::uint32_t rule_version = 0;
    DeriveFields derive;  // may be empty
  };
  static Result<std::unique_ptr<PartWriter>> create(FileSystem& files, const std::string& directory,
                                                    Options options);

  // `lines` in the order of their numbers; none for a hollow row. `row.lanes` is filled here.
  Result<void> add(PartRow row, std::string_view note, const std::vector<PartLine>& lines);
  Result<void> add_leaf(PartLeaf leaf);
  Result<void> add_fork_body(const PartForkBody& body);
  Result<PartFooter> finish();

 private:
  struct Lane {
    std::unique_ptr<LaneBlockBuilder> open;
    std::vector<LaneEntry> entries;       // of the group that grows
    std::vector<std::size_t> unfiltered;  // entries whose filter is not written yet
  };
  PartWriter(FileSystem& files, std::string path, Options options, SegmentWriter segment);

  Result<void> add_lines(const PartRow& row, std::size_t lane, const std::vector<PartLine>& lines);
  Result<void> close_lane(std::size_t lane);
  Result<void> close_group(std::size_t lane);
  Result<void> write_blooms();
  Result<void> close_headers();
  Result<void> write_streams();
  Result<void> write_leaf_map();
  Result<void> write_leaves();
  Result<std::uint64_t> write(PartPiece type, std::string_view payload);
  void note_stream(const PartRow& row);

  FileSystem& files_;
  const std::string path_;
  const Options options_;
  SegmentWriter segment_;
  std::unique_ptr<Hasher> hasher_;
  Packer packer_;
  PartFooter footer_;
  std::array<Lane, part_lanes> lanes_;
  std::string blooms_;
  std::vector<std::uint64_t> bloom_starts_;  // in blooms_, of the event lane's unfiltered entries
  std::unique_ptr<HeaderBlockBuilder> headers_;
  std::string unit_;
  std::vector<StreamEntry> streams_;
  std::vector<std::uint64_t> leaf_rows_;
  std::vector<PartLeaf> leaves_;
  std::size_t leaves_bytes_ = 0;
};

}  // namespace yunjian::ledger
