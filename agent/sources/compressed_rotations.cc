#include "agent/sources/compressed_rotations.h"

#include <algorithm>

namespace yunjian::agent {
namespace {

// app.log.1 of app.log.1.gz, when that is a rotation of `base`; else empty.
std::string_view plain_name_of(std::string_view name, std::string_view base) {
  if (!is_compressed_name(name)) return {};
  const std::string_view plain = name.substr(0, name.rfind('.'));
  return is_rotation_name(base, plain) ? plain : std::string_view();
}

bool is_there(const std::vector<FoundFile>& files, std::string_view name) {
  return std::any_of(files.begin(), files.end(),
                     [&](const FoundFile& file) { return base_name_of(file.path) == name; });
}

}  // namespace

std::uint64_t CompressedRotations::unseen(const std::string& path,
                                          const std::vector<FoundFile>& beside,
                                          const std::function<bool(const FoundFile&)>& is_followed,
                                          std::uint64_t gone) {
  const bool first = !paths_.contains(path);
  Path& state = paths_[path];
  const std::string_view base = base_name_of(path);
  std::set<std::uint64_t> present;
  for (const FoundFile& file : beside) {
    const std::string_view name = base_name_of(file.path);
    if (first && is_rotation_name(base, name) && !is_followed(file)) ++state.strangers;
    const std::string_view plain = plain_name_of(name, base);
    // While its original is still there it is being made.
    if (plain.empty() || is_there(beside, plain)) continue;
    present.insert(file.inode);
    if (!first && !state.seen.contains(file.inode)) ++state.appeared;
  }
  state.seen = std::move(present);
  if (first) state.gone = gone;
  const std::uint64_t known = state.strangers + (gone - state.gone) + state.told;
  if (state.appeared <= known) return 0;
  const std::uint64_t fresh = state.appeared - known;
  state.told += fresh;
  return fresh;
}

}  // namespace yunjian::agent
