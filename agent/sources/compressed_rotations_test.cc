#include "agent/sources/compressed_rotations.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "agent/sources/testing/tailing_host.h"

namespace yunjian::agent {
namespace {

// What lies beside /log/app.log: names and inodes.
struct Beside {
  std::vector<FoundFile> files;
  std::set<std::uint64_t> followed;
  std::uint64_t nameless = 0;
  CompressedRotations compressed;

  void put(const std::string& name, std::uint64_t inode) {
    files.push_back(
        {.path = "/log/" + name, .inode = inode, .born_ns = static_cast<std::int64_t>(inode)});
  }
  std::uint64_t look() {
    const std::uint64_t count = waiting();
    compressed.told("/log/app.log", count);
    return count;
  }
  std::uint64_t waiting() {
    return compressed.unseen(
        "/log/app.log", files,
        [this](const FoundFile& file) { return followed.contains(file.inode); }, nameless);
  }
};

TEST_CASE("one more compressed copy than followed files that went is a file nobody saw") {
  Beside beside;
  beside.put("app.log.1.gz", 1);
  CHECK(beside.look() == 0);  // there before
  beside.put("app.log.2.gz", 2);
  beside.nameless = 1;  // it was followed
  CHECK(beside.look() == 0);
  beside.put("app.log.3.gz", 3);
  beside.put("app.log.4.xz", 4);
  CHECK(beside.look() == 2);
  CHECK(beside.look() == 0);  // told once
}

TEST_CASE("names that move and copies that are removed change nothing") {
  Beside beside;
  beside.put("app.log.1.gz", 1);
  CHECK(beside.look() == 0);
  beside.files.clear();
  beside.put("app.log.2.gz", 1);
  CHECK(beside.look() == 0);
  beside.files.clear();
  CHECK(beside.look() == 0);
  beside.put("other.log.1.gz", 9);
  beside.put("app.logs.gz", 10);
  CHECK(beside.look() == 0);
}

TEST_CASE("older rotations that were never followed may be compressed later") {
  Beside beside;
  beside.put("app.log.1", 1);
  beside.put("app.log.2", 2);
  beside.followed = {1};
  CHECK(beside.look() == 0);
  beside.files.clear();
  beside.put("app.log.2", 1);
  beside.put("app.log.3.gz", 3);
  CHECK(beside.look() == 0);  // of the stranger
  beside.put("app.log.2.gz", 4);
  CHECK(beside.look() == 0);  // is being made
  beside.files.clear();
  beside.put("app.log.2.gz", 4);
  beside.put("app.log.3.gz", 3);
  beside.nameless = 1;
  CHECK(beside.look() == 0);
}

TEST_CASE("of paths without a file only those met last are kept") {
  CompressedRotations compressed;
  for (int i = 0; i < 100; ++i) compressed.restore(fmt::format("/log/{:03}.log", i), {});
  const auto is_followed = [](const std::string& path) { return path == "/log/099.log"; };
  const auto kept = compressed.ownerless(is_followed);
  REQUIRE(kept.size() == ownerless_paths_max);
  CHECK(kept.front() == "/log/098.log");
  CHECK(kept.back() == "/log/035.log");
}

TEST_CASE("a file that is not followed any more may be compressed later") {
  Beside beside;
  CHECK(beside.look() == 0);
  beside.compressed.let_go("/log/app.log", 700);
  beside.put("app.log.1.gz", 1);
  CHECK(beside.look() == 0);
  CHECK(beside.compressed.last_end("/log/app.log") == 700);
  beside.put("app.log.2.gz", 2);
  CHECK(beside.look() == 1);
}

TEST_CASE("a restart goes on counting") {
  Beside before;
  before.put("app.log.1.gz", 1);
  CHECK(before.look() == 0);
  before.put("app.log.2.gz", 2);
  before.nameless = 1;
  CHECK(before.look() == 0);
  Beside after;
  after.compressed.restore("/log/app.log", before.compressed.mark("/log/app.log").value());
  after.compressed.let_go("/log/app.log", 9);  // the nameless one is not found again
  after.files = before.files;
  SUBCASE("nothing came") { CHECK(after.look() == 0); }
  SUBCASE("one came and went") {
    after.put("app.log.3.gz", 3);
    CHECK(after.look() == 1);
    CHECK(after.look() == 0);
  }
}

TEST_CASE("what nobody wrote down is told again, also after a restart") {
  Beside before;
  CHECK_FALSE(before.compressed.mark("/log/app.log"));  // not looked at: a restart begins anew
  CHECK(before.look() == 0);
  before.put("app.log.1.gz", 1);
  CHECK(before.waiting() == 1);
  CHECK(before.waiting() == 1);
  Beside after;
  after.compressed.restore("/log/app.log", before.compressed.mark("/log/app.log").value());
  after.files = before.files;
  CHECK(after.look() == 1);
  CHECK(after.look() == 0);
}

TEST_CASE("what is known of a path's compressed copies outlasts its last file and a restart") {
  testing::TailingHost host;
  testing::append(host.log(), "1\n");
  host.poll();
  host.rename("app.log", "app.log.1");
  host.poll();
  std::filesystem::remove(host.directory / "app.log.1");
  testing::overwrite(host.directory / "app.log.1.gz", "packed");
  host.poll(std::chrono::hours(1));
  host.poll(std::chrono::hours(1));  // it is let go: no file of this path is followed any more
  host.restart();
  host.poll();
  host.restart();
  testing::wait_for_next_tick();
  SUBCASE("and another one came while the agent was down") {
    host.rename("app.log.1.gz", "app.log.2.gz");
    testing::overwrite(host.directory / "app.log.1.gz", "packed");
    testing::append(host.log(), "3\n");
    host.start();
    host.poll();
    CHECK(host.sink.values("cause") == std::vector<std::string>{"compressed-unread"});
  }
  SUBCASE("and none did") {
    testing::append(host.log(), "3\n");
    host.start();
    host.poll();
    CHECK(host.sink.values("cause").empty());
  }
  CHECK(host.sink.messages() == std::vector<std::string>{"1", "3"});
}

TEST_CASE("what was written behind a file that was read and compressed while the agent was down") {
  using Strings = std::vector<std::string>;
  const auto grow_and_compress = [](const testing::TailingHost& host, const std::string& to) {
    testing::append(host.directory / "app.log.1", "333\n");
    host.compress("app.log.1", to);
  };
  struct Row {
    const char* title;
    std::function<void(const testing::TailingHost&)> happens;
    Strings causes;
    Strings bytes;
  };
  const Row rows[] = {
      {"is named",
       [&](const auto& host) { grow_and_compress(host, "app.log.1.gz"); },
       {"compressed-partly"},
       {"4"}},
      {"is named without a number when another file came and went, too",
       [&](const auto& host) {
         grow_and_compress(host, "app.log.2.gz");
         grow_and_compress(host, "app.log.1.gz");
       },
       {"compressed-partly", "compressed-unread"},
       {}},
      {"is named as possible when the copy does not tell its length",
       [](const auto& host) {
         std::filesystem::remove(host.directory / "app.log.1");
         testing::overwrite(host.directory / "app.log.1.xz", "packed");
       },
       {"compressed-partly"},
       {}},
      {"is nothing", [](const auto& host) { host.compress("app.log.1", "app.log.1.gz"); }, {}, {}},
  };
  for (const Row& row : rows) {
    for (const bool renamed_before : {true, false}) {
      CAPTURE(row.title);
      CAPTURE(renamed_before);
      testing::TailingHost host;
      testing::append(host.log(), "1\n22\n");
      host.poll();
      if (!renamed_before) host.seal();
      host.rename("app.log", "app.log.1");
      if (renamed_before) host.poll();
      if (renamed_before) host.seal();
      testing::wait_for_next_tick();
      row.happens(host);
      testing::append(host.log(), "5\n");
      host.start();
      host.poll();
      host.poll();
      CHECK(host.sink.messages() == Strings{"1", "22", "5"});
      CHECK(host.sink.values("cause") == row.causes);
      CHECK(host.sink.values("bytes") == row.bytes);
      CHECK(host.sink.values("offset") == Strings(row.causes.size(), "5"));
      host.restart();
      host.poll();
      CHECK(host.sink.values("cause") == row.causes);  // told once
    }
  }
}

}  // namespace
}  // namespace yunjian::agent
