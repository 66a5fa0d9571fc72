#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::ledger {

// An open file. One thread at a time; read_at may run beside append.
class File {
 public:
  virtual ~File() = default;
  // Writes all bytes at the end or fails; after a failure the tail is unknown.
  virtual Result<void> append(std::string_view bytes) = 0;
  // Durable on return (fdatasync). Every failure is fatal, and after it this file refuses append,
  // truncate and sync: what was not written may be lost although a second sync would succeed.
  virtual Result<void> sync() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() const = 0;
  // Up to `length` bytes from `offset`; fewer only at the end of the file.
  virtual Result<std::string> read_at(std::uint64_t offset, std::uint64_t length) const = 0;
};

// Everything that can lose evidence goes through here, so that a test can make it fail.
// Errors: retry (EINTR, EAGAIN), full (ENOSPC, EDQUOT, EFBIG, ENOMEM, too many open files), reject
// (the path is wrong: ENOENT, EACCES, EPERM, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY and their like),
// fatal (EIO, EROFS, all others). Messages name the operation, the path and the system's reason.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Creates the file when it is not there; its directory must be.
  virtual Result<std::unique_ptr<File>> open_append(const std::string& path, unsigned mode) = 0;
  virtual Result<std::unique_ptr<File>> open_read(const std::string& path) = 0;
  // Full: larger than 1 GiB.
  virtual Result<std::string> read_file(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  // Names of files and directories in it, sorted bytewise.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  // Its parent must be there; well when the directory itself is there already.
  virtual Result<void> make_directory(const std::string& path, unsigned mode) = 0;
  // Replaces a file that is at `to`.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  // A file, or an empty directory.
  virtual Result<void> remove(const std::string& path) = 0;
  // Names created, renamed or removed in it are durable on return.
  virtual Result<void> sync_directory(const std::string& path) = 0;
  // Creates the file if need be and holds it until the returned object goes; `retry` while another
  // holds it, be it this process or another.
  virtual Result<std::unique_ptr<File>> lock(const std::string& path) = 0;
};

// Durable replacement: temporary beside it, write, fsync, rename, fsync directory.
// After a failure the old or the new content is there, whole. The temporary is `path` + ".new";
// what an interrupted replacement left of it is removed by the next. One thread at a time for one
// path.
Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view content,
                          unsigned mode);

// Removes the file that an interrupted replacement may have left at `path`, which is to be written
// from its beginning: else its bytes would stand in front of the new ones, and its mode might be
// wider. Well when there is none.
Result<void> remove_leftover(FileSystem& files, const std::string& path);

std::string parent_directory(std::string_view path);  // "." for a bare name, "/" for "/"
std::string join_path(std::string_view directory, std::string_view name);

}  // namespace yunjian::ledger
