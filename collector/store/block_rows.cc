#include "collector/store/block_rows.h"

#include <algorithm>

#include "ledger/archive/tokens.h"

namespace yunjian::collector {

using ledger::LaneBlock;
using ledger::Result;

Result<bool> may_have_words(const ledger::PartReader& part, const ledger::LaneEntry& entry,
                            const Filter& filter) {
  for (const std::vector<std::string>& alternatives : filter.words) {
    bool any = alternatives.empty();
    for (const std::string& token : alternatives) {
      if (any) break;
      auto has = part.may_have(entry, ledger::token_hash(token));
      if (!has) return has;
      any = *has;
    }
    if (!any) return false;
  }
  return true;
}

Result<BlockRows> BlockRows::open(const ledger::PartReader& part, const ledger::LaneEntry& entry,
                                  const Selection& selection, const Deriver* deriver) {
  auto block = part.lane_block(entry);
  if (!block) return failure(block);
  BlockRows rows(std::move(*block));
  const std::uint32_t version = deriver == nullptr ? 0 : deriver->version;
  rows.other_rules_ = rows.block_.rule_version() != version;
  rows.asks_columns_ = !selection.filter.columns.empty();
  if (deriver != nullptr) {
    for (const ColumnTest& test : selection.filter.columns) {
      rows.asks_derived_ |= std::ranges::find(deriver->keys, test.field) != deriver->keys.end();
    }
  }
  rows.kept_.assign(rows.block_.rows(), 1);
  rows.keep_times(selection);
  rows.keep_hosts(selection.filter.hosts);
  rows.keep_received(selection);
  if (auto marked = rows.mark_whole_lines(); !marked) return failure(marked);
  for (const auto& alternatives : selection.filter.words) {
    if (std::ranges::find(rows.kept_, 1) == rows.kept_.end()) break;
    if (auto kept = rows.keep_words(alternatives); !kept) return failure(kept);
  }
  for (const ColumnTest& test : selection.filter.columns) {
    if (std::ranges::find(rows.kept_, 1) == rows.kept_.end()) break;
    const bool is_derived =
        deriver != nullptr && std::ranges::find(deriver->keys, test.field) != deriver->keys.end();
    if (is_derived && rows.other_rules_) continue;
    if (auto kept = rows.keep_column(test); !kept) return failure(kept);
  }
  for (std::uint32_t row = 0; row < rows.kept_.size(); ++row) {
    if (rows.kept_[row] != 0) rows.rows_.push_back(row);
  }
  return rows;
}

void BlockRows::keep_times(const Selection& selection) {
  const ledger::BlockFacts& facts = block_.facts();
  if (facts.time_min >= selection.from && facts.time_max < selection.to) return;
  for (std::size_t row = 0; row < kept_.size(); ++row) {
    const ledger::Time time = block_.time(row);
    if (time < selection.from || time >= selection.to) kept_[row] = 0;
  }
}

void BlockRows::keep_hosts(const std::set<std::string, std::less<>>& hosts) {
  if (hosts.empty()) return;
  for (const ledger::BlockRun& run : block_.runs()) {
    if (hosts.contains(run.host)) continue;
    const auto first = kept_.begin() + static_cast<std::ptrdiff_t>(run.first_row);
    std::fill(first, first + static_cast<std::ptrdiff_t>(run.rows), char{0});
  }
}

void BlockRows::keep_received(const Selection& selection) {
  const ledger::Time from = selection.received_from;
  const auto& to = selection.received_to;
  if (from == ledger::Time{} && !to) return;
  for (const ledger::BlockRun& run : block_.runs()) {
    if (run.received >= from && (!to || run.received < *to)) continue;
    const auto first = kept_.begin() + static_cast<std::ptrdiff_t>(run.first_row);
    std::fill(first, first + static_cast<std::ptrdiff_t>(run.rows), char{0});
  }
}

// A line that is kept whole may be a record of any form: only parsing it tells.
Result<void> BlockRows::mark_whole_lines() {
  whole_.assign(kept_.size(), 0);
  auto lines = block_.whole_places();
  if (lines == nullptr) return {};
  for (std::size_t row = 0; row < whole_.size(); ++row) {
    whole_[row] = (*lines)[row] != LaneBlock::no_place ? 1 : 0;
  }
  return {};
}

Result<void> BlockRows::keep_words(const std::vector<std::string>& alternatives) {
  if (alternatives.empty()) return {};
  auto fields = block_.text_fields();
  if (!fields) return failure(fields);
  std::vector<char> has = whole_;
  std::vector<char> marks;
  for (const LaneBlock::Field& field : *fields) {
    marks.assign(field.column->size(), 0);
    for (const std::string& token : alternatives) field.column->mark(token, marks);
    if (std::ranges::find(marks, 1) == marks.end()) continue;
    for (std::size_t row = 0; row < has.size(); ++row) {
      const std::uint32_t place = (*field.places)[row];
      if (place != LaneBlock::no_place && marks[place] != 0) has[row] = 1;
    }
  }
  for (std::size_t row = 0; row < kept_.size(); ++row) kept_[row] = kept_[row] & has[row];
  return {};
}

Result<BlockRows::FieldOf> BlockRows::field(const std::string& key) {
  FieldOf found;
  auto columns = block_.fields(key);
  if (!columns) return failure(columns);
  found.columns = std::move(*columns);
  found.is_time = key == "time";
  return found;
}

Result<void> BlockRows::keep_column(const ColumnTest& test) {
  auto found = field(test.field);
  if (!found) return failure(found);
  // Which rows some column answers; the first in order of record, then derived, is asked.
  std::vector<char> answered(kept_.size(), 0);
  if (found->is_time) {
    std::string text;
    for (std::size_t row = 0; row < kept_.size(); ++row) {
      if (kept_[row] == 0 || whole_[row] != 0 || !block_.has_time(row)) continue;
      text.clear();
      ledger::append_time(text, block_.time(row));
      answered[row] = 1;
      kept_[row] = test.accepts(text, true) ? 1 : 0;
    }
  }
  for (const LaneBlock::Field& column : found->columns) {
    std::vector<char> accepted;
    for (const std::string& value : column.column->distinct()) {
      accepted.push_back(test.accepts(value, column.is_string) ? 1 : 0);
    }
    std::string text;
    for (std::size_t row = 0; row < kept_.size(); ++row) {
      const std::uint32_t place = (*column.places)[row];
      // A whole line may hold a field of its own by the name of a derived one; its own comes first.
      if (kept_[row] == 0 || whole_[row] != 0 || answered[row] != 0) continue;
      if (place == LaneBlock::no_place) continue;
      answered[row] = 1;
      if (!accepted.empty()) {
        kept_[row] = accepted[column.column->code(place)];
        continue;
      }
      text.clear();
      column.column->append(place, text);
      kept_[row] = test.accepts(text, column.is_string) ? 1 : 0;
    }
  }
  if (test.accepts_absent) return {};
  for (std::size_t row = 0; row < kept_.size(); ++row) {
    if (answered[row] == 0 && whole_[row] == 0) kept_[row] = 0;
  }
  return {};
}

void BlockRows::keep_best(std::size_t count, bool newest) {
  if (rows_.size() <= count) return;
  std::vector<ledger::Time> times;
  for (const std::uint32_t row : rows_) {
    if (must_parse(row) && asks_columns_) return;
    times.push_back(block_.time(row));
  }
  const auto last = times.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  if (newest) {
    std::ranges::nth_element(times, last, std::ranges::greater());
  } else {
    std::ranges::nth_element(times, last);
  }
  const ledger::Time bound = *last;
  std::erase_if(rows_, [&](std::uint32_t row) {
    return newest ? block_.time(row) < bound : block_.time(row) > bound;
  });
}

bool BlockRows::derives(const std::string& field, const Deriver* deriver) const {
  return other_rules_ && deriver != nullptr &&
         std::ranges::find(deriver->keys, field) != deriver->keys.end();
}

std::optional<std::string> BlockRows::value(const FieldOf& field, std::uint32_t row) const {
  if (field.is_time && block_.has_time(row)) return ledger::format_time(block_.time(row));
  for (const LaneBlock::Field& column : field.columns) {
    const std::uint32_t place = (*column.places)[row];
    if (place == LaneBlock::no_place) continue;
    std::string text;
    column.column->append(place, text);
    return text;
  }
  return std::nullopt;
}

bool BlockRows::must_parse(std::uint32_t row) const {
  return whole_[row] != 0 || (other_rules_ && asks_derived_);
}

const ledger::BlockRun& BlockRows::run_of(std::uint32_t row) {
  const auto& runs = block_.runs();
  while (row >= runs[run_].first_row + runs[run_].rows) ++run_;
  return runs[run_];
}

}  // namespace yunjian::collector
