#include "ledger/archive/tile_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace yunjian::ledger {
namespace {

// Length of the whole hashes that `content` begins with. No leaf and no node hashes to zeros: they
// are pages that a power cut left unwritten.
std::size_t whole_bytes(std::string_view content) {
  static constexpr Hash unwritten{};
  std::size_t whole = 0;
  while (whole + sizeof(Hash) <= std::min(content.size(), tile_bytes) &&
         content.substr(whole, sizeof(Hash)) != as_view(unwritten)) {
    whole += sizeof(Hash);
  }
  return whole;
}

}  // namespace

TileTree tile_tree_of(Hasher& hasher, std::string_view bytes) {
  TileTree tree;
  for (std::size_t at = 0; at + sizeof(Hash) <= bytes.size(); at += sizeof(Hash)) {
    Hash hash;
    std::memcpy(hash.data(), bytes.data() + at, hash.size());
    tree.add(hasher, hash);
  }
  return tree;
}

Result<std::string> TileFiles::read(unsigned level, std::uint64_t index) const {
  const std::string path = path_of(level, index);
  auto there = files_.exists(path);
  if (!there) return failure(there);
  if (!*there) return std::string();
  auto file = files_.open_read(path);
  if (!file) return failure(file);
  auto content = (*file)->read_at(0, tile_bytes);
  if (!content) return failure(content);
  content->resize(whole_bytes(*content));
  return std::move(*content);
}

Result<void> TileFiles::write(unsigned level, std::uint64_t index, std::string_view hashes) {
  std::optional<Growing>& growing = growing_.at(level);
  const bool is_first = !growing || growing->index != index;
  if (is_first) {
    auto opened = open(level, index, hashes);
    if (!opened) return failure(opened);
    growing = std::move(*opened);
  }
  if (growing->written < hashes.size()) {
    auto written = growing->file->append(hashes.substr(growing->written));
    if (!written) return written;
  } else if (!is_first) {
    return {};
  }
  growing->written = hashes.size();
  auto synced = growing->file->sync();
  if (!synced) return synced;
  if (hashes.size() == tile_bytes) growing.reset();
  if (is_first) unsynced_directories_.insert(parent_directory(path_of(level, index)));
  return {};
}

Result<void> TileFiles::sync_names() {
  for (const std::string& directory : unsynced_directories_) {
    auto synced = files_.sync_directory(directory);
    if (!synced) return synced;
  }
  unsynced_directories_.clear();
  return {};
}

Result<void> TileFiles::remove_from(unsigned level, std::uint64_t index) {
  for (;; ++index) {
    const std::string path = path_of(level, index);
    auto there = files_.exists(path);
    if (!there) return failure(there);
    if (!*there) return {};
    auto removed = files_.remove(path);
    if (!removed) return removed;
    removed = files_.sync_directory(parent_directory(path));
    if (!removed) return removed;
  }
}

std::string TileFiles::path_of(unsigned level, std::uint64_t index) const {
  return join_path(directory_, tile_path({.level = level, .index = index}));
}

// Each directory between ours and the file is made and its name made durable, once a process: one
// that an ended process made may still be in memory only.
Result<void> TileFiles::make_directories(const std::string& path) {
  const std::string parent = parent_directory(path);
  if (parent.size() <= directory_.size() || durable_directories_.contains(parent)) return {};
  auto made = make_directories(parent);
  if (!made) return made;
  made = files_.make_directory(parent, 0700);
  if (!made) return made;
  made = files_.sync_directory(parent_directory(parent));
  if (!made) return made;
  durable_directories_.insert(parent);
  return {};
}

// What the file holds already is kept as far as it is what it shall hold.
auto TileFiles::open(unsigned level, std::uint64_t index, std::string_view hashes)
    -> Result<Growing> {
  const std::string path = path_of(level, index);
  auto made = make_directories(path);
  if (!made) return failure(made);
  auto file = files_.open_append(path, 0600);
  if (!file) return failure(file);
  auto content = (*file)->read_at(0, tile_bytes + 1);
  if (!content) return failure(content);
  const std::size_t kept = std::min(whole_bytes(*content), hashes.size());
  const char* wrong = std::mismatch(content->data(), content->data() + kept, hashes.data()).first;
  const auto same = static_cast<std::size_t>(wrong - content->data());
  if (same < kept) {
    return fail(ErrorKind::corrupt,
                fmt::format("tile {}: hash {} is not the one of the log's leaves", path,
                            same / sizeof(Hash)));
  }
  if (content->size() > kept) {
    auto cut = (*file)->truncate(kept);
    if (!cut) return failure(cut);
  }
  return Growing{.index = index, .file = std::move(*file), .written = kept};
}

}  // namespace yunjian::ledger
