#include "ledger/testing/memory_file_system.h"

#include <doctest/doctest.h>

namespace yunjian::ledger::testing {
namespace {

using Paths = std::vector<std::string>;

// A file whose name and first bytes are durable.
std::unique_ptr<File> durable_file(MemoryFileSystem& files, const std::string& path,
                                   std::string_view bytes) {
  auto file = files.open_append(path, 0600);
  REQUIRE(file);
  REQUIRE((*file)->append(bytes));
  REQUIRE((*file)->sync());
  REQUIRE(files.sync_directory(parent_directory(path)));
  return std::move(*file);
}

}  // namespace

TEST_CASE("a power cut takes bytes that were not synced") {
  MemoryFileSystem files;
  auto file = durable_file(files, "/f", "synced");
  REQUIRE(file->append(" lost"));
  files.crash();
  CHECK(files.content("/f").value() == "synced");
}

TEST_CASE("a power cut takes a file whose directory was not synced, content synced or not") {
  MemoryFileSystem files;
  auto file = files.open_append("/f", 0600);
  REQUIRE(file);
  REQUIRE((*file)->append("x"));
  REQUIRE((*file)->sync());
  files.crash();
  CHECK_FALSE(files.exists("/f").value());
}

TEST_CASE("a power cut leaves an empty file when only its name was synced") {
  MemoryFileSystem files;
  auto file = files.open_append("/f", 0600);
  REQUIRE(file);
  REQUIRE((*file)->append("x"));
  REQUIRE(files.sync_directory("/"));
  files.crash();
  CHECK(files.content("/f").value().empty());
}

TEST_CASE("a power cut undoes a rename and a removal whose directory was not synced") {
  MemoryFileSystem files;
  durable_file(files, "/a", "a");
  durable_file(files, "/b", "b");
  durable_file(files, "/c", "c");
  REQUIRE(files.rename("/a", "/b"));
  REQUIRE(files.remove("/c"));
  CHECK(files.paths() == Paths{"/b"});
  files.crash();
  CHECK(files.paths() == Paths{"/a", "/b", "/c"});
  CHECK(files.content("/b").value() == "b");

  REQUIRE(files.rename("/a", "/b"));
  REQUIRE(files.sync_directory("/"));
  files.crash();
  CHECK(files.paths() == Paths{"/b", "/c"});
  CHECK(files.content("/b").value() == "a");
}

TEST_CASE("a power cut takes a directory with all in it when its parent was not synced") {
  MemoryFileSystem files;
  REQUIRE(files.make_directory("/d", 0700));
  durable_file(files, "/d/f", "x");
  files.crash();
  CHECK_FALSE(files.exists("/d").value());

  REQUIRE(files.make_directory("/d", 0700));
  durable_file(files, "/d/f", "x");
  REQUIRE(files.sync_directory("/"));
  files.crash();
  CHECK(files.paths() == Paths{"/d/f"});
}

TEST_CASE("a power cut undoes a truncation that was not synced") {
  MemoryFileSystem files;
  auto file = durable_file(files, "/f", "0123456789");
  REQUIRE(file->truncate(7));
  REQUIRE(file->truncate(4));
  REQUIRE(file->append("new"));
  CHECK(files.content("/f").value() == "0123new");
  files.crash();
  CHECK(files.content("/f").value() == "0123456789");

  file = durable_file(files, "/f", "");
  REQUIRE(file->truncate(4));
  REQUIRE(file->sync());
  files.crash();
  CHECK(files.content("/f").value() == "0123");
}

TEST_CASE("a torn write keeps as many bytes of the unsynced tail as the test decides") {
  MemoryFileSystem files;
  auto file = durable_file(files, "/d", "synced");
  durable_file(files, "/quiet", "q");
  REQUIRE(file->append("-tail"));
  int asked = 0;
  files.crash_keeping([&](const std::string& path, std::uint64_t unsynced) -> std::uint64_t {
    ++asked;
    CHECK(path == "/d");
    CHECK(unsynced == 5);
    return 2;
  });
  CHECK(asked == 1);
  CHECK(files.content("/d").value() == "synced-t");
  files.crash();
  CHECK(files.content("/d").value() == "synced-t");
}

TEST_CASE("files opened before a power cut fail after it, and its locks are free") {
  MemoryFileSystem files;
  auto file = durable_file(files, "/f", "x");
  auto held = files.lock("/lock");
  REQUIRE(held);
  files.crash();
  CHECK(file->append("y").error().kind == ErrorKind::fatal);
  CHECK(file->sync().error().kind == ErrorKind::fatal);
  CHECK_FALSE(file->read_at(0, 1));
  CHECK_FALSE(file->size());
  auto again = files.lock("/lock");
  REQUIRE(again);
  held->reset();  // the dead holder must not free the lock of the living one
  CHECK(files.lock("/lock").error().kind == ErrorKind::retry);
}

TEST_CASE("each fault does to an append what its name says") {
  const std::vector<std::pair<Fault, std::string>> outcomes = {
      {Fault::fail, "base"}, {Fault::fail_after, "base1234"}, {Fault::fail_half, "base12"}};
  for (const auto& [fault, expected] : outcomes) {
    MemoryFileSystem files;
    auto file = durable_file(files, "/f", "base");
    files.fail_nth(1, fault);
    const auto failed = file->append("1234");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().kind == ErrorKind::fatal);
    CHECK(failed.error().message == "append /f: injected fault");
    CHECK(files.content("/f").value() == expected);
    CHECK(file->append(""));  // one fault only
  }
}

TEST_CASE("a failed sync makes nothing durable, one that failed after makes everything durable") {
  for (const Fault fault : {Fault::fail, Fault::fail_after}) {
    MemoryFileSystem files;
    auto file = durable_file(files, "/f", "");
    REQUIRE(file->append("x"));
    files.set_fault_kind(ErrorKind::full);
    files.fail_nth(1, fault);
    CHECK(file->sync().error().kind == ErrorKind::fatal);
    files.crash();
    CHECK(files.content("/f").value() == (fault == Fault::fail ? "" : "x"));
  }
}

TEST_CASE("after a failed sync the file takes nothing more and no second sync") {
  MemoryFileSystem files;
  auto file = durable_file(files, "/f", "");
  files.fail_nth(1, Fault::fail);
  CHECK_FALSE(file->sync());
  CHECK(file->sync().error().kind == ErrorKind::fatal);
  CHECK(file->append("x").error().kind == ErrorKind::fatal);
  CHECK(file->truncate(0).error().kind == ErrorKind::fatal);
}

TEST_CASE("faults hit names as they hit bytes") {
  MemoryFileSystem files;
  durable_file(files, "/a", "a");
  files.fail_nth(1, Fault::fail);
  CHECK_FALSE(files.rename("/a", "/b"));
  CHECK(files.paths() == Paths{"/a"});
  files.fail_nth(1, Fault::fail_after);
  CHECK_FALSE(files.rename("/a", "/b"));
  CHECK(files.paths() == Paths{"/b"});
  files.fail_nth(1, Fault::fail_half);
  CHECK_FALSE(files.remove("/b"));
  CHECK(files.paths() == Paths{"/b"});
  files.fail_nth(1, Fault::fail_after);
  CHECK_FALSE(files.open_append("/c", 0600));
  CHECK(files.paths() == Paths{"/b", "/c"});
  files.fail_nth(1, Fault::fail);
  CHECK_FALSE(files.make_directory("/d", 0700));
  CHECK_FALSE(files.exists("/d").value());
  files.fail_nth(1, Fault::fail);
  CHECK_FALSE(files.sync_directory("/"));
  files.crash();
  CHECK(files.paths() == Paths{"/a"});
}

TEST_CASE("the Nth call fails, and all later ones when asked for ever") {
  MemoryFileSystem files;
  auto file = durable_file(files, "/f", "");
  files.set_fault_kind(ErrorKind::full);
  files.fail_nth(2, Fault::fail, true);
  const std::uint64_t before = files.changing_calls();
  CHECK(file->append("1"));
  CHECK(file->append("2").error().kind == ErrorKind::full);
  CHECK(file->append("3").error().kind == ErrorKind::full);
  CHECK(files.changing_calls() == before + 3);
  files.fail_nth(1, Fault::none);
  CHECK(file->append("4"));
  CHECK(files.content("/f").value() == "14");
}

TEST_CASE("a test's own function sees each operation and decides its fate") {
  MemoryFileSystem files;
  std::vector<std::string> seen;
  files.set_decide([&](std::string_view operation, const std::string& path) {
    seen.push_back(std::string(operation) + " " + path);
    return operation == "rename" ? Fault::fail : Fault::none;
  });
  CHECK_FALSE(replace_file(files, "/state", "new", 0600));
  CHECK(seen == std::vector<std::string>{"open_append /state.new", "append /state.new",
                                         "sync /state.new", "rename /state.new"});
}

TEST_CASE("an operation during which the power is cut fails and leaves nothing") {
  MemoryFileSystem files;
  durable_file(files, "/a", "a");
  files.set_decide([&](std::string_view operation, const std::string&) {
    if (operation == "rename") files.crash();
    return Fault::none;
  });
  CHECK_FALSE(files.rename("/a", "/b"));
  CHECK(files.paths() == Paths{"/a"});
}

TEST_CASE("replace_file leaves the old or the new content whole whatever fails, also after a cut") {
  constexpr std::uint64_t calls = 5;  // open, append, sync, rename, sync directory
  for (std::uint64_t nth = 1; nth <= calls + 1; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
      for (const std::uint64_t survive : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
        CAPTURE(nth);
        CAPTURE(survive);
        MemoryFileSystem files;
        REQUIRE(replace_file(files, "/state", "old content", 0600));
        files.fail_nth(nth, fault);
        const auto done = replace_file(files, "/state", "new", 0600);
        CHECK(done.has_value() == (nth > calls));
        const auto is_whole = [&] {
          const std::string now = files.content("/state").value();
          return now == "new" || (!done && now == "old content");
        };
        CHECK(is_whole());
        files.crash_keeping([&](const std::string&, std::uint64_t) { return survive; });
        CHECK(is_whole());
        files.fail_nth(1, Fault::none);
        REQUIRE(replace_file(files, "/state", "next", 0600));
        files.crash();
        CHECK(files.content("/state").value() == "next");
      }
    }
  }
}

TEST_CASE("a file keeps the mode it was made with, and replace_file asks for the one given") {
  MemoryFileSystem files;
  files.overwrite("/state.new", "left over");
  REQUIRE(replace_file(files, "/state", "secret", 0600));
  CHECK(files.mode("/state").value() == 0600);
}

TEST_CASE("what a test overwrites is durable at once") {
  MemoryFileSystem files;
  files.overwrite("/deep/er/f", "damaged");
  files.crash();
  CHECK(files.content("/deep/er/f").value() == "damaged");
  auto file = files.open_append("deep/er/f", 0600);
  REQUIRE(file);
  CHECK((*file)->append("+"));
  CHECK(files.content("/deep/er/f").value() == "damaged+");
}

}  // namespace yunjian::ledger::testing
