// The reading half of lane_block.h.
#include "ledger/archive/lane_block.h"

#include <xxhash.h>

#include <algorithm>

#include "ledger/archive/lane_block_format.h"

namespace yunjian::ledger {

using namespace block_format;

namespace {

Failure damaged(std::string_view what) {
  return fail(ErrorKind::corrupt, "a block is damaged: " + std::string(what));
}

Result<std::vector<std::uint64_t>> unpack_integers(Unpacker& in, std::uint64_t count) {
  auto bytes = unpack(in);
  if (!bytes) return failure(bytes);
  Unpacker list(*bytes);
  auto values = get_integers(list, count);
  if (!values) return failure(values);
  if (!list.at_end()) return damaged("a list is longer than its rows");
  return values;
}

Time time_of(std::uint64_t value) {
  return Time(std::chrono::microseconds(static_cast<std::int64_t>(value)));
}

}  // namespace

Result<std::uint64_t> LaneBlock::front_bytes(std::string_view first_four) {
  if (first_four.size() < length_bytes) return damaged("it is cut");
  return std::uint64_t{get_u32be(first_four.data())} + length_bytes + checksum_bytes;
}

Result<LaneBlock> LaneBlock::open(std::string_view front, Fetch fetch) {
  auto bytes = front_bytes(front);
  if (!bytes) return failure(bytes);
  if (front.size() < *bytes) return damaged("its head is cut");
  const std::string_view head = front.substr(length_bytes, *bytes - length_bytes - checksum_bytes);
  if (get_u64be(front.data() + *bytes - checksum_bytes) != XXH3_64bits(head.data(), head.size())) {
    return damaged("its head has another checksum");
  }
  LaneBlock block;
  block.fetch_ = std::move(fetch);
  if (auto read = block.read_head(head); !read) return failure(read);
  return block;
}

Result<LaneBlock> LaneBlock::open_whole(std::string block) {
  const auto kept = std::make_shared<const std::string>(std::move(block));
  auto front = front_bytes(*kept);
  if (!front) return failure(front);
  return open(
      *kept,
      [kept, begin = *front](std::uint64_t offset, std::uint64_t length) -> Result<std::string> {
        if (offset > kept->size() - begin || length > kept->size() - begin - offset) {
          return damaged("it is cut");
        }
        return kept->substr(begin + offset, length);
      });
}

Result<void> LaneBlock::read_head(std::string_view head) {
  Unpacker in(head);
  facts_.rows = in.varint();
  facts_.line_bytes = in.varint();
  rule_version_ = static_cast<std::uint32_t>(in.varint());
  if (!in.good() || facts_.rows == 0 || facts_.rows > block_rows_max ||
      facts_.line_bytes > block_decoded_bytes_max) {
    return damaged("its counts are beyond their limits");
  }
  auto times = unpack_integers(in, facts_.rows);
  if (!times) return failure(times);
  times_ = std::move(*times);
  auto numbers = unpack_integers(in, facts_.rows);
  if (!numbers) return failure(numbers);
  numbers_ = std::move(*numbers);
  if (auto read = read_runs(in); !read) return read;
  if (auto read = read_shapes(in); !read) return read;
  if (auto read = read_columns(in); !read) return read;
  if (!in.at_end()) return damaged("bytes stand behind its head");
  if (auto good = check_shapes(); !good) return good;
  facts_.time_min = facts_.time_max = time(0);
  for (std::size_t row = 1; row < facts_.rows; ++row) {
    facts_.time_min = std::min(facts_.time_min, time(row));
    facts_.time_max = std::max(facts_.time_max, time(row));
  }
  return {};
}

Result<void> LaneBlock::read_runs(Unpacker& in) {
  std::vector<std::string_view> streams(in.count());
  for (auto& stream : streams) stream = in.text();
  std::vector<std::string_view> hosts(in.count());
  for (auto& host : hosts) host = in.text();
  const std::uint64_t count = in.varint();
  if (!in.good() || count > facts_.rows) return damaged("it has too many runs");
  auto bytes = unpack(in);
  if (!bytes) return failure(bytes);
  Unpacker reader(*bytes);
  std::vector<std::uint64_t> lists[5];
  for (auto& list : lists) {
    auto values = get_integers(reader, count);
    if (!values) return failure(values);
    list = std::move(*values);
  }
  std::uint64_t row = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (lists[0][i] >= streams.size() || lists[1][i] >= hosts.size() || lists[4][i] == 0 ||
        lists[4][i] > facts_.rows - row) {
      return damaged("a run does not fit");
    }
    runs_.push_back({std::string(streams[lists[0][i]]), std::string(hosts[lists[1][i]]),
                     lists[2][i], time_of(lists[3][i]), row, lists[4][i]});
    row += lists[4][i];
  }
  if (row != facts_.rows || !reader.at_end()) return damaged("its runs do not cover its rows");
  return {};
}

Result<void> LaneBlock::read_shapes(Unpacker& in) {
  shapes_.resize(in.count());
  for (auto& shape : shapes_) {
    shape.resize(in.count());
    for (auto& column : shape) column = static_cast<std::uint16_t>(in.varint());
    if (!in.good()) return damaged("a shape is cut");
  }
  auto rows = unpack(in);
  if (!rows) return failure(rows);
  if (rows->size() != facts_.rows * 2) return damaged("its shapes do not cover its rows");
  for (std::size_t i = 0; i < rows->size(); i += 2) {
    const auto shape = static_cast<std::uint16_t>(static_cast<unsigned char>((*rows)[i]) << 8 |
                                                  static_cast<unsigned char>((*rows)[i + 1]));
    if (shape >= shapes_.size()) return damaged("a row has no shape");
    row_shapes_.push_back(shape);
  }
  return {};
}

Result<void> LaneBlock::read_columns(Unpacker& in) {
  const std::uint64_t count = in.count();
  if (count > block_columns_max) return damaged("it has too many columns");
  std::uint64_t offset = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    Stored stored;
    stored.key = in.text();
    stored.flags = in.byte();
    stored.form = static_cast<ColumnForm>(in.byte());
    stored.values = in.varint();
    stored.length = in.varint();
    stored.checksum = in.u64be();
    stored.offset = offset;
    if (!in.good() || stored.length > packed_bytes_max || stored.values > facts_.rows) {
      return damaged("a column's description is not whole");
    }
    offset += stored.length;
    if ((stored.flags & flag_whole) != 0) whole_column_ = i;
    columns_.push_back(std::move(stored));
  }
  return {};
}

// Each column is as long as the rows whose shape names it.
Result<void> LaneBlock::check_shapes() const {
  std::vector<std::uint64_t> uses(shapes_.size(), 0);
  for (const std::uint16_t shape : row_shapes_) ++uses[shape];
  std::vector<std::uint64_t> values(columns_.size() + 1, 0);
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    for (const std::uint16_t column : shapes_[i]) {
      if (column > columns_.size()) return damaged("a shape names no column");
      values[column] += uses[i];
    }
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (values[i + 1] != columns_[i].values) return damaged("a column has another length");
  }
  return {};
}

Time LaneBlock::time(std::size_t row) const { return time_of(times_[row]); }

Result<LaneBlock::Field> LaneBlock::load(Stored& stored) {
  if (!stored.column) {
    auto payload = fetch_(stored.offset, stored.length);
    if (!payload) return failure(payload);
    if (XXH3_64bits(payload->data(), payload->size()) != stored.checksum) {
      return damaged("column '" + stored.key + "' has another checksum");
    }
    auto column = Column::decode(stored.form, *payload, stored.values);
    if (!column) return failure(column);
    stored.column = std::make_unique<Column>(std::move(*column));
  }
  if (auto placed = place(stored); !placed) return failure(placed);
  return Field{stored.column.get(), stored.places.get(), (stored.flags & flag_string) != 0};
}

Result<void> LaneBlock::place(Stored& stored) {
  if (!stored.places) {
    const auto index = static_cast<std::uint16_t>(&stored - columns_.data() + 1);
    std::vector<char> has(shapes_.size());
    for (std::size_t i = 0; i < has.size(); ++i) {
      // A key that stands twice in a line is kept whole, so that once is enough here.
      has[i] = std::ranges::find(shapes_[i], index) != shapes_[i].end() ? 1 : 0;
    }
    stored.places = std::make_unique<std::vector<std::uint32_t>>(facts_.rows, no_place);
    std::uint32_t next = 0;
    for (std::size_t row = 0; row < facts_.rows; ++row) {
      if (has[row_shapes_[row]] != 0) (*stored.places)[row] = next++;
    }
    if (next != stored.values) return damaged("a shape names a column twice");
  }
  return {};
}

Result<std::vector<LaneBlock::Field>> LaneBlock::fields(std::string_view key) {
  std::vector<Field> found;
  for (const bool derived : {false, true}) {
    for (Stored& stored : columns_) {
      if (stored.key != key || (stored.flags & flag_whole) != 0) continue;
      if (((stored.flags & flag_derived) != 0) != derived) continue;
      auto field = load(stored);
      if (!field) return failure(field);
      found.push_back(*field);
    }
  }
  return found;
}

const std::vector<std::uint32_t>* LaneBlock::whole_places() {
  if (!whole_column_ || !place(columns_[*whole_column_])) return nullptr;
  return columns_[*whole_column_].places.get();
}

bool LaneBlock::has_time(std::size_t row) const {
  return std::ranges::find(shapes_[row_shapes_[row]], time_column) !=
         shapes_[row_shapes_[row]].end();
}

Result<std::vector<LaneBlock::Field>> LaneBlock::text_fields() {
  std::vector<Field> found;
  for (Stored& stored : columns_) {
    if (stored.flags != flag_string) continue;
    auto field = load(stored);
    if (!field) return failure(field);
    found.push_back(*field);
  }
  return found;
}

Result<void> LaneBlock::load_lines() {
  for (Stored& stored : columns_) {
    if ((stored.flags & flag_derived) != 0) continue;
    if (auto field = load(stored); !field) return failure(field);
    if (!stored.line_key.empty()) continue;
    append_json_string(stored.line_key, stored.key);
    stored.line_key.push_back(':');
    stored.line_fields.resize(stored.column->distinct().size());
  }
  return {};
}

void LaneBlock::append_field(const Stored& stored, std::uint32_t place, std::string& out) const {
  if (stored.line_fields.empty()) {
    out += stored.line_key;
    return append_value(stored, place, out);
  }
  std::string& field = stored.line_fields[stored.column->code(place)];
  if (field.empty()) {
    field = stored.line_key;
    append_value(stored, place, field);
  }
  out += field;
}

void LaneBlock::append_value(const Stored& stored, std::uint32_t place, std::string& out) const {
  if ((stored.flags & flag_string) == 0) return stored.column->append(place, out);
  value_.clear();
  stored.column->append(place, value_);
  append_json_string(out, value_);
}

void LaneBlock::append_line(std::size_t row, std::string& out) const {
  const auto& shape = shapes_[row_shapes_[row]];
  if (whole_column_ && !shape.empty() && shape.front() == *whole_column_ + 1) {
    const Stored& stored = columns_[*whole_column_];
    return stored.column->append((*stored.places)[row], out);
  }
  bool first = true;
  out.push_back('{');
  for (const std::uint16_t index : shape) {
    if (index != time_column && (columns_[index - 1U].flags & flag_derived) != 0) continue;
    if (!first) out.push_back(',');
    first = false;
    if (index == time_column) {
      out += R"("time":")";
      append_time(out, time(row));
      out.push_back('"');
      continue;
    }
    const Stored& stored = columns_[index - 1U];
    append_field(stored, (*stored.places)[row], out);
  }
  out.push_back('}');
}

Result<void> LaneBlock::load_derived() {
  for (Stored& stored : columns_) {
    if ((stored.flags & flag_derived) == 0) continue;
    if (auto field = load(stored); !field) return failure(field);
  }
  return {};
}

void LaneBlock::derived(std::size_t row, std::vector<ExtraField>& out) const {
  for (const std::uint16_t index : shapes_[row_shapes_[row]]) {
    if (index == time_column) continue;
    const Stored& stored = columns_[index - 1U];
    if ((stored.flags & flag_derived) == 0) continue;
    ExtraField field{stored.key, {}, (stored.flags & flag_string) != 0};
    stored.column->append((*stored.places)[row], field.value);
    out.push_back(std::move(field));
  }
}

}  // namespace yunjian::ledger
