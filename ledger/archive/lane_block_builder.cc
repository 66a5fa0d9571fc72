// The writing half of lane_block.h.
#include <xxhash.h>

#include <algorithm>

#include "ledger/archive/lane_block.h"
#include "ledger/archive/lane_block_format.h"
#include "ledger/archive/tokens.h"

namespace yunjian::ledger {

using namespace block_format;

namespace {

constexpr std::size_t derived_fields_max = 32;
constexpr std::size_t shape_fields_max = 512;

bool has_key_twice(const ParsedRecord& record) {
  for (std::size_t i = 1; i < record.fields.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (record.fields[i].key == record.fields[j].key) return true;
    }
  }
  return false;
}

}  // namespace

void LaneBlockBuilder::begin_run(const BlockRun& run) {
  runs_.push_back(run);
  runs_.back().first_row = facts_.rows;
  runs_.back().rows = 0;
}

// Most lines have the fields of the line before at the same positions.
std::uint16_t LaneBlockBuilder::column_of(std::size_t position, const RecordField& field,
                                          std::uint8_t flags) {
  if (position < last_shape_.size() && last_shape_[position] != time_column) {
    const ColumnBuilder& guess = columns_[last_shape_[position] - 1U];
    const auto guess_flags = static_cast<std::uint8_t>((guess.is_string() ? flag_string : 0) |
                                                       (guess.derived() ? flag_derived : 0));
    if (guess_flags == flags && guess.key() == field.key) return last_shape_[position];
  }
  const auto next = static_cast<std::uint16_t>(columns_.size() + 1);
  const auto [found, fresh] = known_columns_.try_emplace({std::string(field.key), flags}, next);
  if (fresh) {
    columns_.emplace_back(std::string(field.key), (flags & flag_string) != 0,
                          (flags & flag_derived) != 0);
  }
  return found->second;
}

namespace {

// Compares a line with what the reader will write, piece by piece.
class LineMatch {
 public:
  LineMatch(std::string_view line, std::string& scratch) : rest_(line), scratch_(scratch) {}

  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  // A string that stands in a line as it is has nothing in it that is written otherwise.
  bool take_string(std::string_view value) {
    if (rest_.size() >= value.size() + 2 && rest_.front() == '"' &&
        rest_[value.size() + 1] == '"' && rest_.substr(1, value.size()) == value) {
      rest_.remove_prefix(value.size() + 2);
      return true;
    }
    scratch_.clear();
    append_json_string(scratch_, value);
    return take(scratch_);
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  std::string& scratch_;
};

}  // namespace

// Whether the fields, written as the reader will, are the line. Fills shape_.
bool LaneBlockBuilder::gives_back(const ParsedRecord& record, const Row& row) {
  shape_.clear();
  if (columns_.size() + record.fields.size() + derived_fields_max > block_columns_max ||
      record.fields.size() > shape_fields_max || has_key_twice(record)) {
    return false;
  }
  LineMatch line(row.line, rebuilt_);
  bool has_time = false;
  bool is_first = true;
  for (const RecordField& field : record.fields) {
    if (!line.take(is_first ? "{" : ",")) return false;
    is_first = false;
    if (!line.take_string(field.key) || !line.take(":")) return false;
    if (!has_time && field.is_string && field.key == "time") {
      has_time = true;
      rebuilt_.assign("\"");
      append_time(rebuilt_, row.time);
      rebuilt_.push_back('"');
      if (!line.take(rebuilt_)) return false;
    } else if (field.is_string ? !line.take_string(field.value) : !line.take(field.value)) {
      return false;
    }
  }
  return line.take(is_first ? "{}" : "}") && line.at_end();
}

void LaneBlockBuilder::add_whole(std::string_view line, const ParsedRecord* record) {
  std::vector<std::uint64_t> hashes;
  if (record == nullptr) {
    append_token_hashes(line, hashes);
  } else {
    for (const RecordField& field : record->fields) {
      if (field.is_string) append_token_hashes(field.value, hashes);
    }
  }
  for (const std::uint64_t hash : hashes) raw_tokens_.add(hash);
  const auto next = static_cast<std::uint16_t>(columns_.size() + 1);
  const auto [found, fresh] = known_columns_.try_emplace({"", flag_whole}, next);
  if (fresh) columns_.emplace_back("", true, false);
  columns_[found->second - 1U].add(line);
  shape_ = {found->second};
}

void LaneBlockBuilder::add(const Row& row, const DeriveFields* derive) {
  const auto parsed = parse_record(row.line);
  const ParsedRecord* record = parsed ? parsed->get() : nullptr;
  if (record != nullptr && gives_back(*record, row)) {
    bool has_time = false;
    for (const RecordField& field : record->fields) {
      if (!has_time && field.is_string && field.key == "time") {
        shape_.push_back(time_column);
        has_time = true;
        continue;
      }
      const std::uint16_t column =
          column_of(shape_.size(), field, field.is_string ? flag_string : std::uint8_t{0});
      columns_[column - 1U].add(field.value);
      shape_.push_back(column);
    }
  } else {
    add_whole(row.line, record);
  }
  derived_.clear();
  if (record != nullptr && derive != nullptr && *derive) (*derive)(*record, derived_);
  for (const ExtraField& field : derived_) {
    const auto flags =
        static_cast<std::uint8_t>(flag_derived | (field.is_string ? flag_string : 0));
    const std::uint16_t column =
        column_of(shape_.size(), {field.key, field.value, field.is_string}, flags);
    columns_[column - 1U].add(field.value);
    shape_.push_back(column);
  }
  if (row_shapes_.empty() || shape_ != last_shape_) {
    const auto next = static_cast<std::uint16_t>(shapes_.size());
    const auto [found, fresh] = known_shapes_.try_emplace(shape_, next);
    if (fresh) shapes_.push_back(shape_);
    row_shapes_.push_back(found->second);
    last_shape_ = shape_;
  } else {
    row_shapes_.push_back(row_shapes_.back());
  }
  times_.push_back(static_cast<std::uint64_t>(row.time.time_since_epoch().count()));
  numbers_.push_back(row.number);
  facts_.time_min = facts_.rows == 0 ? row.time : std::min(facts_.time_min, row.time);
  facts_.time_max = facts_.rows == 0 ? row.time : std::max(facts_.time_max, row.time);
  ++facts_.rows;
  facts_.line_bytes += row.line.size() + 1;
  ++runs_.back().rows;
}

void LaneBlockBuilder::put_runs(std::string& out, Packer& packer) const {
  std::vector<std::string_view> streams;
  std::vector<std::string_view> hosts;
  std::vector<std::uint64_t> lists[5];
  for (const BlockRun& run : runs_) {
    if (streams.empty() || streams.back() != run.stream) streams.push_back(run.stream);
    if (hosts.empty() || hosts.back() != run.host) hosts.push_back(run.host);
    lists[0].push_back(streams.size() - 1);
    lists[1].push_back(hosts.size() - 1);
    lists[2].push_back(run.batch);
    lists[3].push_back(static_cast<std::uint64_t>(run.received.time_since_epoch().count()));
    lists[4].push_back(run.rows);
  }
  put_varint(out, streams.size());
  for (const std::string_view stream : streams) put_text(out, stream);
  put_varint(out, hosts.size());
  for (const std::string_view host : hosts) put_text(out, host);
  put_varint(out, runs_.size());
  std::string packed;
  for (const auto& list : lists) put_integers(packed, list);
  packer.put(out, packed);
}

std::string LaneBlockBuilder::head(const std::vector<std::string>& payloads,
                                   const std::vector<ColumnForm>& forms, Packer& packer) const {
  std::string out;
  put_varint(out, facts_.rows);
  put_varint(out, facts_.line_bytes);
  put_varint(out, rule_version_);
  std::string list;
  put_integers(list, times_);
  packer.put(out, list);
  list.clear();
  put_integers(list, numbers_);
  packer.put(out, list);
  put_runs(out, packer);
  put_varint(out, shapes_.size());
  for (const auto& shape : shapes_) {
    put_varint(out, shape.size());
    for (const std::uint16_t column : shape) put_varint(out, column);
  }
  std::string rows;
  for (const std::uint16_t shape : row_shapes_) {
    rows.push_back(static_cast<char>(shape >> 8));
    rows.push_back(static_cast<char>(shape));
  }
  packer.put(out, rows);
  put_varint(out, columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const ColumnBuilder& column = columns_[i];
    const bool whole = column.key().empty() && known_columns_.contains({"", flag_whole}) &&
                       known_columns_.at({"", flag_whole}) == i + 1;
    put_text(out, column.key());
    out.push_back(static_cast<char>((column.is_string() ? flag_string : 0) |
                                    (column.derived() ? flag_derived : 0) |
                                    (whole ? flag_whole : 0)));
    out.push_back(static_cast<char>(forms[i]));
    put_varint(out, column.size());
    put_varint(out, payloads[i].size());
    put_u64be(out, XXH3_64bits(payloads[i].data(), payloads[i].size()));
  }
  return out;
}

std::string LaneBlockBuilder::finish(Packer& packer, HashSet* tokens) {
  std::vector<std::string> payloads(columns_.size());
  std::vector<ColumnForm> forms;
  const auto whole = known_columns_.find({"", flag_whole});
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool is_whole = whole != known_columns_.end() && whole->second == i + 1;
    forms.push_back(columns_[i].encode(packer, payloads[i], is_whole ? nullptr : tokens));
  }
  if (tokens != nullptr) {
    for (const std::uint64_t hash : raw_tokens_.values()) tokens->add(hash);
  }
  const std::string front = head(payloads, forms, packer);
  std::string block;
  put_u32be(block, static_cast<std::uint32_t>(front.size()));
  block += front;
  put_u64be(block, XXH3_64bits(front.data(), front.size()));
  for (const std::string& payload : payloads) block += payload;
  return block;
}

}  // namespace yunjian::ledger
