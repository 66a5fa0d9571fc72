#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/archive/column.h"
#include "ledger/base/clock.h"
#include "ledger/record.h"

namespace yunjian::ledger {

// A field that follows from a record and is kept beside it.
struct ExtraField {
  std::string_view key;  // outlives the call
  std::string value;
  bool is_string = true;
};
using DeriveFields = std::function<void(const ParsedRecord& record, std::vector<ExtraField>& out)>;

inline constexpr std::size_t block_line_bytes_max = 2U << 20;  // a block is closed at this size
inline constexpr std::size_t block_rows_max = 32768;           // or at so many rows
inline constexpr std::size_t block_columns_max = 2000;
inline constexpr std::size_t block_decoded_bytes_max = 16U << 20;  // of its lines

// A batch's records of one lane in one block.
struct BlockRun {
  std::string stream;
  std::string host;
  std::uint64_t batch = 0;
  Time received{};
  std::uint64_t first_row = 0;
  std::uint64_t rows = 0;
};

// What a block holds, known without reading it.
struct BlockFacts {
  std::uint64_t rows = 0;
  std::uint64_t line_bytes = 0;
  Time time_min{};
  Time time_max{};
};

// Gathers the records of one lane and one unit, turns them into columns:
//
//   block := head_length: u32be head xxh3(head): u64be payloads…
//   head  := rows line_bytes rule_version                       varints
//            packed(integers time) packed(integers number)      of each row
//            streams: count, text each; hosts: count, text each
//            packed(integers stream host batch received rows)   of each run, one list after another
//            shapes: count, each: count, column each            0 is the time, n is column n - 1
//            packed(u16be shape)                                of each row
//            columns: count, each: key: text flags: u8 form: u8 values length: varints
//            xxh3 of the payload: u64be
//   flags := 1 string | 2 derived | 4 whole lines
//
// A line is rebuilt from its shape: {"key":value,…}. What that does not give back byte for byte is
// kept whole in the column of whole lines. One thread.
class LaneBlockBuilder {
 public:
  explicit LaneBlockBuilder(std::uint32_t rule_version) : rule_version_(rule_version) {}

  void begin_run(const BlockRun& run);  // first_row and rows are counted here
  // `time`: of the record, or of its commit. `derive` may be null.
  struct Row {
    std::uint64_t number = 0;
    Time time{};
    std::string_view line;
  };
  void add(const Row& row, const DeriveFields* derive);
  bool is_full() const {
    return facts_.line_bytes >= block_line_bytes_max || facts_.rows >= block_rows_max;
  }
  const BlockFacts& facts() const { return facts_; }
  const BlockRun& first_run() const { return runs_.front(); }
  const BlockRun& last_run() const { return runs_.back(); }

  // The block and the distinct token hashes of its texts (none when `tokens` is null).
  std::string finish(Packer& packer, HashSet* tokens);

 private:
  std::uint16_t column_of(std::size_t position, const RecordField& field, std::uint8_t flags);
  bool gives_back(const ParsedRecord& record, const Row& row);
  void add_whole(std::string_view line, const ParsedRecord* record);
  std::string head(const std::vector<std::string>& payloads, const std::vector<ColumnForm>& forms,
                   Packer& packer) const;
  void put_runs(std::string& out, Packer& packer) const;

  std::uint32_t rule_version_;
  BlockFacts facts_;
  std::vector<BlockRun> runs_;
  std::vector<std::uint64_t> times_;
  std::vector<std::uint64_t> numbers_;
  std::vector<ColumnBuilder> columns_;
  std::map<std::pair<std::string, std::uint8_t>, std::uint16_t> known_columns_;
  std::map<std::vector<std::uint16_t>, std::uint16_t> known_shapes_;
  std::vector<std::vector<std::uint16_t>> shapes_;
  std::vector<std::uint16_t> row_shapes_;
  std::vector<std::uint16_t> shape_;       // of the row being added
  std::vector<std::uint16_t> last_shape_;  // of the row before: most rows are alike
  std::vector<ExtraField> derived_;
  std::string rebuilt_;
  HashSet raw_tokens_;
};

// A block as it is read: the head at once, columns when asked for. One thread.
class LaneBlock {
 public:
  // Bytes [offset, offset + length) behind the head.
  using Fetch = std::function<Result<std::string>(std::uint64_t offset, std::uint64_t length)>;
  // `front` begins with the block and holds its head at least.
  static Result<LaneBlock> open(std::string_view front, Fetch fetch);
  static Result<LaneBlock> open_whole(std::string block);  // keeps the bytes
  // Bytes of a block's front that hold its head.
  static Result<std::uint64_t> front_bytes(std::string_view first_four);

  const BlockFacts& facts() const { return facts_; }
  std::uint32_t rule_version() const { return rule_version_; }
  std::uint64_t rows() const { return facts_.rows; }
  Time time(std::size_t row) const;
  std::uint64_t number(std::size_t row) const { return numbers_[row]; }
  const std::vector<BlockRun>& runs() const { return runs_; }

  // One field's values: rows without it have no place in the column.
  struct Field {
    const Column* column = nullptr;
    const std::vector<std::uint32_t>* places = nullptr;  // of each row, or no_place
    bool is_string = true;
  };
  static constexpr std::uint32_t no_place = ~std::uint32_t{0};
  // All columns of that key (a string and a number can share one; then derived ones).
  Result<std::vector<Field>> fields(std::string_view key);
  // Rows kept whole have a place here: what they hold is known only by parsing them. Null: none.
  const std::vector<std::uint32_t>* whole_places();
  bool has_time(std::size_t row) const;  // the record has one that is kept as the row's time
  // The text columns of the record, derived ones excepted.
  Result<std::vector<Field>> text_fields();

  Result<void> load_lines();  // before append_line
  void append_line(std::size_t row, std::string& out) const;
  // Appends the derived fields of a row; the keys live as long as the block.
  Result<void> load_derived();
  void derived(std::size_t row, std::vector<ExtraField>& out) const;

 private:
  struct Stored {
    std::string key;
    std::uint8_t flags = 0;
    ColumnForm form{};
    std::uint64_t values = 0;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint64_t checksum = 0;
    std::unique_ptr<Column> column;
    std::unique_ptr<std::vector<std::uint32_t>> places;
    // For lines: "key": and, of a column of few values, "key":value by code, once it was needed.
    std::string line_key;
    mutable std::vector<std::string> line_fields;
  };
  Result<void> read_head(std::string_view head);
  Result<void> read_runs(Unpacker& in);
  Result<void> read_shapes(Unpacker& in);
  Result<void> read_columns(Unpacker& in);
  Result<void> check_shapes() const;
  Result<Field> load(Stored& stored);
  Result<void> place(Stored& stored);
  void append_field(const Stored& stored, std::uint32_t place, std::string& out) const;
  void append_value(const Stored& stored, std::uint32_t place, std::string& out) const;

  Fetch fetch_;
  BlockFacts facts_;
  std::uint32_t rule_version_ = 0;
  std::vector<std::uint64_t> times_;
  std::vector<std::uint64_t> numbers_;
  std::vector<BlockRun> runs_;
  std::vector<std::vector<std::uint16_t>> shapes_;
  std::vector<std::uint16_t> row_shapes_;
  std::vector<Stored> columns_;
  std::optional<std::size_t> whole_column_;
  mutable std::string value_;  // of the field that is being appended; reused
};

}  // namespace yunjian::ledger
