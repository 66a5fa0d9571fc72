#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/archive/codec.h"
#include "ledger/base/clock.h"
#include "ledger/batch.h"

namespace yunjian::ledger {

inline constexpr std::size_t part_lanes = 3;  // event, usage, hour
inline constexpr std::size_t header_block_rows_max = 512;
inline constexpr std::uint64_t no_part_leaf = ~std::uint64_t{0};

// Where a batch's records of one lane begin: block number within the lane, row in it. They go on
// in the blocks behind.
struct LanePlace {
  std::uint64_t block = 0;
  std::uint64_t row = 0;
  std::uint64_t rows = 0;  // 0: the batch has none in this lane
};

// One batch of a part, or the late body of a batch that lies elsewhere.
struct PartRow {
  std::string unit;
  std::string host;
  std::string stream;
  std::uint64_t batch = 0;
  std::uint64_t first_record = 0;
  std::uint64_t records = 0;
  Time received{};
  std::uint64_t leaf = no_part_leaf;  // of the header
  bool hollow = false;                // has records, their lines are not in this row
  bool fill = false;                  // no header: the body of a hollow batch
  std::array<LanePlace, part_lanes> lanes;
};

// Up to header_block_rows_max batches of one unit in the order of the part, as columns:
//
//   block := unit: text; streams: count, text each; hosts: count, text each; rows: varint
//            packed(integers stream host batch first received records bits leaf
//                   block row rows of each lane)                  one list after another
//            origin: text
//            packed(integers sealed boot_ms boot flags)           of rows with a header kept so
//            texts: count, text each                              boot ids and flags
//            packed(bytes)                                        roots
//            packed(bytes)                                        announced keys
//            packed(bytes)                                        signatures
//            packed(bytes)                                        previous, key ids that do not
//            follow packed(text each)                                    whole notes
//   bits  := 1 hollow | 2 fill | 4 whole note | 8 previous stands apart | 16 key id stands apart
//
// `previous` follows when it is the leaf hash of the row before in the same stream, the key id when
// it is that of the key which that row announced. A note that does not come back byte for byte is
// kept whole.
class HeaderBlockBuilder {
 public:
  HeaderBlockBuilder(const Suite& suite, Hasher& hasher) : suite_(suite), hasher_(hasher) {}

  // `note` is empty for a fill.
  void add(const PartRow& row, std::string_view note);
  std::size_t rows() const { return rows_.size(); }
  std::string finish(Packer& packer);  // last call

 private:
  bool keep_as_columns(const PartRow& row, std::string_view note, std::uint64_t& bits);
  std::uint64_t text_number(const std::string& text);

  const Suite& suite_;
  Hasher& hasher_;
  std::vector<PartRow> rows_;
  std::vector<std::uint64_t> bits_;
  std::string origin_;
  std::vector<std::uint64_t> sealed_, boot_ms_, boot_, flags_;
  std::vector<std::string> texts_;
  std::map<std::string, std::uint64_t> known_texts_;
  std::string roots_, keys_, signatures_, apart_, whole_;
  std::string before_stream_;  // of the row before
  Hash before_hash_{};
  std::string before_key_;
};

// A header block as it is read. Immutable.
class HeaderBlock {
 public:
  static Result<HeaderBlock> open(std::string_view bytes);

  const std::vector<PartRow>& rows() const { return rows_; }
  // The header notes of all rows, byte for byte; empty for fills.
  Result<std::vector<std::string>> notes(const Suite& suite) const;

 private:
  Result<void> read_rows(Unpacker& in);
  Result<void> read_notes(Unpacker& in);

  std::vector<PartRow> rows_;
  std::vector<std::uint64_t> bits_;
  std::string origin_;
  std::vector<std::uint64_t> sealed_, boot_ms_, boot_, flags_;
  std::vector<std::string> texts_;
  std::string roots_, keys_, signatures_, apart_, whole_;
};

}  // namespace yunjian::ledger
