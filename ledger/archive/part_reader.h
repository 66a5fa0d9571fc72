#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "ledger/archive/part.h"
#include "ledger/base/file_system.h"

namespace yunjian::ledger {

// What was read last of the parts that share it, so that neighbours of one question are read once
// and all parts together keep little in memory. Any thread.
class PartCache {
 public:
  using Key = std::array<std::uint64_t, 3>;  // part, kind and lane, number
  std::shared_ptr<const void> find(const Key& key);
  void keep(const Key& key, std::shared_ptr<const void> value);

 private:
  static constexpr std::size_t kept_max = 48;  // of up to about 5 MiB each, blocks at most 8
  static constexpr std::size_t blocks_max = 8;

  std::mutex mutex_;
  std::list<std::pair<Key, std::shared_ptr<const void>>> kept_;  // newest first
};

// One part, read on demand. Any thread; the file stays readable when its name is removed. What is
// read is checked against its checksums; every error but those of the file system is corrupt and
// names the part.
class PartReader {
 public:
  static Result<std::shared_ptr<const PartReader>> open(FileSystem& files,
                                                        const std::string& directory,
                                                        std::uint64_t number,
                                                        std::shared_ptr<PartCache> cache = nullptr);

  std::uint64_t number() const { return number_; }
  const PartFooter& footer() const { return footer_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

  using LaneEntries = std::shared_ptr<const std::vector<LaneEntry>>;
  Result<LaneEntries> lane_group(std::size_t lane, std::size_t group) const;
  Result<LaneEntry> lane_entry(std::size_t lane, std::uint64_t block) const;
  // Reads the head only; columns are read when asked for. The block must not outlive the reader.
  Result<LaneBlock> lane_block(const LaneEntry& entry) const;
  Result<LaneBlock> whole_lane_block(const LaneEntry& entry) const;  // one read for all of it
  // Whether a record of the block may hold the token of this hash.
  Result<bool> may_have(const LaneEntry& entry, std::uint64_t hash) const;

  Result<std::string> bloom(const LaneEntry& entry) const;  // the whole filter

  struct Headers {
    HeaderBlock block;
    std::vector<std::string> notes;
  };
  Result<std::shared_ptr<const Headers>> headers(std::uint64_t block) const;

  struct Found {
    PartRow row;
    std::string note;  // empty for a late body
  };
  // A batch, or the late body of one (`fill`), when this part holds it.
  Result<std::optional<Found>> find_batch(std::string_view stream, std::uint64_t batch,
                                          bool fill) const;
  Result<std::optional<Found>> find_record(std::string_view stream, std::uint64_t record) const;
  // Leaf and when it was committed; reject: not within [first_leaf, leaf_end).
  Result<std::string> leaf(std::uint64_t index) const;
  // The lines of a row that has them, in the order of their numbers.
  Result<std::vector<std::string>> lines(const PartRow& row) const;
  Result<std::vector<PartLeaf>> leaves(std::size_t group) const;
  Result<std::vector<StreamEntry>> stream_group(std::size_t group) const;
  Result<std::vector<std::uint64_t>> leaf_rows(std::size_t group) const;  // of the leaf map
  Result<PartForkBody> fork_body(std::size_t number) const;

  // Reads every byte of the file and compares checksums, padding and places.
  Result<void> check(FileSystem& files) const;

 private:
  PartReader(std::unique_ptr<File> file, std::string path, std::uint64_t number);
  Result<std::shared_ptr<const LaneBlock>> lines_block(std::size_t lane, std::uint64_t block) const;
  Result<std::string> piece(std::uint64_t offset, PartPiece type) const;
  Failure at_fault(Error error) const;
  Result<std::vector<StreamEntry>> entries_of(std::string_view stream) const;

  std::unique_ptr<File> file_;
  std::string path_;
  std::uint64_t number_;
  std::uint64_t file_bytes_ = 0;
  PartFooter footer_;
  std::shared_ptr<PartCache> cache_;
};

// All rows of a part in its order, with their notes and lines. One thread.
class PartCursor {
 public:
  explicit PartCursor(std::shared_ptr<const PartReader> part) : part_(std::move(part)) {}

  // False at the end.
  Result<bool> next();
  const PartRow& row() const { return headers_->block.rows()[row_]; }
  const std::string& note() const { return headers_->notes[row_]; }
  // Of the row, in the order of their numbers; the views live until next().
  const std::vector<PartLine>& lines() const { return lines_; }

 private:
  struct Lane {
    std::uint64_t next_block = 0;
    std::unique_ptr<LaneBlock> block;
    std::uint64_t at = 0;  // row in it
  };
  Result<void> take_lane(std::size_t lane);

  std::shared_ptr<const PartReader> part_;
  std::shared_ptr<const PartReader::Headers> headers_;
  std::uint64_t next_header_block_ = 0;
  std::size_t row_ = 0;
  std::array<Lane, part_lanes> lanes_;
  std::string text_;
  struct Piece {
    std::uint64_t number;
    std::size_t begin, end;  // in text_
    PartLane lane;
    Time time;
  };
  std::vector<Piece> pieces_;
  std::vector<PartLine> lines_;
};

}  // namespace yunjian::ledger
