#include "agent/sources/compressed_rotations.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace yunjian::agent {
namespace {

// Whether `name` is app.log.1.gz for a rotation app.log.1 of `base`, and whole: while its original
// is still there it is being made.
bool is_compressed_copy(std::string_view name, std::string_view base,
                        const std::vector<FoundFile>& beside) {
  if (!is_compressed_name(name)) return false;
  const std::string_view plain = name.substr(0, name.rfind('.'));
  return is_rotation_name(base, plain) &&
         std::none_of(beside.begin(), beside.end(),
                      [&](const FoundFile& file) { return base_name_of(file.path) == plain; });
}

// The length of what a gzip file holds, modulo 2^32; nothing when it is none, or is not whole.
std::optional<std::uint32_t> gzip_length(const std::string& path) {
  constexpr std::streamoff least = 18;  // header and trailer
  std::ifstream file(path, std::ios::binary);
  std::array<char, 2> magic{};
  std::array<unsigned char, 4> last{};
  if (!file.read(magic.data(), magic.size()) || magic != std::array{'\x1f', '\x8b'}) {
    return std::nullopt;
  }
  if (!file.seekg(0, std::ios::end) || file.tellg() < least) return std::nullopt;
  file.seekg(-4, std::ios::end);
  if (!file.read(reinterpret_cast<char*>(last.data()), last.size())) return std::nullopt;
  return static_cast<std::uint32_t>(last[0]) | static_cast<std::uint32_t>(last[1]) << 8 |
         static_cast<std::uint32_t>(last[2]) << 16 | static_cast<std::uint32_t>(last[3]) << 24;
}

}  // namespace

CompressedLength length_behind(const std::vector<FoundFile>& copies, std::uint64_t offset) {
  CompressedLength found;
  for (const FoundFile& copy : copies) {
    const auto length = gzip_length(copy.path);
    if (!length) continue;
    if (*length == static_cast<std::uint32_t>(offset)) return {.is_whole = true, .beyond = {}};
    if (copies.size() == 1 && *length > offset) found.beyond = *length - offset;
  }
  return found;
}

CompressedRotations::Path& CompressedRotations::meet(const std::string& path) {
  Path& state = paths_[path];
  state.met = ++meetings_;
  return state;
}

void CompressedRotations::let_go(const std::string& path, std::uint64_t end) {
  Path& state = meet(path);
  ++state.expected;
  state.last_end = end;
}

std::uint64_t CompressedRotations::last_end(const std::string& path) const {
  const auto found = paths_.find(path);
  return found == paths_.end() ? 0 : found->second.last_end;
}

std::uint64_t CompressedRotations::unseen(const std::string& path,
                                          const std::vector<FoundFile>& beside,
                                          const std::function<bool(const FoundFile&)>& is_followed,
                                          std::uint64_t nameless) {
  Path& state = meet(path);
  const bool first = !state.looked && !state.restored;
  const std::string_view base = base_name_of(path);
  std::set<std::uint64_t> present;
  std::int64_t newest_ns = state.newest_ns;
  for (const FoundFile& file : beside) {
    const std::string_view name = base_name_of(file.path);
    // Older rotations that were never followed.
    if (first && is_rotation_name(base, name) && !is_followed(file)) ++state.expected;
    if (!is_compressed_copy(name, base, beside)) continue;
    present.insert(file.inode);
    newest_ns = std::max(newest_ns, file.born_ns);
    const bool known = first || state.seen.contains(file.inode) ||
                       (!state.looked && file.born_ns <= state.newest_ns);
    if (!known) --state.expected;
  }
  state.looked = true;
  state.seen = std::move(present);
  state.newest_ns = newest_ns;
  const std::int64_t missing = -(state.expected + static_cast<std::int64_t>(nameless));
  return missing > 0 ? static_cast<std::uint64_t>(missing) : 0;
}

std::vector<FoundFile> CompressedRotations::made_since(const std::string& path,
                                                       const std::vector<FoundFile>& beside) const {
  std::vector<FoundFile> made;
  const auto state = paths_.find(path);
  if (state == paths_.end() || !(state->second.looked || state->second.restored)) return made;
  for (const FoundFile& file : beside) {
    if (file.born_ns > state->second.newest_ns &&
        is_compressed_copy(base_name_of(file.path), base_name_of(path), beside)) {
      made.push_back(file);
    }
  }
  return made;
}

void CompressedRotations::told(const std::string& path, std::uint64_t count) {
  paths_[path].expected += static_cast<std::int64_t>(count);
}

std::optional<CompressedMark> CompressedRotations::mark(const std::string& path) const {
  const auto found = paths_.find(path);
  if (found == paths_.end() || (!found->second.looked && !found->second.restored)) {
    return std::nullopt;
  }
  return CompressedMark{.newest_ns = found->second.newest_ns, .expected = found->second.expected};
}

void CompressedRotations::restore(const std::string& path, const CompressedMark& mark) {
  Path& state = meet(path);
  state.restored = true;
  state.newest_ns = mark.newest_ns;
  state.expected = mark.expected;
}

std::vector<std::string> CompressedRotations::ownerless(
    const std::function<bool(const std::string&)>& is_followed) const {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  for (const auto& [path, state] : paths_) {
    if (!is_followed(path) && mark(path)) found.emplace_back(state.met, path);
  }
  std::sort(found.rbegin(), found.rend());
  if (found.size() > ownerless_paths_max) found.resize(ownerless_paths_max);
  std::vector<std::string> paths;
  for (auto& [met, path] : found) paths.push_back(std::move(path));
  return paths;
}

}  // namespace yunjian::agent
