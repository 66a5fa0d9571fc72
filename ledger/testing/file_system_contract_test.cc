// What every FileSystem promises, held against the real one and the one in memory.

#include <doctest/doctest.h>

#include "ledger/base/file_system.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::ledger::testing {
namespace {

struct Posix {
  TemporaryDirectory directory;
  PosixFileSystem files;
  std::string path(const std::string& name) const { return directory.path() + "/" + name; }
};

struct Memory {
  MemoryFileSystem files;
  Memory() { REQUIRE(files.make_directory("/data", 0700)); }
  std::string path(const std::string& name) const { return "/data/" + name; }
};

void write(FileSystem& files, const std::string& path, std::string_view bytes) {
  auto file = files.open_append(path, 0600);
  REQUIRE(file);
  REQUIRE((*file)->append(bytes));
  REQUIRE((*file)->sync());
}

template <typename T>
bool failed_as(const Result<T>& result, ErrorKind kind) {
  return !result && result.error().kind == kind;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_TEMPLATE("appended bytes stand at the end and are read back", Place, Posix, Memory) {
  Place place;
  FileSystem& files = place.files;
  const std::string path = place.path("log");
  write(files, path, "one ");
  write(files, path, "two ");
  auto file = files.open_append(path, 0600);
  REQUIRE(file);
  REQUIRE((*file)->append("three"));
  CHECK((*file)->size().value() == 13);
  CHECK((*file)->read_at(4, 3).value() == "two");
  CHECK((*file)->read_at(8, 100).value() == "three");
  CHECK((*file)->read_at(13, 1).value().empty());
  CHECK((*file)->read_at(~std::uint64_t{0}, ~std::uint64_t{0}).value().empty());
  CHECK((*file)->read_at(0, ~std::uint64_t{0}).value() == "one two three");
  CHECK(files.read_file(path).value() == "one two three");
}

TEST_CASE_TEMPLATE("a large file comes back byte for byte", Place, Posix, Memory) {
  Place place;
  std::string bytes;
  for (int i = 0; i < 3'000'000; ++i) bytes.push_back(static_cast<char>(i * 7 + i / 251));
  write(place.files, place.path("big"), bytes);
  CHECK(place.files.read_file(place.path("big")).value() == bytes);
  auto file = place.files.open_read(place.path("big"));
  REQUIRE(file);
  CHECK((*file)->read_at(1, 2'999'999).value() == bytes.substr(1));
}

TEST_CASE_TEMPLATE("truncate cuts the end and appending goes on there", Place, Posix, Memory) {
  Place place;
  auto file = place.files.open_append(place.path("f"), 0600);
  REQUIRE(file);
  REQUIRE((*file)->append("whole frame, torn fra"));
  REQUIRE((*file)->truncate(11));
  REQUIRE((*file)->append("!"));
  CHECK(place.files.read_file(place.path("f")).value() == "whole frame!");
  REQUIRE((*file)->truncate(14));
  CHECK(place.files.read_file(place.path("f")).value() == std::string("whole frame!\0\0", 14));
}

TEST_CASE_TEMPLATE("a file opened for reading cannot be changed", Place, Posix, Memory) {
  Place place;
  write(place.files, place.path("f"), "evidence");
  auto file = place.files.open_read(place.path("f"));
  REQUIRE(file);
  CHECK((*file)->read_at(0, 8).value() == "evidence");
  CHECK_FALSE((*file)->append("x"));
  CHECK_FALSE((*file)->truncate(0));
  CHECK(place.files.read_file(place.path("f")).value() == "evidence");
}

TEST_CASE_TEMPLATE("what is not there is rejected by name", Place, Posix, Memory) {
  Place place;
  FileSystem& files = place.files;
  const std::string missing = place.path("missing");
  const std::string below = place.path("missing/file");
  CHECK(failed_as(files.open_read(missing), ErrorKind::reject));
  CHECK(failed_as(files.read_file(missing), ErrorKind::reject));
  CHECK(failed_as(files.list(missing), ErrorKind::reject));
  CHECK(failed_as(files.remove(missing), ErrorKind::reject));
  CHECK(failed_as(files.rename(missing, place.path("x")), ErrorKind::reject));
  CHECK(failed_as(files.sync_directory(missing), ErrorKind::reject));
  CHECK(failed_as(files.open_append(below, 0600), ErrorKind::reject));
  CHECK(failed_as(files.make_directory(below, 0700), ErrorKind::reject));
  CHECK(failed_as(files.lock(below), ErrorKind::reject));
  CHECK_FALSE(files.exists(missing).value());
  CHECK_FALSE(files.exists(below).value());
  const std::string message = files.read_file(missing).error().message;
  CHECK(message.find(missing) != std::string::npos);
  CHECK(message.find("No such file or directory") != std::string::npos);
}

TEST_CASE_TEMPLATE("a file is no directory and a directory no file", Place, Posix, Memory) {
  Place place;
  FileSystem& files = place.files;
  write(files, place.path("file"), "x");
  REQUIRE(files.make_directory(place.path("dir"), 0700));
  CHECK(failed_as(files.make_directory(place.path("file"), 0700), ErrorKind::reject));
  CHECK(failed_as(files.list(place.path("file")), ErrorKind::reject));
  CHECK(failed_as(files.sync_directory(place.path("file")), ErrorKind::reject));
  CHECK(failed_as(files.open_append(place.path("file/below"), 0600), ErrorKind::reject));
  CHECK(failed_as(files.open_append(place.path("dir"), 0600), ErrorKind::reject));
  CHECK(failed_as(files.read_file(place.path("dir")), ErrorKind::reject));
  CHECK(failed_as(files.rename(place.path("file"), place.path("dir")), ErrorKind::reject));
  CHECK(failed_as(files.rename(place.path("dir"), place.path("file")), ErrorKind::reject));
}

TEST_CASE_TEMPLATE("names are listed sorted, files and directories alike", Place, Posix, Memory) {
  Place place;
  FileSystem& files = place.files;
  REQUIRE(files.make_directory(place.path("d"), 0700));
  CHECK(files.list(place.path("d")).value().empty());
  for (const char* name : {"b", "a", "10", "9", "云", ".hidden", "B"}) {
    write(files, place.path("d") + "/" + name, "x");
  }
  REQUIRE(files.make_directory(place.path("d/sub"), 0700));
  write(files, place.path("d/sub/deep"), "x");
  CHECK(files.list(place.path("d")).value() ==
        Names{".hidden", "10", "9", "B", "a", "b", "sub", "云"});
}

TEST_CASE_TEMPLATE("making a directory that is there is well", Place, Posix, Memory) {
  Place place;
  REQUIRE(place.files.make_directory(place.path("d"), 0700));
  write(place.files, place.path("d/f"), "x");
  CHECK(place.files.make_directory(place.path("d"), 0700));
  CHECK(place.files.exists(place.path("d")).value());
  CHECK(place.files.exists(place.path("d/f")).value());
}

TEST_CASE_TEMPLATE("rename replaces a file and carries a directory's content", Place, Posix,
                   Memory) {
  Place place;
  FileSystem& files = place.files;
  write(files, place.path("old"), "old");
  write(files, place.path("new"), "new");
  REQUIRE(files.rename(place.path("new"), place.path("old")));
  CHECK(files.read_file(place.path("old")).value() == "new");
  CHECK_FALSE(files.exists(place.path("new")).value());
  REQUIRE(files.rename(place.path("old"), place.path("old")));
  CHECK(files.read_file(place.path("old")).value() == "new");

  REQUIRE(files.make_directory(place.path("building"), 0700));
  write(files, place.path("building/column"), "c");
  REQUIRE(files.rename(place.path("building"), place.path("part")));
  CHECK(files.read_file(place.path("part/column")).value() == "c");
  CHECK_FALSE(files.exists(place.path("building")).value());
}

TEST_CASE_TEMPLATE("a removed file is gone by name but an open handle still reads it", Place, Posix,
                   Memory) {
  Place place;
  FileSystem& files = place.files;
  write(files, place.path("f"), "evidence");
  auto file = files.open_read(place.path("f"));
  REQUIRE(file);
  REQUIRE(files.remove(place.path("f")));
  CHECK_FALSE(files.exists(place.path("f")).value());
  CHECK((*file)->read_at(0, 100).value() == "evidence");
}

TEST_CASE_TEMPLATE("only an empty directory is removed", Place, Posix, Memory) {
  Place place;
  FileSystem& files = place.files;
  REQUIRE(files.make_directory(place.path("d"), 0700));
  write(files, place.path("d/f"), "x");
  CHECK(failed_as(files.remove(place.path("d")), ErrorKind::reject));
  CHECK(files.read_file(place.path("d/f")).value() == "x");
  REQUIRE(files.remove(place.path("d/f")));
  REQUIRE(files.remove(place.path("d")));
  CHECK_FALSE(files.exists(place.path("d")).value());
}

TEST_CASE_TEMPLATE("a lock is held until its object goes", Place, Posix, Memory) {
  Place place;
  auto held = place.files.lock(place.path("lock"));
  REQUIRE(held);
  CHECK(failed_as(place.files.lock(place.path("lock")), ErrorKind::retry));
  CHECK(place.files.lock(place.path("other")));
  held->reset();
  CHECK(place.files.lock(place.path("lock")));
}

TEST_CASE_TEMPLATE("replace_file puts the whole new content in place", Place, Posix, Memory) {
  Place place;
  FileSystem& files = place.files;
  const std::string path = place.path("state");
  REQUIRE(replace_file(files, path, "first", 0600));
  CHECK(files.read_file(path).value() == "first");
  REQUIRE(replace_file(files, path, "2", 0600));
  CHECK(files.read_file(path).value() == "2");
  write(files, path + ".new", "left by a crash");
  REQUIRE(replace_file(files, path, "third", 0600));
  CHECK(files.read_file(path).value() == "third");
  CHECK_FALSE(files.exists(path + ".new").value());
  CHECK(failed_as(replace_file(files, place.path("no/state"), "x", 0600), ErrorKind::reject));
}

TEST_CASE("paths are taken apart and joined as the shell would") {
  CHECK(parent_directory("/var/lib/yunjian/state") == "/var/lib/yunjian");
  CHECK(parent_directory("/var/lib//yunjian/") == "/var/lib");
  CHECK(parent_directory("/state") == "/");
  CHECK(parent_directory("/") == "/");
  CHECK(parent_directory("state") == ".");
  CHECK(parent_directory("") == ".");
  CHECK(join_path("/var", "lib") == "/var/lib");
  CHECK(join_path("/var/", "lib") == "/var/lib");
  CHECK(join_path("/", "lib") == "/lib");
  CHECK(join_path("", "lib") == "lib");
}

}  // namespace yunjian::ledger::testing
