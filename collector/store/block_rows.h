#pragma once

#include <optional>
#include <vector>

#include "collector/store/part_set.h"
#include "collector/store/record_store.h"
#include "ledger/archive/bloom.h"

namespace yunjian::collector {

// Which rows of a part's block a selection asks for, found in the columns without building lines.
// The residual predicate of the selection is the caller's. One thread.
class BlockRows {
 public:
  // `deriver`: of the selection's store; a block of another rule version is not asked for derived
  // columns.
  static ledger::Result<BlockRows> open(const ledger::PartReader& part,
                                        const ledger::LaneEntry& entry, const Selection& selection,
                                        const Deriver* deriver);

  ledger::LaneBlock& block() { return block_; }
  // Rows that stay, ascending.
  const std::vector<std::uint32_t>& rows() const { return rows_; }
  // Of the rows that stay, so many of the latest (or earliest) times and those of equal time. Does
  // nothing when a row must be parsed.
  void keep_best(std::size_t count, bool newest);
  // True when a column test names a field that this block cannot answer (kept whole lines, derived
  // by other rules): then lines must be looked at with RecordGate, columns included.
  bool must_parse(std::uint32_t row) const;
  bool is_whole(std::uint32_t row) const { return whole_[row] != 0; }
  // The field is derived, and this block's were derived by other rules: only the line tells.
  bool derives(const std::string& field, const Deriver* deriver) const;
  // The run of a row; ask in ascending order of rows.
  const ledger::BlockRun& run_of(std::uint32_t row);

  // A field of the block, looked up once.
  struct FieldOf {
    std::vector<ledger::LaneBlock::Field> columns;
    bool is_time = false;
  };
  ledger::Result<FieldOf> field(const std::string& key);
  std::optional<std::string> value(const FieldOf& field, std::uint32_t row) const;

 private:
  explicit BlockRows(ledger::LaneBlock block) : block_(std::move(block)) {}
  void keep_times(const Selection& selection);
  void keep_hosts(const std::set<std::string, std::less<>>& hosts);
  void keep_received(const Selection& selection);
  ledger::Result<void> keep_words(const std::vector<std::string>& alternatives);
  ledger::Result<void> keep_column(const ColumnTest& test);
  ledger::Result<void> mark_whole_lines();

  ledger::LaneBlock block_;
  bool other_rules_ = false;
  bool asks_derived_ = false;  // some column test names a field that rules derive
  bool asks_columns_ = false;
  std::vector<char> kept_;   // of each row
  std::vector<char> whole_;  // rows kept whole
  std::vector<std::uint32_t> rows_;
  std::size_t run_ = 0;
};

// Whether the filters of a block say that a record of it may have all words of the selection.
ledger::Result<bool> may_have_words(const ledger::PartReader& part, const ledger::LaneEntry& entry,
                                    const Filter& filter);

}  // namespace yunjian::collector
