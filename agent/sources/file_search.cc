#include "agent/sources/file_search.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <set>

namespace yunjian::agent {
namespace {

constexpr std::array<std::string_view, 7> compressed_endings = {".gz",  ".xz",  ".bz2", ".zst",
                                                                ".lz4", ".zip", ".Z"};

constexpr int listings_max = 4;  // of a directory whose names keep changing

bool is_separator(char c) { return c == '.' || c == '-' || c == '_'; }

std::vector<std::string> glob_paths(const std::string& pattern, int flags) {
  glob_t matches{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), flags | GLOB_NOSORT, nullptr, &matches) == 0)
    paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  globfree(&matches);
  return paths;
}

bool is_excluded(const std::string& path, const std::vector<std::string>& excludes) {
  return std::any_of(excludes.begin(), excludes.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), path.c_str(), 0) == 0;
  });
}

// The part of a pattern in front of its first wildcard, up to the last slash.
std::string plain_directory(const std::string& pattern) {
  return directory_of(pattern.substr(0, pattern.find_first_of("*?[")) + "x");
}

// When names were last added, renamed or removed.
std::int64_t changed_ns(const std::string& directory) {
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
}

// All regular files of a directory but the one of that name.
std::vector<FoundFile> list_once(const std::string& directory, std::string_view but) {
  std::vector<FoundFile> files;
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return files;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR || name == but) continue;
    auto file = look_at_file(directory == "/" ? "/" + std::string(name)
                                              : directory + "/" + std::string(name));
    if (file) files.push_back(std::move(*file));
  }
  closedir(stream);
  return files;
}

}  // namespace

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view base_name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 = 0: the whole path
}

bool is_compressed_name(std::string_view name) {
  return std::any_of(compressed_endings.begin(), compressed_endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

bool is_rotation_name(std::string_view base, std::string_view name) {
  if (is_compressed_name(name) || name.size() <= base.size()) return false;
  if (name.starts_with(base)) return is_separator(name[base.size()]);
  const auto dot = base.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  const std::string_view stem = base.substr(0, dot);
  const std::string_view ending = base.substr(dot);
  if (!name.starts_with(stem) || !name.ends_with(ending)) return false;
  const std::string_view middle =
      name.substr(stem.size(), name.size() - stem.size() - ending.size());
  return is_separator(middle[0]) && std::all_of(middle.begin(), middle.end(), [](char c) {
           return is_separator(c) || (c >= '0' && c <= '9');
         });
}

std::optional<FoundFile> look_at_file(const std::string& path) {
  struct statx status {};
  constexpr unsigned wanted = STATX_BASIC_STATS | STATX_BTIME;
  if (statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC, wanted, &status) != 0) return std::nullopt;
  if (!S_ISREG(status.stx_mode)) return std::nullopt;
  const bool keeps_birth = (status.stx_mask & STATX_BTIME) != 0;
  const auto& born = keeps_birth ? status.stx_btime : status.stx_mtime;
  FoundFile file;
  file.path = path;
  file.device = makedev(status.stx_dev_major, status.stx_dev_minor);
  file.inode = status.stx_ino;
  file.size = status.stx_size;
  file.born_ns = born.tv_sec * 1'000'000'000LL + born.tv_nsec;
  file.keeps_birth = keeps_birth;
  struct stat link {};
  file.is_link = lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
  return file;
}

FoundFiles find_files(const std::vector<std::string>& patterns,
                      const std::vector<std::string>& excludes) {
  std::set<std::string> paths;
  std::set<std::string> directories;
  for (const auto& pattern : patterns) {
    for (auto& path : glob_paths(pattern, 0)) paths.insert(std::move(path));
    for (auto& directory : glob_paths(directory_of(pattern), GLOB_ONLYDIR))
      directories.insert(std::move(directory));
    for (auto& directory : glob_paths(plain_directory(pattern), GLOB_ONLYDIR))
      directories.insert(std::move(directory));
  }
  FoundFiles found;
  for (const auto& path : paths) {
    if (is_compressed_name(path) || is_excluded(path, excludes)) continue;
    if (auto file = look_at_file(path)) found.files.push_back(std::move(*file));
  }
  found.directories.assign(directories.begin(), directories.end());
  return found;
}

bool matches_pattern(const std::string& path, const std::vector<std::string>& patterns,
                     const std::vector<std::string>& excludes) {
  return !is_excluded(path, excludes) &&
         std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
           return fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
         });
}

std::vector<FoundFile> list_beside(const std::string& path) {
  const std::string directory = directory_of(path);
  std::vector<FoundFile> files;
  // A rename during the listing may hide a file under both of its names.
  for (int attempt = 0; attempt < listings_max; ++attempt) {
    const auto before = changed_ns(directory);
    files = list_once(directory, base_name_of(path));
    if (changed_ns(directory) == before) break;
  }
  std::sort(files.begin(), files.end(),
            [](const FoundFile& a, const FoundFile& b) { return a.born_ns < b.born_ns; });
  return files;
}

}  // namespace yunjian::agent
