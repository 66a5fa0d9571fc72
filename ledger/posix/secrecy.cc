#include "ledger/posix/secrecy.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace yunjian::ledger {

void keep_memory_secret() {
  const rlimit none{0, 0};
  // Lowering is always allowed.
  static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
#ifndef __SANITIZE_ADDRESS__
  static_cast<void>(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
#endif
}

Result<void> check_secret_files(std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    struct stat seen {};
    if (::stat(path.c_str(), &seen) != 0) {
      if (errno == ENOENT) continue;
      return fail(ErrorKind::fatal, fmt::format("{}: {}", path, std::strerror(errno)));
    }
    if ((seen.st_mode & 077U) != 0) {
      return fail(ErrorKind::reject,
                  fmt::format("{} holds a secret and others may use it (mode {:04o}): make it "
                              "private with `chmod 600`, and think of who may have read it",
                              path, seen.st_mode & 07777U));
    }
    if (seen.st_uid != ::geteuid() && seen.st_uid != 0) {
      return fail(ErrorKind::reject,
                  fmt::format("{} holds a secret and belongs to uid {}, not to this user: give it "
                              "back with `chown`",
                              path, seen.st_uid));
    }
  }
  return {};
}

}  // namespace yunjian::ledger
