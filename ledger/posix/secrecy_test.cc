#include "ledger/posix/secrecy.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "ledger/posix/posix_file_system.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::ledger {
namespace {

TEST_CASE("a secret that others may read, write or own is refused by name") {
  const testing::TemporaryDirectory directory;
  PosixFileSystem files;
  const std::string path = directory.path() + "/log.key";
  const std::vector<std::string> paths = {directory.path() + "/not-there", path};
  REQUIRE(replace_file(files, path, "secret", 0600));
  CHECK(check_secret_files(paths));
  for (const unsigned mode : {0640U, 0604U, 0620U, 0601U, 0666U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    const auto checked = check_secret_files(paths);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().kind == ErrorKind::reject);
    CHECK(checked.error().message.find(path) != std::string::npos);
  }
  REQUIRE(::chmod(path.c_str(), 0400) == 0);
  CHECK(check_secret_files(paths));
  if (::geteuid() == 0) {
    REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
    CHECK_FALSE(check_secret_files(paths));
  }
}

TEST_CASE("a process that holds secrets leaves no core file") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    keep_memory_secret();
    rlimit core{1, 1};
    ::getrlimit(RLIMIT_CORE, &core);
#ifdef __SANITIZE_ADDRESS__
    const bool dumpable = false;
#else
    const bool dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
#endif
    ::_exit(core.rlim_cur == 0 && core.rlim_max == 0 && !dumpable ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace yunjian::ledger
