#include "collector/store/tile_mender.h"

#include <fmt/format.h>

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Hash;
using ledger::Result;

namespace {

constexpr unsigned tile_mode = 0644;

}  // namespace

TileMender::TileMender(ledger::FileSystem& files, std::string directory, const ledger::Suite& suite,
                       Keep keep)
    : files_(files),
      directory_(std::move(directory)),
      hasher_(suite.hasher()),
      keep_(std::move(keep)) {}

Result<void> TileMender::add(const std::optional<Hash>& leaf_hash) {
  ++leaves_;
  return push(0, leaf_hash);
}

std::string TileMender::path_of(std::size_t level) const {
  return ledger::tile_path({.level = static_cast<unsigned>(level), .index = levels_[level].tile});
}

Result<void> TileMender::open_tile(std::size_t level) {
  const std::string path = ledger::join_path(directory_, path_of(level));
  levels_[level].stored.clear();
  auto there = files_.exists(path);
  if (!there) return ledger::failure(there);
  if (!*there) return {};
  auto bytes = files_.read_file(path);
  if (!bytes) return ledger::failure(bytes);
  levels_[level].stored = std::move(*bytes);
  return {};
}

Result<void> TileMender::push(std::size_t level, const std::optional<Hash>& hash) {
  if (levels_.size() <= level) levels_.resize(level + 1);
  if (levels_[level].hashes.empty()) {
    if (auto opened = open_tile(level); !opened) return opened;
  }
  Level& open = levels_[level];
  Hash known{};
  if (hash) {
    known = *hash;
  } else {
    const std::size_t at = open.hashes.size() * known.size();
    if (open.stored.size() < at + known.size()) {
      return ledger::fail(
          ErrorKind::corrupt,
          fmt::format("leaf {} is lost and so is its hash in {}", leaves_ - 1, path_of(level)));
    }
    for (std::size_t i = 0; i < known.size(); ++i) {
      known[i] = static_cast<std::uint8_t>(open.stored[at + i]);
    }
  }
  open.hashes.push_back(known);
  if (open.hashes.size() < ledger::tile_width) return {};
  if (auto compared = compare(level); !compared) return compared;
  const Hash root = ledger::merkle_root(*hasher_, open.hashes);
  open.hashes.clear();
  ++open.tile;
  return push(level + 1, root);
}

Result<void> TileMender::compare(std::size_t level) {
  const Level& open = levels_[level];
  std::string wanted;
  for (const Hash& hash : open.hashes) wanted += ledger::as_view(hash);
  const std::size_t whole = open.stored.size() / sizeof(Hash) * sizeof(Hash);
  const std::string_view stored = std::string_view(open.stored).substr(0, whole);
  if (wanted.starts_with(stored.substr(0, wanted.size()))) return {};
  const std::string path = path_of(level);
  if (auto kept = keep_(path); !kept) return kept;
  ++mended_;
  return ledger::replace_file(files_, ledger::join_path(directory_, path), wanted, tile_mode);
}

Result<void> TileMender::finish() {
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (levels_[level].hashes.empty()) continue;
    if (auto compared = compare(level); !compared) return compared;
  }
  return {};
}

}  // namespace yunjian::collector
