#include "ledger/archive/part_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/archive/bloom.h"
#include "ledger/archive/integers.h"
#include "ledger/archive/segment.h"

namespace yunjian::ledger {
namespace {

constexpr std::size_t frame_head_bytes = 8;

Failure damaged(std::string_view what) { return fail(ErrorKind::corrupt, std::string(what)); }

// Kinds of what a cache keeps; lanes are added to them.
constexpr std::uint64_t kind_group = 16;
constexpr std::uint64_t kind_headers = 32;
constexpr std::uint64_t kind_block = 64;

}  // namespace

std::shared_ptr<const void> PartCache::find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::find(kept_, key, [](const auto& entry) { return entry.first; });
  if (at == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, at);
  return at->second;
}

void PartCache::keep(const Key& key, std::shared_ptr<const void> value) {
  const std::lock_guard lock(mutex_);
  kept_.emplace_front(key, std::move(value));
  if (kept_.size() > kept_max) kept_.pop_back();
  std::size_t blocks = 0;
  std::erase_if(kept_, [&](const auto& entry) {
    return entry.first[1] >= kind_block && ++blocks > blocks_max;
  });
}

PartReader::PartReader(std::unique_ptr<File> file, std::string path, std::uint64_t number)
    : file_(std::move(file)), path_(std::move(path)), number_(number) {}

Result<std::shared_ptr<const PartReader>> PartReader::open(FileSystem& files,
                                                           const std::string& directory,
                                                           std::uint64_t number,
                                                           std::shared_ptr<PartCache> cache) {
  const std::string path = join_path(directory, part_name(number));
  auto file = files.open_read(path);
  if (!file) return failure(file);
  auto size = (*file)->size();
  if (!size) return failure(size);
  std::shared_ptr<PartReader> reader(new PartReader(std::move(*file), path, number));
  reader->file_bytes_ = *size;
  reader->cache_ = cache ? std::move(cache) : std::make_shared<PartCache>();
  if (*size < segment_header_bytes + part_trailer_bytes) {
    return reader->at_fault(Error{ErrorKind::corrupt, "it is cut", {}});
  }
  auto trailer = reader->file_->read_at(*size - part_trailer_bytes, part_trailer_bytes);
  if (!trailer) return failure(trailer);
  auto offset = read_trailer(*trailer, number);
  if (!offset) return reader->at_fault(std::move(offset).error());
  auto bytes = reader->piece(*offset, PartPiece::footer);
  if (!bytes) return failure(bytes);
  auto footer = decode_footer(*bytes);
  if (!footer) return reader->at_fault(std::move(footer).error());
  reader->footer_ = std::move(*footer);
  return std::shared_ptr<const PartReader>(std::move(reader));
}

Failure PartReader::at_fault(Error error) const {
  error.message = fmt::format("part {}: {}", path_, error.message);
  return Failure(std::move(error));
}

Result<std::string> PartReader::piece(std::uint64_t offset, PartPiece type) const {
  auto frame = read_frame(*file_, number_, offset);
  if (!frame) return at_fault(std::move(frame).error());
  if (frame->type != static_cast<std::uint8_t>(type)) {
    return at_fault(Error{ErrorKind::corrupt, fmt::format("another piece lies at {}", offset), {}});
  }
  return std::move(frame->payload);
}

Result<PartReader::LaneEntries> PartReader::lane_group(std::size_t lane, std::size_t group) const {
  const PartCache::Key key{number_, kind_group + lane, group};
  if (auto kept = cache_->find(key)) {
    return std::static_pointer_cast<const std::vector<LaneEntry>>(std::move(kept));
  }
  const LaneGroup& wanted = footer_.lane_groups[lane].at(group);
  auto bytes = piece(wanted.offset, PartPiece::lane_index);
  if (!bytes) return failure(bytes);
  auto entries = decode_lane_index(*bytes);
  if (!entries) return at_fault(std::move(entries).error());
  if (entries->size() != wanted.blocks) {
    return at_fault(Error{ErrorKind::corrupt, "an index has another length", {}});
  }
  auto shared = std::make_shared<const std::vector<LaneEntry>>(std::move(*entries));
  cache_->keep(key, shared);
  return LaneEntries(shared);
}

Result<LaneEntry> PartReader::lane_entry(std::size_t lane, std::uint64_t block) const {
  const auto& groups = footer_.lane_groups[lane];
  const auto behind = std::ranges::upper_bound(groups, block, {}, &LaneGroup::first_block);
  if (behind == groups.begin()) return at_fault(Error{ErrorKind::corrupt, "no such block", {}});
  const auto group = static_cast<std::size_t>(behind - groups.begin() - 1);
  auto entries = lane_group(lane, group);
  if (!entries) return failure(entries);
  const std::uint64_t at = block - groups[group].first_block;
  if (at >= (*entries)->size()) return at_fault(Error{ErrorKind::corrupt, "no such block", {}});
  return (**entries)[at];
}

Result<LaneBlock> PartReader::lane_block(const LaneEntry& entry) const {
  const std::uint64_t begin = entry.offset + frame_head_bytes;
  auto front = file_->read_at(begin, entry.front_bytes);
  if (!front) return failure(front);
  auto block =
      LaneBlock::open(*front, [this, begin, entry](std::uint64_t offset, std::uint64_t length) {
        const std::uint64_t columns = entry.block_bytes - entry.front_bytes;
        if (offset > columns || length > columns - offset) {
          return Result<std::string>(damaged("a column lies beyond its block"));
        }
        return file_->read_at(begin + entry.front_bytes + offset, length);
      });
  if (!block) return at_fault(std::move(block).error());
  return block;
}

Result<LaneBlock> PartReader::whole_lane_block(const LaneEntry& entry) const {
  auto bytes = piece(entry.offset, PartPiece::lane_block);
  if (!bytes) return failure(bytes);
  auto block = LaneBlock::open_whole(std::move(*bytes));
  if (!block) return at_fault(std::move(block).error());
  return block;
}

Result<bool> PartReader::may_have(const LaneEntry& entry, std::uint64_t hash) const {
  if (entry.bloom_lines == 0) return false;
  const std::uint64_t line = bloom_line_of(hash, entry.bloom_lines);
  auto bytes = file_->read_at(entry.bloom_offset + line * bloom_line_bytes, bloom_line_bytes);
  if (!bytes) return failure(bytes);
  auto has = bloom_line_has(*bytes, hash);
  if (!has) return at_fault(std::move(has).error());
  return has;
}

Result<std::string> PartReader::bloom(const LaneEntry& entry) const {
  return file_->read_at(entry.bloom_offset, entry.bloom_lines * bloom_line_bytes);
}

Result<std::shared_ptr<const PartReader::Headers>> PartReader::headers(std::uint64_t block) const {
  const PartCache::Key key{number_, kind_headers, block};
  if (auto kept = cache_->find(key)) {
    return std::static_pointer_cast<const Headers>(std::move(kept));
  }
  if (block >= footer_.header_blocks.size()) {
    return at_fault(Error{ErrorKind::corrupt, "there is no such block of headers", {}});
  }
  auto bytes = piece(footer_.header_blocks[block], PartPiece::header_block);
  if (!bytes) return failure(bytes);
  auto opened = HeaderBlock::open(*bytes);
  if (!opened) return at_fault(std::move(opened).error());
  auto suite = find_suite(footer_.suite);
  if (!suite) return at_fault(std::move(suite).error());
  auto notes = opened->notes(**suite);
  if (!notes) return at_fault(std::move(notes).error());
  auto shared = std::make_shared<const Headers>(Headers{std::move(*opened), std::move(*notes)});
  cache_->keep(key, shared);
  return std::shared_ptr<const Headers>(shared);
}

// Entries of the stream; they may begin in the group before the one that begins with it.
Result<std::vector<StreamEntry>> PartReader::entries_of(std::string_view stream) const {
  std::vector<StreamEntry> found;
  const auto& groups = footer_.stream_groups;
  const auto from = std::ranges::lower_bound(groups, stream, {}, &StreamGroup::first);
  for (auto at = from == groups.begin() ? from : from - 1; at != groups.end(); ++at) {
    if (at->first > stream) break;
    auto entries = stream_group(static_cast<std::size_t>(at - groups.begin()));
    if (!entries) return failure(entries);
    for (StreamEntry& entry : *entries) {
      if (entry.stream == stream) found.push_back(std::move(entry));
    }
  }
  return found;
}

Result<std::optional<PartReader::Found>> PartReader::find_batch(std::string_view stream,
                                                                std::uint64_t batch,
                                                                bool fill) const {
  auto entries = entries_of(stream);
  if (!entries) return failure(entries);
  for (const StreamEntry& entry : *entries) {
    if (entry.fill != fill || batch < entry.first_batch || batch > entry.last_batch) continue;
    auto block = headers(entry.block);
    if (!block) return failure(block);
    const auto& rows = (*block)->block.rows();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].batch == batch && rows[i].fill == fill && rows[i].stream == stream) {
        return std::optional<Found>(Found{rows[i], (*block)->notes[i]});
      }
    }
  }
  return std::optional<Found>();
}

Result<std::optional<PartReader::Found>> PartReader::find_record(std::string_view stream,
                                                                 std::uint64_t record) const {
  auto entries = entries_of(stream);
  if (!entries) return failure(entries);
  for (const StreamEntry& entry : *entries) {
    if (entry.fill || record < entry.first_record || record >= entry.record_end) continue;
    auto block = headers(entry.block);
    if (!block) return failure(block);
    const auto& rows = (*block)->block.rows();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].fill && rows[i].stream == stream && record >= rows[i].first_record &&
          record - rows[i].first_record < rows[i].records) {
        return std::optional<Found>(Found{rows[i], (*block)->notes[i]});
      }
    }
  }
  return std::optional<Found>();
}

Result<std::string> PartReader::leaf(std::uint64_t index) const {
  if (index < footer_.first_leaf || index >= footer_.leaf_end) {
    return fail(ErrorKind::reject, fmt::format("leaf {} is not in part {}", index, path_));
  }
  const auto behind = std::ranges::upper_bound(footer_.leaf_map, index, {}, &LeafGroup::first);
  if (behind == footer_.leaf_map.begin()) {
    return at_fault(Error{ErrorKind::corrupt, "its map of leaves has a hole", {}});
  }
  const auto group = behind - 1;
  auto rows = leaf_rows(static_cast<std::size_t>(group - footer_.leaf_map.begin()));
  if (!rows) return failure(rows);
  if (index - group->first >= rows->size()) {
    return at_fault(Error{ErrorKind::corrupt, "its map of leaves is cut", {}});
  }
  const std::uint64_t row = (*rows)[index - group->first];
  if (row != row_of_other_leaf) {
    auto block = headers(row / rows_per_block);
    if (!block) return failure(block);
    const std::uint64_t at = row % rows_per_block;
    if (at >= (*block)->notes.size()) {
      return at_fault(Error{ErrorKind::corrupt, "its map of leaves points beyond", {}});
    }
    return (*block)->notes[at];
  }
  for (std::size_t i = 0; i < footer_.leaves.size(); ++i) {
    if (footer_.leaves[i].first > index) break;
    if (i + 1 < footer_.leaves.size() && footer_.leaves[i + 1].first <= index) continue;
    auto some = leaves(i);
    if (!some) return failure(some);
    for (PartLeaf& leaf : *some) {
      if (leaf.index == index) return std::move(leaf.leaf);
    }
  }
  return at_fault(Error{ErrorKind::corrupt, fmt::format("leaf {} is missing", index), {}});
}

Result<std::vector<std::uint64_t>> PartReader::leaf_rows(std::size_t group) const {
  const LeafGroup& wanted = footer_.leaf_map.at(group);
  auto bytes = piece(wanted.offset, PartPiece::leaf_map);
  if (!bytes) return failure(bytes);
  Unpacker in(*bytes);
  auto list = unpack(in);
  if (!list) return at_fault(std::move(list).error());
  Unpacker reader(*list);
  const std::uint64_t count =
      std::min<std::uint64_t>(leaf_map_max, footer_.leaf_end - wanted.first);
  auto rows = get_integers(reader, count);
  if (!rows) return at_fault(std::move(rows).error());
  return rows;
}

Result<std::vector<StreamEntry>> PartReader::stream_group(std::size_t group) const {
  auto bytes = piece(footer_.stream_groups.at(group).offset, PartPiece::streams);
  if (!bytes) return failure(bytes);
  auto entries = decode_streams(*bytes);
  if (!entries) return at_fault(std::move(entries).error());
  return entries;
}

Result<std::vector<PartLeaf>> PartReader::leaves(std::size_t group) const {
  auto bytes = piece(footer_.leaves.at(group).offset, PartPiece::leaves);
  if (!bytes) return failure(bytes);
  auto some = decode_leaves(*bytes);
  if (!some) return at_fault(std::move(some).error());
  return some;
}

Result<PartForkBody> PartReader::fork_body(std::size_t number) const {
  auto bytes = piece(footer_.fork_bodies.at(number), PartPiece::fork_body);
  if (!bytes) return failure(bytes);
  auto body = decode_fork_body(*bytes);
  if (!body) return at_fault(std::move(body).error());
  return body;
}

// A block whose lines can be put together; neighbouring batches ask for the same.
Result<std::shared_ptr<const LaneBlock>> PartReader::lines_block(std::size_t lane,
                                                                 std::uint64_t block) const {
  const PartCache::Key key{number_, kind_block + lane, block};
  if (auto kept = cache_->find(key)) {
    return std::static_pointer_cast<const LaneBlock>(std::move(kept));
  }
  auto entry = lane_entry(lane, block);
  if (!entry) return failure(entry);
  auto opened = whole_lane_block(*entry);
  if (!opened) return failure(opened);
  if (auto loaded = opened->load_lines(); !loaded) return at_fault(std::move(loaded).error());
  auto shared = std::make_shared<const LaneBlock>(std::move(*opened));
  cache_->keep(key, shared);
  return std::shared_ptr<const LaneBlock>(std::move(shared));
}

Result<std::vector<std::string>> PartReader::lines(const PartRow& row) const {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  for (std::size_t lane = 0; lane < part_lanes; ++lane) {
    LanePlace place = row.lanes[lane];
    while (place.rows > 0) {
      auto shared = lines_block(lane, place.block);
      if (!shared) return failure(shared);
      const LaneBlock* block = shared->get();
      if (place.row >= block->rows()) {
        return at_fault(Error{ErrorKind::corrupt, "a batch lies beyond its block", {}});
      }
      const std::uint64_t end = std::min(block->rows(), place.row + place.rows);
      for (std::uint64_t at = place.row; at < end; ++at) {
        found.emplace_back(block->number(at), std::string());
        block->append_line(at, found.back().second);
      }
      place = {place.block + 1, 0, place.rows - (end - place.row)};
    }
  }
  std::ranges::sort(found, {}, [](const auto& line) { return line.first; });
  std::vector<std::string> lines;
  for (auto& [number, line] : found) {
    if (number != row.first_record + lines.size()) {
      return at_fault(Error{ErrorKind::corrupt, "a batch has other records than it says", {}});
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

Result<void> PartReader::check(FileSystem& files) const {
  auto scan = scan_segment(files, path_, number_, [](const FrameView&) { return Result<void>(); });
  if (!scan) return failure(scan);
  if (scan->valid_bytes + part_trailer_bytes != file_bytes_) {
    return at_fault(
        Error{ErrorKind::corrupt,
              fmt::format("it is damaged at offset {}: {}", scan->valid_bytes, scan->problem),
              {}});
  }
  return {};
}

Result<bool> PartCursor::next() {
  if (!headers_ || ++row_ >= headers_->block.rows().size()) {
    if (next_header_block_ >= part_->footer().header_blocks.size()) return false;
    auto headers = part_->headers(next_header_block_++);
    if (!headers) return failure(headers);
    headers_ = std::move(*headers);
    row_ = 0;
  }
  text_.clear();
  pieces_.clear();
  lines_.clear();
  for (std::size_t lane = 0; lane < part_lanes; ++lane) {
    if (auto taken = take_lane(lane); !taken) return failure(taken);
  }
  std::ranges::sort(pieces_, {}, &Piece::number);
  for (const Piece& piece : pieces_) {
    if (piece.number != row().first_record + lines_.size()) {
      return fail(ErrorKind::corrupt,
                  fmt::format("part {:016x}: batch {} of {} has other records than it says",
                              part_->number(), row().batch, row().stream));
    }
    lines_.push_back({std::string_view(text_).substr(piece.begin, piece.end - piece.begin),
                      piece.lane, piece.time});
  }
  return true;
}

Result<void> PartCursor::take_lane(std::size_t lane) {
  Lane& kept = lanes_[lane];
  for (std::uint64_t left = row().lanes[lane].rows; left > 0; --left) {
    if (!kept.block || kept.at >= kept.block->rows()) {
      auto entry = part_->lane_entry(lane, kept.next_block++);
      if (!entry) return failure(entry);
      auto block = part_->whole_lane_block(*entry);
      if (!block) return failure(block);
      if (auto loaded = block->load_lines(); !loaded) return loaded;
      kept.block = std::make_unique<LaneBlock>(std::move(*block));
      kept.at = 0;
    }
    const std::size_t begin = text_.size();
    kept.block->append_line(kept.at, text_);
    pieces_.push_back({kept.block->number(kept.at), begin, text_.size(),
                       static_cast<PartLane>(lane), kept.block->time(kept.at)});
    ++kept.at;
  }
  return {};
}

}  // namespace yunjian::ledger
