#include "ledger/base/file_system.h"

namespace yunjian::ledger {
namespace {

Result<void> write_new_file(FileSystem& files, const std::string& path, std::string_view content,
                            unsigned mode) {
  auto file = files.open_append(path, mode);
  if (!file) return failure(file);
  auto written = (*file)->append(content);
  if (!written) return written;
  return (*file)->sync();
}

Result<void> write_and_rename(FileSystem& files, const std::string& path, std::string_view content,
                              unsigned mode) {
  const std::string temporary = path + ".new";
  auto done = remove_leftover(files, temporary);
  if (!done) return done;
  done = write_new_file(files, temporary, content, mode);
  if (!done) return done;
  done = files.rename(temporary, path);
  if (!done) return done;
  return files.sync_directory(parent_directory(path));
}

}  // namespace

Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view content,
                          unsigned mode) {
  auto done = write_and_rename(files, path, content, mode);
  if (!done) return failure(done, "cannot replace " + path);
  return {};
}

Result<void> remove_leftover(FileSystem& files, const std::string& path) {
  auto there = files.exists(path);
  if (!there) return failure(there);
  if (!*there) return {};
  return files.remove(path);
}

std::string parent_directory(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  path = path.substr(0, slash);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path.empty() ? "/" : std::string(path);
}

std::string join_path(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  std::string path(directory);
  if (path.back() != '/') path.push_back('/');
  path.append(name);
  return path;
}

}  // namespace yunjian::ledger
