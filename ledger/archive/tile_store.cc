#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <map>
#include <mutex>

#include "ledger/archive/tile_files.h"
#include "ledger/archive/tiles.h"

namespace yunjian::ledger {
namespace {

// Full tiles kept in memory, 16 KiB each.
constexpr std::size_t cached_tiles_max = 256;
// append() syncs by itself when so many full tiles wait for it.
constexpr std::size_t waiting_tiles_max = 2048;

struct TileKey {
  unsigned level;
  std::uint64_t index;
  auto operator<=>(const TileKey&) const = default;
};

using FullTile = std::shared_ptr<const TileTree>;

// The tiles that were asked for last.
class TileCache {
 public:
  FullTile find(const TileKey& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    tiles_.splice(tiles_.begin(), tiles_, found->second);
    return found->second->second;
  }

  void insert(const TileKey& key, FullTile tile) {
    if (places_.contains(key)) return;
    tiles_.emplace_front(key, std::move(tile));
    places_[key] = tiles_.begin();
    if (tiles_.size() <= cached_tiles_max) return;
    places_.erase(tiles_.back().first);
    tiles_.pop_back();
  }

 private:
  std::list<std::pair<TileKey, FullTile>> tiles_;
  std::map<TileKey, std::list<std::pair<TileKey, FullTile>>::iterator> places_;
};

Failure no_such_tile(unsigned level, std::uint64_t index) {
  return fail(ErrorKind::reject, fmt::format("the tree has no tile {} of level {}", index, level));
}

// How many hashes level `level` has in a tree of `size` leaves.
std::uint64_t hashes_at(unsigned level, std::uint64_t size) {
  return level < tile_levels ? size >> (level * tile_height) : 0;
}

}  // namespace

struct TileStore::Impl {
  Impl(FileSystem& file_system, std::string directory, const Suite& used_suite)
      : files(file_system, std::move(directory)), suite(used_suite), hasher(suite.hasher()) {}

  void append(const Hash& leaf_hash);
  Result<void> sync();
  Result<void> write_level(unsigned level);
  void drop_waiting();
  Result<FullTile> full_tile(const TileKey& key) const;
  Result<FullTile> load(const TileKey& key) const;
  Result<Hash> node(unsigned level, std::uint64_t index) const;

  TileFiles files;  // writing: the writer's thread
  const Suite& suite;
  std::unique_ptr<Hasher> hasher;  // the writer's thread
  bool failed = false;             // the writer's thread

  mutable std::mutex mutex;  // for all below; the writer may read without it
  std::uint64_t size = 0;
  std::array<TileTree, tile_levels> edges;  // the tile of each level that still grows
  std::map<TileKey, FullTile> waiting;      // full, but not synced
  mutable TileCache cache;
};

void TileStore::Impl::append(const Hash& leaf_hash) {
  const std::lock_guard guard(mutex);
  Hash hash = leaf_hash;
  for (unsigned level = 0; level < tile_levels; ++level) {
    TileTree& edge = edges.at(level);
    edge.add(*hasher, hash);
    if (!edge.is_full()) break;
    hash = edge.root();
    const std::uint64_t index = size >> ((level + 1) * tile_height);
    waiting[{level, index}] = std::make_shared<const TileTree>(std::move(edge));
    edge = TileTree();
  }
  ++size;
}

Result<void> TileStore::Impl::sync() {
  for (unsigned level = 0; level < tile_levels; ++level) {
    auto written = write_level(level);
    if (!written) return written;
    // Before the level above states hashes of these files.
    auto synced = files.sync_names();
    if (!synced) return synced;
  }
  drop_waiting();
  return {};
}

Result<void> TileStore::Impl::write_level(unsigned level) {
  const auto first = waiting.lower_bound({level, 0});
  const auto end = waiting.lower_bound({level + 1, 0});
  for (auto tile = first; tile != end; ++tile) {
    auto written = files.write(level, tile->first.index, tile->second->bytes());
    if (!written) return written;
  }
  const TileTree& edge = edges.at(level);
  if (edge.width() == 0) return {};
  return files.write(level, hashes_at(level, size) / tile_width, edge.bytes());
}

void TileStore::Impl::drop_waiting() {
  const std::lock_guard guard(mutex);
  for (auto& [key, tile] : waiting) cache.insert(key, std::move(tile));
  waiting.clear();
}

// A tile below the right edge.
Result<FullTile> TileStore::Impl::full_tile(const TileKey& key) const {
  {
    const std::lock_guard guard(mutex);
    const auto found = waiting.find(key);
    if (found != waiting.end()) return found->second;
    FullTile cached = cache.find(key);
    if (cached) return cached;
  }
  auto loaded = load(key);
  if (!loaded) return loaded;
  const std::lock_guard guard(mutex);
  cache.insert(key, *loaded);
  return loaded;
}

Result<FullTile> TileStore::Impl::load(const TileKey& key) const {
  auto bytes = files.read(key.level, key.index);
  if (!bytes) return failure(bytes);
  const std::string path = tile_path({.level = key.level, .index = key.index});
  if (bytes->size() != tile_bytes) {
    return fail(ErrorKind::corrupt, fmt::format("{}: the file is missing or cut", path));
  }
  const auto own_hasher = suite.hasher();
  auto tile = std::make_shared<const TileTree>(tile_tree_of(*own_hasher, *bytes));
  auto expected = node((key.level + 1) * tile_height, key.index);
  if (!expected) return failure(expected);
  if (tile->root() != *expected) {
    return fail(ErrorKind::corrupt, fmt::format("{}: its hashes are not those the log was "
                                                "built of",
                                                path));
  }
  return tile;
}

Result<Hash> TileStore::Impl::node(unsigned level, std::uint64_t index) const {
  const unsigned height = level % tile_height;
  TileKey key{.level = level / tile_height, .index = 0};
  if (key.level >= tile_levels) return no_such_tile(key.level, index);
  const unsigned to_tile = tile_height - height;
  key.index = index >> to_tile;
  const std::uint64_t in_tile = index & ((std::uint64_t{1} << to_tile) - 1);
  {
    const std::lock_guard guard(mutex);
    if (index >= size >> level) {
      return fail(ErrorKind::reject,
                  fmt::format("the tree has no complete subtree {} of level {}", index, level));
    }
    const bool is_edge = key.index == hashes_at(key.level, size) / tile_width;
    if (is_edge) return edges.at(key.level).node(height, in_tile);
  }
  auto tile = full_tile(key);
  if (!tile) return failure(tile);
  return (*tile)->node(height, in_tile);
}

namespace {

// Finds out how much of the tree the files hold for sure, when a store is opened: `known` leaves,
// a multiple of 256, whose hashes at level 1 and above are on disk and stand for tiles on disk.
class Recovery {
 public:
  Recovery(TileFiles& files, Hasher& hasher, std::uint64_t size)
      : files_(files), hasher_(hasher), size_(size) {}

  Result<void> run() {
    auto cut = remove_beyond();
    if (!cut) return cut;
    auto estimated = estimate();
    if (!estimated) return estimated;
    while (true) {
      const std::uint64_t before = known_;
      for (unsigned level = 1; level < tile_levels && known_ == before; ++level) {
        auto checked = check_edge(level);
        if (!checked) return checked;
      }
      if (known_ == before) return {};
    }
  }

  std::uint64_t known() const { return known_; }
  std::array<TileTree, tile_levels>& edges() { return edges_; }

 private:
  // Files of a longer tree.
  Result<void> remove_beyond() {
    for (unsigned level = 0; level < tile_levels; ++level) {
      const std::uint64_t count = hashes_at(level, size_);
      auto removed = files_.remove_from(level, (count + tile_width - 1) / tile_width);
      if (!removed) return removed;
    }
    return {};
  }

  // From the top down: tiles that a hash of the level above stands for are full. Behind them the
  // level goes on as far as its files do.
  Result<void> estimate() {
    std::array<std::uint64_t, tile_levels + 1> held{};
    for (unsigned level = tile_levels - 1; level > 0; --level) {
      const std::uint64_t limit = hashes_at(level, size_);
      std::uint64_t& count = held.at(level);
      count = held.at(level + 1) * tile_width;
      while (count < limit) {
        auto bytes = files_.read(level, count / tile_width);
        if (!bytes) return failure(bytes);
        count += bytes->size() / sizeof(Hash);
        if (bytes->size() < tile_bytes) break;
      }
      count = std::min(count, limit);
    }
    known_ = held[1] * tile_width;
    for (unsigned level = 2; level < tile_levels; ++level) {
      if (hashes_at(level, known_) <= held.at(level)) continue;
      known_ = ((held.at(level) + 1) << (level * tile_height)) - tile_width;
    }
    return {};
  }

  // Loads the growing tile of a level and compares it with the tiles below it. What is missing
  // lowers known_ to where it begins.
  Result<void> check_edge(unsigned level) {
    const std::uint64_t count = hashes_at(level, known_);
    const std::uint64_t first = count / tile_width * tile_width;
    auto bytes = files_.read(level, first / tile_width);
    if (!bytes) return failure(bytes);
    const std::size_t wanted = (count - first) * sizeof(Hash);
    if (bytes->size() < wanted) {
      known_ = first << (level * tile_height);
      return {};
    }
    edges_.at(level) = tile_tree_of(hasher_, std::string_view(*bytes).substr(0, wanted));
    for (std::uint64_t index = first; index < count; ++index) {
      auto checked = check_tile({level - 1, index}, edges_.at(level).node(0, index - first));
      if (!checked) return failure(checked);
      if (!*checked) {
        known_ = index << (level * tile_height);
        return {};
      }
    }
    return {};
  }

  // False: the tile is missing or short.
  Result<bool> check_tile(const TileKey& key, const Hash& expected) {
    auto bytes = files_.read(key.level, key.index);
    if (!bytes) return failure(bytes);
    if (bytes->size() < tile_bytes) return false;
    if (tile_tree_of(hasher_, *bytes).root() == expected) return true;
    return fail(ErrorKind::corrupt,
                fmt::format("{} does not have the hash that {} states",
                            tile_path({.level = key.level, .index = key.index}),
                            tile_path({.level = key.level + 1, .index = key.index / tile_width})));
  }

  TileFiles& files_;
  Hasher& hasher_;
  std::uint64_t size_;
  std::uint64_t known_ = 0;
  std::array<TileTree, tile_levels> edges_;
};

}  // namespace

TileStore::TileStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TileStore::~TileStore() = default;

Result<std::unique_ptr<TileStore>> TileStore::open(FileSystem& files, std::string directory,
                                                   const Suite& suite, const Leaves& leaves) {
  auto impl = std::make_unique<Impl>(files, std::move(directory), suite);
  Recovery recovery(impl->files, *impl->hasher, leaves.size);
  auto recovered = recovery.run();
  if (!recovered) return failure(recovered, "cannot open the tiles");
  impl->size = recovery.known();
  impl->edges = std::move(recovery.edges());
  std::unique_ptr<TileStore> store(new TileStore(std::move(impl)));
  for (std::uint64_t index = store->size(); index < leaves.size; ++index) {
    auto hash = leaves.hash(index);
    if (!hash) return failure(hash, fmt::format("leaf {}", index));
    auto appended = store->append(*hash);
    if (!appended) return failure(appended);
  }
  // Also when there was nothing to append: an ended process may not have synced its last hashes.
  auto synced = store->sync();
  if (!synced) return failure(synced);
  return store;
}

std::uint64_t TileStore::size() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->size;
}

Result<void> TileStore::append(const Hash& leaf_hash) {
  if (impl_->failed) return fail(ErrorKind::fatal, "an earlier write of tiles failed");
  impl_->append(leaf_hash);
  if (impl_->waiting.size() < waiting_tiles_max) return {};
  return sync();
}

Result<void> TileStore::sync() {
  if (impl_->failed) return fail(ErrorKind::fatal, "an earlier write of tiles failed");
  auto synced = impl_->sync();
  if (!synced) impl_->failed = true;
  return synced;
}

Result<TreeHead> TileStore::head() const {
  TreeHead head{.size = size(), .root = {}};
  const auto hasher = impl_->suite.hasher();
  auto root = root_from_subtrees(*hasher, head.size, source());
  if (!root) return failure(root);
  head.root = *root;
  return head;
}

Result<std::string> TileStore::tile(const TileId& id) const {
  if (id.entries) return fail(ErrorKind::reject, "entry bundles are not kept with the tiles");
  const std::size_t wanted = id.width * sizeof(Hash);
  {
    const std::lock_guard guard(impl_->mutex);
    const std::uint32_t width = tile_width_at(id.level, id.index, impl_->size);
    if (id.width == 0 || id.width > width) return no_such_tile(id.level, id.index);
    if (width < tile_width) {
      return std::string(impl_->edges.at(id.level).bytes().substr(0, wanted));
    }
  }
  auto full = impl_->full_tile({id.level, id.index});
  if (!full) return failure(full);
  return std::string((*full)->bytes().substr(0, wanted));
}

Result<Hash> TileStore::subtree(unsigned level, std::uint64_t index) const {
  return impl_->node(level, index);
}

SubtreeHash TileStore::source() const {
  return [this](unsigned level, std::uint64_t index) { return subtree(level, index); };
}

}  // namespace yunjian::ledger
