#include "auditor/tile_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/archive/tiles.h"

namespace yunjian::auditor {

using ledger::Hash;

namespace {

Finding differs(unsigned level, std::uint64_t tile, std::uint64_t slot) {
  const std::uint64_t first = (tile * ledger::tile_width + slot) << (8 * level);
  const std::string place = level == 0 ? fmt::format("leaf {}", first)
                                       : fmt::format("leaves {}..{}", first,
                                                     first + (std::uint64_t{1} << (8 * level)) - 1);
  return {FindingKind::tampered, place,
          fmt::format("第 {} 层瓦片文件中的哈希与日志叶子不符", level),
          fmt::format("the hash kept in the tile files (level {}) is not that of the log's leaf",
                      level)};
}

}  // namespace

TileCheck::TileCheck(ledger::FileSystem& files, std::string directory, const ledger::Suite& suite)
    : files_(&files), directory_(std::move(directory)), hasher_(suite.hasher()) {}

void TileCheck::add(const Hash& leaf_hash, EvidenceVisitor& visitor) {
  ++leaves_;
  push(0, leaf_hash, visitor);
}

void TileCheck::push(unsigned level, const Hash& hash, EvidenceVisitor& visitor) {
  if (levels_.size() <= level) levels_.resize(level + 1);
  levels_[level].hashes.push_back(hash);
  if (levels_[level].hashes.size() < ledger::tile_width) return;
  compare(level, ledger::tile_width, visitor);
  const Hash root = ledger::merkle_root(*hasher_, levels_[level].hashes);
  levels_[level].hashes.clear();
  ++levels_[level].tile;
  push(level + 1, root, visitor);
}

void TileCheck::compare(unsigned level, std::uint64_t needed, EvidenceVisitor& visitor) {
  const Level& expected = levels_[level];
  const std::string path =
      ledger::tile_path({.level = level, .index = expected.tile, .width = ledger::tile_width});
  auto there = files_->exists(ledger::join_path(directory_, path));
  auto content = there && *there ? files_->read_file(ledger::join_path(directory_, path))
                                 : ledger::Result<std::string>(std::string());
  if (!content) {
    visitor.found({FindingKind::cannot_tell, path, "无法读取该瓦片文件: " + content.error().message,
                   "the tile file cannot be read: " + content.error().message});
    return;
  }
  for (std::size_t slot = 0; slot < expected.hashes.size(); ++slot) {
    const std::string_view kept =
        std::string_view(*content).substr(std::min(content->size(), slot * 32), 32);
    if (kept.size() < 32) {
      if (slot >= needed) break;
      visitor.found({FindingKind::missing, path,
                     fmt::format("瓦片文件在第 {} 个哈希处被截断", slot),
                     fmt::format("the tile file ends before hash {}", slot)});
      return;
    }
    if (kept == ledger::as_view(expected.hashes[slot])) continue;
    visitor.found(differs(level, expected.tile, slot));
    return;
  }
  if (content->size() > expected.hashes.size() * 32) {
    visitor.found({FindingKind::tampered, path, "瓦片文件中有日志叶子之外的字节",
                   "the tile file holds bytes that no leaf explains"});
  }
}

void TileCheck::finish(std::uint64_t published, EvidenceVisitor& visitor) {
  for (unsigned level = 0; level < levels_.size(); ++level) {
    const Level& open = levels_[level];
    const std::uint64_t before = open.tile * ledger::tile_width;
    const std::uint64_t covered = published >> (8 * level);
    if (!open.hashes.empty()) {
      compare(level, covered > before ? covered - before : 0, visitor);
    }
  }
  strangers(visitor);
}

// Every file below tile/ must be one that the tree has.
void TileCheck::strangers(EvidenceVisitor& visitor) {
  std::vector<std::string> open = {"tile"};
  while (!open.empty()) {
    const std::string path = std::move(open.back());
    open.pop_back();
    auto names = files_->list(ledger::join_path(directory_, path));
    if (names) {
      for (const std::string& name : *names) open.push_back(ledger::join_path(path, name));
      continue;
    }
    auto id = ledger::parse_tile_path(path);
    if (path == "tile" || is_unfinished(path) ||
        (id && !id->entries && ledger::tile_width_at(id->level, id->index, leaves_) > 0)) {
      continue;
    }
    visitor.found({FindingKind::tampered, path, "该文件不属于日志的任何瓦片",
                   "the file is no tile of this log"});
  }
}

}  // namespace yunjian::auditor
