// The reading half of header_block.h.
#include "ledger/archive/header_block.h"

#include <algorithm>

#include "ledger/archive/header_block_format.h"
#include "ledger/archive/integers.h"

namespace yunjian::ledger {

using namespace header_format;

namespace {

Failure damaged(std::string_view what) {
  return fail(ErrorKind::corrupt, "a block of headers is damaged: " + std::string(what));
}

Time time_of(std::uint64_t value) {
  return Time(std::chrono::microseconds(static_cast<std::int64_t>(value)));
}

std::vector<std::string> texts_of(Unpacker& in) {
  std::vector<std::string> texts;
  const std::uint64_t count = in.count();
  for (std::uint64_t i = 0; i < count && in.good(); ++i) texts.emplace_back(in.text());
  return texts;
}

std::vector<std::string> split_flags(const std::string& text) {
  std::vector<std::string> flags;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    flags.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return flags;
}

}  // namespace

Result<HeaderBlock> HeaderBlock::open(std::string_view bytes) {
  HeaderBlock block;
  Unpacker in(bytes);
  if (auto read = block.read_rows(in); !read) return failure(read);
  if (auto read = block.read_notes(in); !read) return failure(read);
  if (!in.at_end()) return damaged("bytes stand behind it");
  return block;
}

Result<void> HeaderBlock::read_rows(Unpacker& in) {
  const std::string unit(in.text());
  const auto streams = texts_of(in);
  const auto hosts = texts_of(in);
  const std::uint64_t count = in.varint();
  if (!in.good() || count == 0 || count > header_block_rows_max) return damaged("its count");
  auto packed = unpack(in);
  if (!packed) return failure(packed);
  Unpacker reader(*packed);
  std::vector<std::vector<std::uint64_t>> lists;
  for (std::size_t i = 0; i < row_lists; ++i) {
    auto list = get_integers(reader, count);
    if (!list) return failure(list);
    lists.push_back(std::move(*list));
  }
  if (!reader.at_end()) return damaged("its lists");
  for (std::size_t i = 0; i < count; ++i) {
    if (lists[0][i] >= streams.size() || lists[1][i] >= hosts.size()) return damaged("a row");
    PartRow row;
    row.unit = unit;
    row.stream = streams[lists[0][i]];
    row.host = hosts[lists[1][i]];
    row.batch = lists[2][i];
    row.first_record = lists[3][i];
    row.received = time_of(lists[4][i]);
    row.records = lists[5][i];
    bits_.push_back(lists[6][i]);
    row.hollow = (bits_.back() & bit_hollow) != 0;
    row.fill = (bits_.back() & bit_fill) != 0;
    row.leaf = lists[7][i];
    std::uint64_t lines = 0;
    for (std::size_t lane = 0; lane < part_lanes; ++lane) {
      const std::size_t list = 8 + lane * 3;
      row.lanes[lane] = {lists[list][i], lists[list + 1][i], lists[list + 2][i]};
      if (row.lanes[lane].rows > batch_records_max) return damaged("a row's lanes");
      lines += row.lanes[lane].rows;
    }
    if (row.records > batch_records_max || lines != (row.hollow ? 0 : row.records)) {
      return damaged("a row's records");
    }
    rows_.push_back(std::move(row));
  }
  return {};
}

Result<void> HeaderBlock::read_notes(Unpacker& in) {
  origin_ = in.text();
  const std::uint64_t count = in.varint();
  if (!in.good() || count > rows_.size()) return damaged("its notes");
  auto packed = unpack(in);
  if (!packed) return failure(packed);
  Unpacker reader(*packed);
  for (auto* list : {&sealed_, &boot_ms_, &boot_, &flags_}) {
    auto values = get_integers(reader, count);
    if (!values) return failure(values);
    *list = std::move(*values);
  }
  texts_ = texts_of(in);
  for (std::string* bytes : {&roots_, &keys_, &signatures_, &apart_, &whole_}) {
    auto stream = unpack(in);
    if (!stream) return failure(stream);
    *bytes = std::move(*stream);
  }
  if (!reader.at_end() || roots_.size() != count * sizeof(Hash) ||
      signatures_.size() != count * signature_bytes || (count > 0 && keys_.size() % count != 0)) {
    return damaged("its notes");
  }
  return {};
}

Result<std::vector<std::string>> HeaderBlock::notes(const Suite& suite) const {
  const auto hasher = suite.hasher();
  Unpacker apart(apart_);
  Unpacker whole(whole_);
  const std::size_t key_bytes = sealed_.empty() ? 0 : keys_.size() / sealed_.size();
  std::vector<std::string> notes;
  const PartRow* before = nullptr;
  Hash before_hash{};
  std::string before_key;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const PartRow& row = rows_[i];
    if (row.fill) {
      notes.emplace_back();
      continue;
    }
    if ((bits_[i] & bit_whole) != 0) {
      notes.emplace_back(whole.text());
      before = nullptr;
      continue;
    }
    auto stream = parse_stream_id(row.stream);
    if (!stream || kept >= sealed_.size() || boot_[kept] >= texts_.size() ||
        flags_[kept] >= texts_.size()) {
      return damaged("a note");
    }
    const bool follows = before != nullptr && before->stream == row.stream;
    const bool stands_apart = (bits_[i] & bit_previous) != 0 && (bits_[i] & bit_key_id) != 0;
    if (!follows && !stands_apart) return damaged("a note follows no other");
    BatchHeader header;
    header.agent = stream->agent;
    header.incarnation = stream->incarnation;
    header.batch = row.batch;
    header.first_record = row.first_record;
    header.records = row.records;
    std::copy_n(roots_.begin() + static_cast<std::ptrdiff_t>(kept * sizeof(Hash)), sizeof(Hash),
                header.root.begin());
    header.previous = before_hash;
    if ((bits_[i] & bit_previous) != 0) {
      const std::string_view bytes = apart.take(sizeof(Hash));
      std::ranges::copy(bytes, header.previous.begin());
    }
    header.sealed = time_of(sealed_[kept]);
    header.boot_id = texts_[boot_[kept]];
    header.boot_ms = boot_ms_[kept];
    header.flags = split_flags(texts_[flags_[kept]]);
    header.next_key = keys_.substr(kept * key_bytes, key_bytes);
    SignatureLine line;
    line.name = agent_key_name(origin_, header.agent);
    line.key_id = (bits_[i] & bit_key_id) != 0 ? apart.u32be()
                                               : Verifier(suite, line.name, before_key).key_id();
    line.signature = signatures_.substr(kept * signature_bytes, signature_bytes);
    if (!apart.good()) return damaged("a note's links");
    notes.push_back(format_note(format_header(header), {line}));
    before = &row;
    before_hash = hasher->leaf(notes.back());
    before_key = std::move(header.next_key);
    ++kept;
  }
  if (kept != sealed_.size() || !apart.at_end() || !whole.at_end()) return damaged("its notes");
  return notes;
}

}  // namespace yunjian::ledger
