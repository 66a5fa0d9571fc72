#include "ledger/posix/posix_file_system.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "ledger/testing/temporary_directory.h"

namespace yunjian::ledger {
namespace {

// Files of this process cannot grow beyond `bytes` while the object lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_ = {};
  sighandler_t old_handler_;
};

}  // namespace

TEST_CASE("a full device is reported as full, with operation, path and the system's reason") {
  PosixFileSystem files;
  auto file = files.open_append("/dev/full", 0600);
  REQUIRE(file);
  const auto written = (*file)->append("x");
  REQUIRE_FALSE(written);
  CHECK(written.error().kind == ErrorKind::full);
  CHECK(written.error().message == "write /dev/full: No space left on device");
}

TEST_CASE("a write that stops half way is reported although the kernel wrote some bytes") {
  testing::TemporaryDirectory directory;
  PosixFileSystem files;
  auto file = files.open_append(directory.path() + "/f", 0600);
  REQUIRE(file);
  const FileSizeLimit limit(1000);
  const auto written = (*file)->append(std::string(2000, 'x'));
  REQUIRE_FALSE(written);
  CHECK(written.error().kind == ErrorKind::full);
  CHECK((*file)->size().value() == 1000);
}

TEST_CASE("a failed sync is fatal and the file then refuses everything") {
  PosixFileSystem files;
  auto file = files.open_append("/dev/null", 0600);  // a device that cannot be synced
  REQUIRE(file);
  const auto synced = (*file)->sync();
  REQUIRE_FALSE(synced);
  CHECK(synced.error().kind == ErrorKind::fatal);
  CHECK((*file)->append("x").error().kind == ErrorKind::fatal);
  CHECK((*file)->truncate(0).error().kind == ErrorKind::fatal);
  CHECK((*file)->sync().error().message.find("earlier sync") != std::string::npos);
}

TEST_CASE("a file is made with the mode asked for and keeps it when replaced") {
  testing::TemporaryDirectory directory;
  PosixFileSystem files;
  const std::string path = directory.path() + "/key";
  for (const char* content : {"one", "two"}) {
    REQUIRE(replace_file(files, path, content, 0600));
    struct stat status = {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
}

TEST_CASE("files of /proc, which claim to be empty, are read whole") {
  PosixFileSystem files;
  CHECK(files.read_file("/proc/self/status").value().find("VmRSS") != std::string::npos);
}

TEST_CASE("a file above 1 GiB is not read into memory") {
  testing::TemporaryDirectory directory;
  PosixFileSystem files;
  const std::string path = directory.path() + "/sparse";
  auto file = files.open_append(path, 0600);
  REQUIRE(file);
  REQUIRE((*file)->truncate((std::uint64_t{1} << 30) + 1));
  CHECK(files.read_file(path).error().kind == ErrorKind::full);
  CHECK((*file)->read_at(std::uint64_t{1} << 30, ~std::uint64_t{0}).value() ==
        std::string(1, '\0'));
}

TEST_CASE("a link loop and an overlong name are the path's fault") {
  testing::TemporaryDirectory directory;
  PosixFileSystem files;
  const std::string loop = directory.path() + "/loop";
  std::filesystem::create_symlink(loop, loop);
  CHECK(files.read_file(loop).error().kind == ErrorKind::reject);
  CHECK(files.read_file("/" + std::string(300, 'n')).error().kind == ErrorKind::reject);
}

}  // namespace yunjian::ledger
