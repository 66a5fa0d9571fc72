#include "collector/store/part_salvage.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "collector/store/line_glance.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::LaneBlock;
using ledger::PartPiece;
using ledger::PartRow;
using ledger::Result;

namespace {

constexpr std::size_t blocks_open_max = 6;

ledger::PartLane lane_of(Lane lane) {
  if (lane == Lane::usage) return ledger::PartLane::usage;
  return lane == Lane::hour ? ledger::PartLane::hour : ledger::PartLane::event;
}

}  // namespace

Result<PartSalvage> PartSalvage::open(const FilingTools& tools,
                                      const ledger::PartManifest::Part& part) {
  PartSalvage salvage(tools, part);
  const std::string path =
      ledger::join_path(ledger::parts_directory(tools.data), ledger::part_name(part.number));
  auto there = tools.files.exists(path);
  if (!there) return failure(there);
  if (!*there) return salvage;
  auto file = tools.files.open_read(path);
  if (!file) return failure(file);
  salvage.file_ = std::move(*file);
  const auto visit = [&](ledger::SalvagedFrame& frame) { return salvage.take(frame); };
  auto lost = ledger::salvage_frames(*salvage.file_, part.number, visit);
  if (!lost) return failure(lost);
  return salvage;
}

// What cannot be understood is as good as damaged: it is passed over.
Result<void> PartSalvage::take(ledger::SalvagedFrame& frame) {
  switch (static_cast<PartPiece>(frame.type)) {
    case PartPiece::header_block: {
      auto block = ledger::HeaderBlock::open(frame.payload);
      if (!block) return {};
      auto notes = block->notes(tools_.suite);
      if (!notes) return {};
      rows_.insert(rows_.end(), block->rows().begin(), block->rows().end());
      notes_.insert(notes_.end(), std::make_move_iterator(notes->begin()),
                    std::make_move_iterator(notes->end()));
      return {};
    }
    case PartPiece::lane_block: {
      auto block = LaneBlock::open_whole(std::move(frame.payload));
      if (!block) return {};
      for (const ledger::BlockRun& run : block->runs()) {
        pieces_[{run.stream, run.batch}].push_back({frame.offset, run.first_row, run.rows});
      }
      return {};
    }
    case PartPiece::leaves: {
      auto leaves = ledger::decode_leaves(frame.payload);
      if (leaves) std::ranges::move(*leaves, std::back_inserter(leaves_));
      return {};
    }
    case PartPiece::fork_body: {
      auto body = ledger::decode_fork_body(frame.payload);
      if (body) fork_bodies_.push_back(std::move(*body));
      return {};
    }
    default:
      return {};
  }
}

Result<ledger::PartManifest::Part> PartSalvage::write(std::uint64_t number) {
  ledger::PartWriter::Options options;
  options.suite = &tools_.suite;
  options.number = number;
  options.day = part_.day;
  options.first_leaf = part_.first_leaf;
  options.leaf_end = part_.leaf_end;
  if (tools_.deriver != nullptr) {
    options.rule_version = tools_.deriver->version;
    options.derive = tools_.deriver->derive;
  }
  auto writer =
      ledger::PartWriter::create(tools_.files, ledger::parts_directory(tools_.data), options);
  if (!writer) return failure(writer);
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (auto added = add(**writer, row); !added) return failure(added);
  }
  for (const ledger::PartLeaf& leaf : leaves_) {
    if (auto added = (*writer)->add_leaf(leaf); !added) return failure(added);
  }
  for (const ledger::PartForkBody& body : fork_bodies_) {
    if (auto added = (*writer)->add_fork_body(body); !added) return failure(added);
  }
  if (auto footer = (*writer)->finish(); !footer) return failure(footer);
  lose_leaves();
  return ledger::PartManifest::Part{number, part_.day, part_.first_leaf, part_.leaf_end};
}

Result<void> PartSalvage::add(ledger::PartWriter& writer, std::size_t at) {
  PartRow row = rows_[at];
  std::vector<ledger::PartLine> lines;
  if (!row.hollow && row.records > 0) {
    auto whole = gather(row, notes_[at]);
    if (!whole) return failure(whole);
    if (!*whole) {
      lose(row);
      if (row.fill) return {};
      row.hollow = true;
    }
  } else {
    lines_.clear();
  }
  for (const Line& line : lines_) {
    const LineGlance seen = glance(line.line);
    lines.push_back({line.line, lane_of(seen.lane), seen.time.value_or(row.received)});
  }
  return writer.add(row, notes_[at], lines);
}

// The lines of a row into lines_; false when one is missing or they do not give the root.
Result<bool> PartSalvage::gather(const PartRow& row, const std::string& note) {
  lines_.clear();
  for (const Piece& piece : pieces_[{row.stream, row.batch}]) {
    auto opened = block(piece.offset);
    if (!opened) return failure(opened);
    if (*opened == nullptr) continue;
    for (std::uint64_t at = piece.first_row; at < piece.first_row + piece.rows; ++at) {
      lines_.push_back({(*opened)->number(at), {}});
      (*opened)->append_line(at, lines_.back().line);
    }
  }
  std::ranges::sort(lines_, {}, &Line::number);
  std::vector<std::string_view> views;
  for (const Line& line : lines_) {
    if (line.number == row.first_record + views.size()) views.push_back(line.line);
  }
  const auto lost = [this] {
    lines_.clear();
    return false;
  };
  if (views.size() != row.records || lines_.size() != row.records) return lost();
  Result<ledger::Hash> root = ledger::Hash{};
  if (row.fill) {
    root = tools_.root_of(row.stream, row.batch);
    if (!root && root.error().kind != ErrorKind::corrupt) return failure(root);
  } else {
    auto sealed = ledger::read_header(note, tools_.suite);
    if (!sealed) return lost();
    root = sealed->header.root;
  }
  if (!root || ledger::lines_root(*tools_.suite.hasher(), views) != *root) return lost();
  return true;
}

// Null: its columns cannot be read.
Result<std::shared_ptr<LaneBlock>> PartSalvage::block(std::uint64_t offset) {
  const auto known =
      std::ranges::find(opened_, offset, [](const auto& kept) { return kept.first; });
  if (known != opened_.end()) return known->second;
  auto frame = ledger::read_frame(*file_, part_.number, offset);
  if (!frame) return failure(frame);
  std::shared_ptr<LaneBlock> shared;
  auto opened = LaneBlock::open_whole(std::move(frame->payload));
  if (opened && opened->load_lines()) shared = std::make_shared<LaneBlock>(std::move(*opened));
  if (opened_.size() >= blocks_open_max) opened_.erase(opened_.begin());
  opened_.emplace_back(offset, shared);
  return shared;
}

void PartSalvage::lose(const PartRow& row) {
  if (!losses_.empty() && losses_.back().stream == row.stream &&
      losses_.back().last + 1 == row.batch) {
    losses_.back().last = row.batch;
    losses_.back().received_from = std::min(losses_.back().received_from, row.received);
    losses_.back().received_to = std::max(losses_.back().received_to, row.received);
    return;
  }
  losses_.push_back(
      {row.unit, row.host, row.stream, row.batch, row.batch, row.received, row.received});
}

void PartSalvage::lose_leaves() {
  std::set<std::uint64_t> there;
  for (const PartRow& row : rows_) {
    if (!row.fill) there.insert(row.leaf);
  }
  for (const ledger::PartLeaf& leaf : leaves_) there.insert(leaf.index);
  std::uint64_t next = part_.first_leaf;
  const auto lose_until = [&](std::uint64_t end) {
    if (next < end) losses_.push_back({"", "", "", next, end - 1, {}, {}});
    next = end + 1;
  };
  for (const std::uint64_t leaf : there) lose_until(leaf);
  lose_until(part_.leaf_end);
}

}  // namespace yunjian::collector
