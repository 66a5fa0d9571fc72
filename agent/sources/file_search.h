#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yunjian::agent {

// A regular file as the directory shows it now.
struct FoundFile {
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t born_ns = 0;  // creation, or the last write where the file system keeps no creation
  bool keeps_birth = false;  // it is the creation
  bool is_link = false;      // the path is a symbolic link to it
};

struct FoundFiles {
  std::vector<FoundFile> files;          // sorted by path, each path once
  std::vector<std::string> directories;  // where a matching name may appear; they exist
};

// Looks at the file behind `path`; nothing when it is not a regular file.
std::optional<FoundFile> look_at_file(const std::string& path);

// All files that match one of `patterns` (glob(3)), none of `excludes` (fnmatch(3) over the whole
// path) and are not compressed: rotation compresses what was already read.
FoundFiles find_files(const std::vector<std::string>& patterns,
                      const std::vector<std::string>& excludes);

// Whether find_files would take `path` for its name.
bool matches_pattern(const std::string& path, const std::vector<std::string>& patterns,
                     const std::vector<std::string>& excludes);

// The files beside `path`, without it, oldest first.
std::vector<FoundFile> list_beside(const std::string& path);

// Whether `name` is what log rotation makes of `base`: app.log.1, app.log-20261122,
// app-20261122.log; compressed ones are not.
bool is_rotation_name(std::string_view base, std::string_view name);
bool is_compressed_name(std::string_view name);

std::string directory_of(const std::string& path);
std::string_view base_name_of(std::string_view path);

}  // namespace yunjian::agent
