#include "auditor/tile_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/batch.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Hash;
using ledger::Result;

namespace {

constexpr unsigned tile_height = 8;
constexpr std::size_t kept_tiles_max = 256;  // paths go through few; 2 MiB

// When the batches of a bundle were sealed: the middle one's time, so that a few hosts whose clocks
// are wrong do not lead astray.
std::optional<ledger::Time> middle_time(const std::vector<std::string>& entries,
                                        const ledger::Suite& suite) {
  std::vector<ledger::Time> times;
  for (const std::string& entry : entries) {
    auto sealed = ledger::read_header(entry, suite);
    if (sealed) times.push_back(sealed->header.sealed);
  }
  if (times.empty()) return std::nullopt;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

std::optional<std::uint64_t> position_of(const Hash& hash, std::string_view hashes) {
  for (std::size_t at = 0; at < hashes.size(); at += hash.size()) {
    if (hashes.substr(at, hash.size()) == ledger::as_view(hash)) return at / hash.size();
  }
  return std::nullopt;
}

}  // namespace

TileReader::TileReader(TileSource& source, const ledger::TreeHead& tree, const ledger::Suite& suite)
    : source_(&source), tree_(tree), suite_(&suite), hasher_(suite.hasher()) {}

Result<std::vector<Hash>> TileReader::path(const ledger::LogLeaf& leaf) {
  auto path = ledger::prove_inclusion(*hasher_, leaf.index, tree_.size, subtrees());
  if (!path) return path;
  if (ledger::verify_inclusion(*hasher_, leaf, tree_, *path)) return path;
  return ledger::fail(ErrorKind::corrupt,
                      fmt::format("leaf {} and the tiles served do not lead to the signed root of "
                                  "{} leaves",
                                  leaf.index, tree_.size));
}

Result<std::string> TileReader::entry(std::uint64_t index) {
  if (index >= tree_.size) {
    return ledger::fail(ErrorKind::corrupt, fmt::format("leaf {} is not among the {} signed leaves",
                                                        index, tree_.size));
  }
  auto entries = bundle(index / ledger::tile_width);
  if (!entries) return ledger::failure(entries);
  return std::move((*entries)[index % ledger::tile_width]);
}

Result<bool> TileReader::continues(const ledger::TreeHead& earlier) {
  auto proof = ledger::prove_consistency(*hasher_, earlier.size, tree_.size, subtrees());
  if (!proof) return ledger::failure(proof);
  return ledger::verify_consistency(*hasher_, earlier, tree_, *proof);
}

Result<std::optional<std::uint64_t>> TileReader::find(const Hash& leaf_hash, ledger::Time sealed) {
  const std::uint64_t tiles = (tree_.size + ledger::tile_width - 1) / ledger::tile_width;
  auto middle = tile_around(sealed);
  if (!middle) return ledger::failure(middle);
  for (std::uint64_t away = 0; away < tiles; ++away) {
    for (const std::uint64_t tile : {*middle + away, *middle - away}) {
      if (tile >= tiles) continue;  // also below 0, which wraps round
      auto leaves = hashes(0, tile);
      if (!leaves) return ledger::failure(leaves);
      const auto position = position_of(leaf_hash, *leaves);
      if (position) return std::optional(tile * ledger::tile_width + *position);
    }
  }
  return std::optional<std::uint64_t>();
}

// The last tile whose batches were sealed before `sealed`, or the first.
Result<std::uint64_t> TileReader::tile_around(ledger::Time sealed) {
  std::uint64_t low = 0;
  std::uint64_t high = tree_.size / ledger::tile_width;
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    auto entries = bundle(middle);
    if (!entries) return ledger::failure(entries);
    const auto time = middle_time(*entries, *suite_);
    if (time && *time >= sealed) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return low;
}

Result<std::string> TileReader::hashes(unsigned level, std::uint64_t index) {
  const std::uint32_t width = ledger::tile_width_at(level, index, tree_.size);
  auto bytes = source_->tile({level, index, width, false});
  if (!bytes || bytes->size() == width * sizeof(Hash)) return bytes;
  return ledger::fail(ErrorKind::corrupt, fmt::format("tile {} of level {} is not {} hashes long",
                                                      index, level, width));
}

Result<Hash> TileReader::subtree(unsigned level, std::uint64_t index) {
  const unsigned height = level % tile_height;
  const std::uint64_t first = index << height;  // among the hashes of the tile level
  const std::pair key(level / tile_height, first / ledger::tile_width);
  auto kept = kept_.find(key);
  if (kept == kept_.end()) {
    auto bytes = hashes(key.first, key.second);
    if (!bytes) return ledger::failure(bytes);
    if (kept_.size() >= kept_tiles_max) kept_.clear();
    kept = kept_.emplace(key, std::move(*bytes)).first;
  }
  const std::size_t count = std::size_t{1} << height;
  const std::size_t begin = first % ledger::tile_width;
  ledger::require((begin + count) * sizeof(Hash) <= kept->second.size(), "the subtree is complete");
  std::vector<Hash> below(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto bytes =
        ledger::as_bytes(std::string_view(kept->second)).subspan((begin + i) * sizeof(Hash));
    std::copy_n(bytes.begin(), sizeof(Hash), below[i].begin());
  }
  return ledger::merkle_root(*hasher_, below);
}

Result<std::vector<std::string>> TileReader::bundle(std::uint64_t index) {
  const std::uint32_t width = ledger::tile_width_at(0, index, tree_.size);
  auto bytes = source_->tile({0, index, width, true});
  if (!bytes) return ledger::failure(bytes);
  auto entries = ledger::parse_entries(*bytes);
  if (!entries || entries->size() != width) {
    return ledger::fail(ErrorKind::corrupt,
                        fmt::format("bundle {} is not {} entries long", index, width));
  }
  return std::vector<std::string>(entries->begin(), entries->end());
}

ledger::SubtreeHash TileReader::subtrees() {
  return [this](unsigned level, std::uint64_t index) { return subtree(level, index); };
}

}  // namespace yunjian::auditor
