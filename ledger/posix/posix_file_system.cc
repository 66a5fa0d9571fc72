#include "ledger/posix/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <span>
#include <system_error>

namespace yunjian::ledger {
namespace {

constexpr std::uint64_t file_bytes_max = std::uint64_t{1} << 30;  // for read_file
constexpr std::uint64_t file_offset_max = std::numeric_limits<off_t>::max();
constexpr std::size_t io_piece_bytes = std::size_t{1} << 30;  // Linux moves at most 2 GiB a call

ErrorKind kind_of(int error) {
  switch (error) {
    case EINTR:
    case EAGAIN:
      return ErrorKind::retry;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorKind::full;
    case ENOENT:
    case EACCES:
    case EPERM:
    case EEXIST:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV:
      return ErrorKind::reject;
    default:
      return ErrorKind::fatal;
  }
}

std::string describe(std::string_view operation, const std::string& path, int error) {
  return fmt::format("{} {}: {}", operation, path, std::generic_category().message(error));
}

Failure fail_errno(std::string_view operation, const std::string& path, int error,
                   std::source_location where = std::source_location::current()) {
  return fail(kind_of(error), describe(operation, path, error), where);
}

// Repeats a system call while a signal interrupts it; -1 with errno as the call gives it.
template <typename Call>
auto uninterrupted(const Call& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// Owns one file descriptor. close() is not checked: what must last was synced before.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

Result<Descriptor> open_descriptor(const std::string& path, int flags, unsigned mode = 0) {
  const int number = uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (number < 0) return fail_errno("open", path, errno);
  return Descriptor(number);
}

// Fills `out` from `offset`; fewer bytes only at the end of the file.
Result<std::size_t> read_into(const Descriptor& file, const std::string& path, std::span<char> out,
                              std::uint64_t offset) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = uninterrupted([&] {
      return ::pread(file.get(), out.data() + done, std::min(out.size() - done, io_piece_bytes),
                     static_cast<off_t>(offset + done));
    });
    if (count < 0) return fail_errno("read", path, errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<std::uint64_t> size_of(const Descriptor& file, const std::string& path) {
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return fail_errno("stat", path, errno);
  return static_cast<std::uint64_t>(status.st_size);
}

class PosixFile : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<void> append(std::string_view bytes) override {
    if (sync_failed_) return refuse("append");
    while (!bytes.empty()) {
      const ssize_t count = uninterrupted([&] {
        return ::write(descriptor_.get(), bytes.data(), std::min(bytes.size(), io_piece_bytes));
      });
      if (count < 0) return fail_errno("write", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }

  Result<void> sync() override {
    if (sync_failed_) return refuse("sync");
    if (uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) == 0) return {};
    // The kernel has forgotten which pages were not written; another call would report success.
    sync_failed_ = true;
    return fail(ErrorKind::fatal, describe("sync", path_, errno));
  }

  Result<void> truncate(std::uint64_t size) override {
    if (sync_failed_) return refuse("truncate");
    const auto length = static_cast<off_t>(size);
    if (uninterrupted([&] { return ::ftruncate(descriptor_.get(), length); }) == 0) return {};
    return fail_errno("truncate", path_, errno);
  }

  Result<std::uint64_t> size() const override { return size_of(descriptor_, path_); }

  Result<std::string> read_at(std::uint64_t offset, std::uint64_t length) const override {
    // Offset and length may come from a damaged file: they must not decide how much memory is
    // taken, nor become a negative offset, which is an error of another kind.
    if (offset > file_offset_max) return std::string();
    constexpr std::uint64_t unchecked_bytes_max = 1U << 20;
    if (length > unchecked_bytes_max) {
      auto end = size();
      if (!end) return failure(end);
      length = std::min(length, *end - std::min(offset, *end));
    }
    std::string out(length, '\0');
    auto count = read_into(descriptor_, path_, out, offset);
    if (!count) return failure(count);
    out.resize(*count);
    return out;
  }

 private:
  Failure refuse(std::string_view operation) const {
    return fail(ErrorKind::fatal, fmt::format("{} {}: an earlier sync of this file failed; start "
                                              "again from what is on disk",
                                              operation, path_));
  }

  Descriptor descriptor_;
  std::string path_;
  bool sync_failed_ = false;
};

Result<std::unique_ptr<File>> open_file(const std::string& path, int flags, unsigned mode = 0) {
  auto descriptor = open_descriptor(path, flags, mode);
  if (!descriptor) return failure(descriptor);
  return std::make_unique<PosixFile>(std::move(*descriptor), path);
}

Failure too_large(const std::string& path) {
  return fail(ErrorKind::full, fmt::format("read {}: the file is larger than 1 GiB", path));
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open_append(const std::string& path, unsigned mode) {
  return open_file(path, O_RDWR | O_APPEND | O_CREAT, mode);
}

Result<std::unique_ptr<File>> PosixFileSystem::open_read(const std::string& path) {
  return open_file(path, O_RDONLY);
}

Result<std::string> PosixFileSystem::read_file(const std::string& path) {
  auto file = open_descriptor(path, O_RDONLY);
  if (!file) return failure(file);
  auto size = size_of(*file, path);
  if (!size) return failure(size);
  if (*size > file_bytes_max) return too_large(path);
  // Files of /proc claim to be empty: the end is where a read gives nothing.
  std::string content(std::max<std::size_t>(*size + 1, 4096), '\0');
  std::size_t done = 0;
  while (true) {
    auto count = read_into(*file, path, std::span(content).subspan(done), done);
    if (!count) return failure(count);
    done += *count;
    if (done > file_bytes_max) return too_large(path);
    if (done < content.size()) break;
    content.resize(content.size() * 2);
  }
  content.resize(done);
  return content;
}

Result<bool> PosixFileSystem::exists(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail_errno("stat", path, errno);
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& directory) {
  struct Close {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  const std::unique_ptr<DIR, Close> entries(::opendir(directory.c_str()));
  if (!entries) return fail_errno("list", directory, errno);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail_errno("list", directory, errno);
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> PosixFileSystem::make_directory(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  const int error = errno;
  struct stat status = {};
  const bool is_there =
      error == EEXIST && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  if (is_there) return {};
  return fail_errno("make directory", path, error);
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return fail_errno("rename", from + " to " + to, errno);
}

Result<void> PosixFileSystem::remove(const std::string& path) {
  if (std::remove(path.c_str()) == 0) return {};
  return fail_errno("remove", path, errno);
}

Result<void> PosixFileSystem::sync_directory(const std::string& path) {
  auto directory = open_descriptor(path, O_RDONLY | O_DIRECTORY);
  if (!directory) return failure(directory);
  if (uninterrupted([&] { return ::fsync(directory->get()); }) == 0) return {};
  return fail(ErrorKind::fatal, describe("sync directory", path, errno));
}

Result<std::unique_ptr<File>> PosixFileSystem::lock(const std::string& path) {
  auto descriptor = open_descriptor(path, O_RDWR | O_CREAT, 0600);
  if (!descriptor) return failure(descriptor);
  if (uninterrupted([&] { return ::flock(descriptor->get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock", path, errno);
    return fail(ErrorKind::retry, fmt::format("lock {}: another process holds it", path));
  }
  return std::make_unique<PosixFile>(std::move(*descriptor), path);
}

}  // namespace yunjian::ledger
