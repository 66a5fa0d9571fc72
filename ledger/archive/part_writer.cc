#include "ledger/archive/part_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace yunjian::ledger {
namespace {

constexpr std::string_view new_suffix = ".new";
constexpr std::size_t flush_bytes = 1U << 20;
constexpr std::size_t frame_head_bytes = 8;
constexpr unsigned file_mode = 0640;

void widen(Time& min, Time& max, const BlockFacts& facts, bool first) {
  min = first ? facts.time_min : std::min(min, facts.time_min);
  max = first ? facts.time_max : std::max(max, facts.time_max);
}

}  // namespace

Result<std::unique_ptr<PartWriter>> PartWriter::create(FileSystem& files,
                                                       const std::string& directory,
                                                       Options options) {
  require(options.suite != nullptr, "a part has a suite");
  std::string path = join_path(directory, part_name(options.number));
  const std::string aside = path + std::string(new_suffix);
  auto there = files.exists(aside);
  if (!there) return failure(there);
  if (*there) {
    if (auto removed = files.remove(aside); !removed) return failure(removed);
  }
  auto segment = SegmentWriter::create(files, aside, options.number);
  if (!segment) return failure(segment, "creating a part");
  return std::unique_ptr<PartWriter>(
      new PartWriter(files, std::move(path), std::move(options), std::move(*segment)));
}

PartWriter::PartWriter(FileSystem& files, std::string path, Options options, SegmentWriter segment)
    : files_(files),
      path_(std::move(path)),
      options_(std::move(options)),
      segment_(std::move(segment)),
      hasher_(options_.suite->hasher()),
      packer_(options_.compression),
      leaf_rows_(options_.leaf_end - options_.first_leaf, row_of_other_leaf) {
  footer_.day = options_.day;
  footer_.first_leaf = options_.first_leaf;
  footer_.leaf_end = options_.leaf_end;
  footer_.level = options_.level;
  footer_.purged = options_.purged;
  footer_.rule_version = options_.rule_version;
  footer_.suite = options_.suite->name();
}

Result<std::uint64_t> PartWriter::write(PartPiece type, std::string_view payload) {
  auto offset = segment_.append(static_cast<std::uint8_t>(type), payload);
  if (!offset) return offset;
  if (auto flushed = segment_.flush(); !flushed) return failure(flushed, "writing a part");
  return offset;
}

Result<void> PartWriter::add(PartRow row, std::string_view note,
                             const std::vector<PartLine>& lines) {
  if (row.unit != unit_) {
    for (std::size_t lane = 0; lane < part_lanes; ++lane) {
      if (auto closed = close_lane(lane); !closed) return closed;
    }
    if (auto closed = close_headers(); !closed) return closed;
    unit_ = row.unit;
  }
  if (lines.size() != (row.hollow ? 0 : row.records)) {
    return fail(ErrorKind::corrupt, fmt::format("batch {} of {} has not the lines its header says",
                                                row.batch, row.stream));
  }
  for (std::size_t lane = 0; lane < part_lanes; ++lane) {
    const auto count = static_cast<std::uint64_t>(std::ranges::count_if(
        lines, [&](const PartLine& line) { return static_cast<std::size_t>(line.lane) == lane; }));
    row.lanes[lane] = {0, 0, count};
    if (count == 0) continue;
    if (lanes_[lane].open && lanes_[lane].open->is_full()) {
      if (auto closed = close_lane(lane); !closed) return closed;
    }
    row.lanes[lane].block = footer_.lanes[lane].blocks;
    row.lanes[lane].row = lanes_[lane].open ? lanes_[lane].open->facts().rows : 0;
    if (auto added = add_lines(row, lane, lines); !added) return added;
  }
  if (!headers_) headers_ = std::make_unique<HeaderBlockBuilder>(*options_.suite, *hasher_);
  if (!row.fill) {
    if (row.leaf < footer_.first_leaf || row.leaf >= footer_.leaf_end) {
      return fail(ErrorKind::corrupt, "a header's leaf is not one of its part");
    }
    leaf_rows_[row.leaf - footer_.first_leaf] =
        footer_.header_blocks.size() * rows_per_block + headers_->rows();
    ++footer_.batches;
  }
  note_stream(row);
  headers_->add(row, note);
  return headers_->rows() < header_block_rows_max ? Result<void>() : close_headers();
}

Result<void> PartWriter::add_lines(const PartRow& row, std::size_t lane,
                                   const std::vector<PartLine>& lines) {
  const DeriveFields* derive = lane == 0 && options_.derive ? &options_.derive : nullptr;
  bool in_run = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (static_cast<std::size_t>(lines[i].lane) != lane) continue;
    Lane& kept = lanes_[lane];
    if (kept.open && kept.open->is_full()) {
      if (auto closed = close_lane(lane); !closed) return closed;
    }
    if (!kept.open) {
      kept.open = std::make_unique<LaneBlockBuilder>(options_.rule_version);
      in_run = false;
    }
    if (!in_run) kept.open->begin_run({row.stream, row.host, row.batch, row.received, 0, 0});
    in_run = true;
    kept.open->add({row.first_record + i, lines[i].time, lines[i].line}, derive);
  }
  return {};
}

Result<void> PartWriter::close_lane(std::size_t lane) {
  Lane& kept = lanes_[lane];
  if (!kept.open) return {};
  HashSet tokens;
  const bool has_bloom = lane == static_cast<std::size_t>(PartLane::event);
  const std::string block = kept.open->finish(packer_, has_bloom ? &tokens : nullptr);
  LaneEntry entry;
  entry.facts = kept.open->facts();
  entry.unit = unit_;
  entry.host_min = kept.open->first_run().host;
  entry.host_max = kept.open->last_run().host;
  entry.block_bytes = block.size();
  auto front = LaneBlock::front_bytes(block);
  if (!front) return failure(front);
  entry.front_bytes = *front;
  auto offset = write(PartPiece::lane_block, block);
  if (!offset) return failure(offset);
  entry.offset = *offset;
  LaneTotals& totals = footer_.lanes[lane];
  widen(totals.time_min, totals.time_max, entry.facts, totals.blocks == 0);
  ++totals.blocks;
  totals.rows += entry.facts.rows;
  totals.line_bytes += entry.facts.line_bytes;
  totals.stored_bytes += block.size();
  if (has_bloom) {
    bloom_starts_.push_back(blooms_.size());
    const std::string bloom = make_bloom(tokens.values());
    entry.bloom_lines = bloom.size() / bloom_line_bytes;
    blooms_ += bloom;
    kept.unfiltered.push_back(kept.entries.size());
  }
  kept.entries.push_back(std::move(entry));
  kept.open.reset();
  if (blooms_.size() >= blooms_bytes_max) {
    if (auto written = write_blooms(); !written) return written;
  }
  return kept.entries.size() < index_blocks_max ? Result<void>() : close_group(lane);
}

Result<void> PartWriter::write_blooms() {
  if (bloom_starts_.empty()) return {};
  auto offset = write(PartPiece::blooms, blooms_);
  if (!offset) return failure(offset);
  footer_.index_bytes += blooms_.size();
  Lane& events = lanes_[static_cast<std::size_t>(PartLane::event)];
  for (std::size_t i = 0; i < events.unfiltered.size(); ++i) {
    events.entries[events.unfiltered[i]].bloom_offset =
        *offset + frame_head_bytes + bloom_starts_[i];
  }
  events.unfiltered.clear();
  bloom_starts_.clear();
  blooms_.clear();
  return {};
}

Result<void> PartWriter::close_group(std::size_t lane) {
  Lane& kept = lanes_[lane];
  if (kept.entries.empty()) return {};
  if (!kept.unfiltered.empty()) {
    if (auto written = write_blooms(); !written) return written;
  }
  const std::string bytes = encode_lane_index(kept.entries);
  auto offset = write(PartPiece::lane_index, bytes);
  if (!offset) return failure(offset);
  footer_.index_bytes += bytes.size();
  LaneGroup group;
  group.offset = *offset;
  group.blocks = kept.entries.size();
  group.first_block = footer_.lanes[lane].blocks - group.blocks;
  for (std::size_t i = 0; i < kept.entries.size(); ++i) {
    widen(group.time_min, group.time_max, kept.entries[i].facts, i == 0);
  }
  footer_.lane_groups[lane].push_back(group);
  kept.entries.clear();
  return {};
}

void PartWriter::note_stream(const PartRow& row) {
  const std::uint64_t block = footer_.header_blocks.size();
  if (!streams_.empty()) {
    StreamEntry& last = streams_.back();
    if (last.block == block && last.stream == row.stream && last.fill == row.fill &&
        last.last_batch + 1 == row.batch) {
      last.last_batch = row.batch;
      last.record_end = row.first_record + row.records;
      return;
    }
  }
  streams_.push_back({row.stream, row.fill, row.batch, row.batch, row.first_record,
                      row.first_record + row.records, block});
}

Result<void> PartWriter::close_headers() {
  if (!headers_) return {};
  const std::string bytes = headers_->finish(packer_);
  headers_.reset();
  auto offset = write(PartPiece::header_block, bytes);
  if (!offset) return failure(offset);
  footer_.header_bytes += bytes.size();
  footer_.header_blocks.push_back(*offset);
  return {};
}

Result<void> PartWriter::add_leaf(PartLeaf leaf) {
  leaves_bytes_ += leaf.leaf.size();
  leaves_.push_back(std::move(leaf));
  return leaves_bytes_ < leaves_bytes_max ? Result<void>() : write_leaves();
}

Result<void> PartWriter::write_leaves() {
  if (leaves_.empty()) return {};
  std::ranges::sort(leaves_, {}, &PartLeaf::index);
  auto offset = write(PartPiece::leaves, encode_leaves(leaves_));
  if (!offset) return failure(offset);
  footer_.leaves.push_back({*offset, leaves_.front().index});
  leaves_.clear();
  leaves_bytes_ = 0;
  return {};
}

Result<void> PartWriter::add_fork_body(const PartForkBody& body) {
  auto offset = write(PartPiece::fork_body, encode_fork_body(body));
  if (!offset) return failure(offset);
  footer_.fork_bodies.push_back(*offset);
  return {};
}

Result<void> PartWriter::write_streams() {
  std::ranges::sort(streams_, [](const StreamEntry& a, const StreamEntry& b) {
    return std::tie(a.stream, a.fill, a.first_batch) < std::tie(b.stream, b.fill, b.first_batch);
  });
  for (std::size_t at = 0; at < streams_.size(); at += stream_entries_max) {
    const std::size_t end = std::min(streams_.size(), at + stream_entries_max);
    const std::string bytes = encode_streams({streams_.begin() + static_cast<std::ptrdiff_t>(at),
                                              streams_.begin() + static_cast<std::ptrdiff_t>(end)});
    auto offset = write(PartPiece::streams, bytes);
    if (!offset) return failure(offset);
    footer_.index_bytes += bytes.size();
    footer_.stream_groups.push_back({*offset, streams_[at].stream});
  }
  return {};
}

Result<void> PartWriter::write_leaf_map() {
  for (std::size_t at = 0; at < leaf_rows_.size(); at += leaf_map_max) {
    const std::size_t end = std::min(leaf_rows_.size(), at + leaf_map_max);
    std::string list;
    put_integers(list, {leaf_rows_.begin() + static_cast<std::ptrdiff_t>(at),
                        leaf_rows_.begin() + static_cast<std::ptrdiff_t>(end)});
    std::string bytes;
    packer_.put(bytes, list);
    auto offset = write(PartPiece::leaf_map, bytes);
    if (!offset) return failure(offset);
    footer_.index_bytes += bytes.size();
    footer_.leaf_map.push_back({*offset, footer_.first_leaf + at});
  }
  return {};
}

Result<PartFooter> PartWriter::finish() {
  for (std::size_t lane = 0; lane < part_lanes; ++lane) {
    if (auto closed = close_lane(lane); !closed) return failure(closed);
    if (auto closed = close_group(lane); !closed) return failure(closed);
  }
  if (auto closed = close_headers(); !closed) return failure(closed);
  if (auto written = write_streams(); !written) return failure(written);
  if (auto written = write_leaf_map(); !written) return failure(written);
  if (auto written = write_leaves(); !written) return failure(written);
  auto offset = write(PartPiece::footer, encode_footer(footer_));
  if (!offset) return failure(offset);
  const std::string aside = path_ + std::string(new_suffix);
  auto file = files_.open_append(aside, file_mode);
  if (!file) return failure(file);
  auto written = (*file)->append(make_trailer(*offset, options_.number));
  if (!written) return failure(written, "writing a part");
  if (auto synced = (*file)->sync(); !synced) return failure(synced, "making a part durable");
  if (auto renamed = files_.rename(aside, path_); !renamed) return failure(renamed);
  auto named = files_.sync_directory(parent_directory(path_));
  if (!named) return failure(named);
  return footer_;
}

}  // namespace yunjian::ledger
