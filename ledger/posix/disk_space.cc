#include "ledger/posix/disk_space.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

namespace yunjian::ledger {

Result<DiskSpace> read_disk_space(const std::string& path) {
  struct statvfs about {};
  if (::statvfs(path.c_str(), &about) != 0) {
    return fail(ErrorKind::reject, fmt::format("statvfs {}: {}", path, std::strerror(errno)));
  }
  const std::uint64_t block = about.f_frsize;
  return DiskSpace{.bytes = block * about.f_blocks, .free_bytes = block * about.f_bavail};
}

}  // namespace yunjian::ledger
