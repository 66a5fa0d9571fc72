#include "agent/sources/file_tail.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "agent/sources/testing/tailing_host.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using testing::append;
using Host = testing::TailingHost;
using testing::overwrite;
using testing::wait_for_next_tick;
using Lines = std::vector<std::string>;

TEST_CASE("each line of a file becomes one record, byte for byte and in order") {
  Host host;
  append(host.log(), "first\nsecond \\ \"quoted\"\n\n四\r\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"first", "second \\ \"quoted\"", "", "四\r"});
  CHECK(host.sink.values("log") == Lines(4, host.log()));
  CHECK(host.sink.values("source") == Lines(4, "file"));
  CHECK(host.sink.values("kind") == Lines(4, "event"));
  append(host.log(), "later\n");
  host.poll();
  CHECK(host.sink.messages().back() == "later");
  CHECK(host.sink.lines.size() == 5);
}

TEST_CASE("bytes that are no text survive") {
  Host host;
  append(host.log(), "nul\0in\nbad \xff\xfe back\\slash\n\xb9\xfa\xb1\xea\n"sv);
  host.poll();
  REQUIRE(host.sink.lines.size() == 3);
  CHECK(host.sink.messages()[0] == std::string("nul\0in", 6));
  CHECK(host.sink.values("encoding") == Lines{"escaped", "escaped"});
  const auto back = ledger::unescape_bytes(host.sink.messages()[1]);
  REQUIRE(back);
  CHECK(*back == "bad \xff\xfe back\\slash");
  CHECK(ledger::unescape_bytes(host.sink.messages()[2]).value() == "\xb9\xfa\xb1\xea");
}

TEST_CASE("a restart goes on exactly behind the last sealed record") {
  Host host;
  append(host.log(), "1\n2\n3\n4\n");
  host.sink.limit = 2;
  CHECK(host.poll());
  host.restart();
  host.sink.limit = 3;
  CHECK(host.poll());
  host.start();  // killed: record 3 was handed out but not sealed
  host.sink.lines.pop_back();
  host.sink.limit = 100;
  CHECK_FALSE(host.poll());
  CHECK(host.sink.messages() == Lines{"1", "2", "3", "4"});
}

TEST_CASE("a rotated file is read to its end before its successor") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  append(host.log(), "2\n");
  host.rename("app.log", "app.log.1");
  append(host.log(), "4\n");
  append(host.directory / "app.log.1", "3\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "3", "4"});
  CHECK(host.sink.values("log") == Lines(4, host.log()));
  SUBCASE("and its writer may go on for a while") {
    append(host.directory / "app.log.1", "5\n");
    host.poll();
    CHECK(host.sink.messages().back() == "5");
  }
}

TEST_CASE("what is written to a renamed log before its successor is made comes before it") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  host.rename("app.log", "app.log.1");
  host.poll();
  append(host.directory / "app.log.1", "2\n");
  append(host.log(), "3\n");
  host.poll(300ms);  // too soon to look at files that nobody tells of
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "3"});
}

TEST_CASE("a file that was rotated while the agent was down is found by its inode") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  append(host.log(), "2\n");
  host.seal();
  wait_for_next_tick();
  host.rename("app.log", "app.log.1");
  append(host.log(), "3\n");
  SUBCASE("once") {
    host.start();
    host.poll();
    CHECK(host.sink.messages() == Lines{"1", "2", "3"});
  }
  SUBCASE("twice, with a file in between that nobody ever saw") {
    host.rename("app.log.1", "app.log.2");
    host.rename("app.log", "app.log.1");
    wait_for_next_tick();
    append(host.log(), "4\n");
    host.start();
    host.poll();
    CHECK(host.sink.messages() == Lines{"1", "2", "3", "4"});
  }
  SUBCASE("and compressed: what cannot be read is named") {
    host.compress("app.log.1", "app.log.1.gz");
    host.start();
    host.poll();
    CHECK(host.sink.messages() == Lines{"1", "3"});
    CHECK(host.sink.values("cause") == Lines{"compressed-partly"});
    CHECK(host.sink.values("offset") == Lines{"2"});
  }
}

TEST_CASE("what was not read of a rotated file is named though it was never looked at again") {
  Host host("*.log");
  append(host.directory / "a.log", "x\n");
  append(host.log(), "1\n");
  host.poll();
  append(host.directory / "a.log", "y\n");
  append(host.log(), "2\n");
  host.rename("app.log", "app.log.1");
  append(host.log(), "3\n");
  host.sink.limit = 2;
  CHECK(host.poll());
  host.seal();
  std::filesystem::remove(host.directory / "app.log.1");
  host.sink.limit = 100;
  host.start();
  host.poll();
  CHECK(host.sink.values("cause") == Lines{"gone"});
  CHECK(host.sink.values("offset") == Lines{"2"});
  CHECK(host.sink.values("bytes") == Lines{"2"});
}

TEST_CASE("several rotations between two looks lose nothing") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  for (int i = 2; i <= 4; ++i) {
    for (int k = i; k >= 1; --k) {
      const std::string from = k == 1 ? "app.log" : fmt::format("app.log.{}", k - 1);
      if (std::filesystem::exists(host.directory / from))
        host.rename(from, fmt::format("app.log.{}", k));
    }
    wait_for_next_tick();
    append(host.log(), fmt::format("{}\n", i));
  }
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "3", "4"});
}

TEST_CASE("a copy that somebody keeps beside a rotated log is not read again") {
  Host host;
  append(host.log(), "1\n2\n");
  host.poll();
  host.rename("app.log", "app.log.1");
  wait_for_next_tick();
  std::filesystem::copy_file(host.directory / "app.log.1", host.directory / "app.log.bak");
  host.poll();
  host.restart();
  append(host.log(), "3\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "3"});
}

TEST_CASE("older rotations of a new log are not read") {
  Host host;
  append(host.directory / "app.log.1", "old\n");
  append(host.log(), "1\n");
  host.poll();
  host.rename("app.log.1", "app.log.2");
  host.rename("app.log", "app.log.1");
  append(host.log(), "2\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2"});
}

TEST_CASE("a file that came, was compressed and went between two looks is named") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  std::filesystem::remove(host.log());  // its copy, and that of one that nobody saw
  overwrite(host.directory / "app.log.2.gz", "packed");
  overwrite(host.directory / "app.log.1.gz", "packed");
  append(host.log(), "3\n");
  host.poll();
  append(host.log(), "4\n");
  host.poll(11s);
  CHECK(host.sink.messages() == Lines{"1", "3", "4"});
  CHECK(host.sink.values("cause") == Lines{"compressed-unread"});
  CHECK(host.sink.values("offset") == Lines{"2"});
}

TEST_CASE("a file that came, was compressed and went while the agent was down is named") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  append(host.log(), "22\n");
  host.rename("app.log", "app.log.1");
  host.poll();
  host.seal();
  wait_for_next_tick();
  host.compress("app.log.1", "app.log.2.gz");
  SUBCASE("and one that was read") {
    append(host.log(), "3\n");
    host.start();
    host.poll();
    CHECK(host.sink.values("cause").empty());
  }
  SUBCASE("behind the one that was read") {
    overwrite(host.directory / "app.log.1.gz", "packed");
    append(host.log(), "3\n");
    host.start();
    host.poll();
    CHECK(host.sink.values("cause") == Lines{"compressed-unread"});
    CHECK(host.sink.values("offset") == Lines{"5"});
  }
  CHECK(host.sink.messages() == Lines{"1", "22", "3"});
}

TEST_CASE("a rotation that is compressed long after it was read is no loss") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  host.rename("app.log", "app.log.1");
  append(host.log(), "2\n");
  host.poll();
  host.poll(3600s);
  host.poll(3600s);  // long enough to be let go
  std::filesystem::remove(host.directory / "app.log.1");
  host.rename("app.log", "app.log.1");
  overwrite(host.directory / "app.log.2.gz", "packed");
  append(host.log(), "3\n");
  SUBCASE("while the agent runs") { host.poll(); }
  SUBCASE("while the agent is down") {
    host.restart();
    host.poll();
  }
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "3"});
  CHECK(host.sink.values("cause").empty());
}

TEST_CASE("a pattern that matches rotated names reads no file twice") {
  Host host("app.log*");
  append(host.log(), "1\n");
  host.poll();
  host.rename("app.log", "app.log.1");
  append(host.log(), "2\n");
  host.poll();
  host.restart();
  host.poll();
  overwrite(host.directory / "app.log.1.gz", "packed\n");
  host.poll(11s);
  CHECK(host.sink.messages() == Lines{"1", "2"});
}

TEST_CASE("a deleted file is still read while it is open") {
  Host host;
  const int writer = open(host.log().c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  REQUIRE(write(writer, "1\n", 2) == 2);
  host.poll();
  std::filesystem::remove(host.log());
  REQUIRE(write(writer, "2\n", 2) == 2);
  host.poll();
  REQUIRE(write(writer, "3\n", 2) == 2);
  host.poll();
  close(writer);
  CHECK(host.sink.messages() == Lines{"1", "2", "3"});
}

// Puts another file with the inode of the log in its place; false: the file system gave no such.
bool replace_with_same_inode(const Host& host, std::string_view text) {
  struct stat before {};
  if (stat(host.log().c_str(), &before) != 0) return false;
  wait_for_next_tick();
  std::filesystem::remove(host.log());
  for (int i = 0; i < 1000; ++i) {
    const std::string candidate = host.directory / fmt::format("candidate{}", i);
    overwrite(candidate, text);
    struct stat now {};
    if (stat(candidate.c_str(), &now) != 0 || now.st_ino != before.st_ino) continue;
    std::filesystem::rename(candidate, host.log());
    return true;
  }
  return false;
}

TEST_CASE("a reused inode is not taken for the file that had it") {
  Host host;
  append(host.log(), "old text of some length\n");
  bool read = true;
  SUBCASE("that was read") {
    host.poll();
    append(host.log(), "more\n");
    host.seal();
  }
  SUBCASE("of which nothing was read yet") {
    host.sink.limit = 0;
    host.poll();
    host.seal();
    host.sink.limit = 100;
    read = false;
  }
  host.tail.reset();
  const std::string text = "another file with other text, and longer";
  if (!replace_with_same_inode(host, text + "\n")) {
    MESSAGE("SKIPPED: this file system gives no inode twice");
    return;
  }
  host.start();
  host.poll();
  CHECK(host.sink.messages().back() == text);
  CHECK(host.sink.values("cause") == Lines{"gone"});
  CHECK(host.sink.values("offset") == Lines{read ? "24" : "0"});
}

TEST_CASE("two files that begin alike are both read") {
  Host host("*.log");
  const std::string same(2000, 'x');
  append(host.directory / "a.log", same + "\na\n");
  append(host.directory / "b.log", same + "\nb\n");
  host.poll();
  host.restart();
  append(host.directory / "b.log", "b2\n");
  host.poll();
  const auto messages = host.sink.messages();
  REQUIRE(messages.size() == 5);
  CHECK(messages[4] == "b2");
}

TEST_CASE("an unfinished line waits for its end") {
  Host host;
  append(host.log(), "half");
  host.poll();
  CHECK(host.sink.lines.empty());
  append(host.log(), " and half\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"half and half"});
}

TEST_CASE("a line that stays unfinished is handed over once and said to go on") {
  Host host;
  append(host.log(), "no newline");
  host.poll();
  host.poll(6s);
  CHECK(host.sink.messages() == Lines{"no newline"});
  CHECK(host.sink.values("part") == Lines{"+"});
  host.restart();
  SUBCASE("its newline alone makes no record") {
    append(host.log(), "\nnext\n");
    host.poll();
    CHECK(host.sink.messages() == Lines{"no newline", "next"});
  }
  SUBCASE("the rest of the line is the next record") {
    append(host.log(), " rest\nnext\n");
    host.poll();
    CHECK(host.sink.messages() == Lines{"no newline", " rest", "next"});
  }
}

TEST_CASE("long lines are split into numbered parts that give the line back") {
  Host host;
  std::string line;
  for (int i = 0; line.size() < 200'000; ++i) line += fmt::format("{}云\t", i);
  append(host.log(), line + "\nshort\n");
  SUBCASE("in one go") { host.poll(); }
  SUBCASE("stopped and restarted between the parts") {
    for (std::size_t limit = 1; host.poll() || host.sink.lines.size() == limit; ++limit) {
      host.sink.limit = limit;
      host.restart();
    }
  }
  std::string joined;
  const auto messages = host.sink.messages();
  REQUIRE(messages.size() >= 5);
  for (std::size_t i = 0; i + 1 < messages.size(); ++i) joined += messages[i];
  CHECK(joined == line);
  CHECK(messages.back() == "short");
  const auto parts = host.sink.values("part");
  CHECK(parts.front() == fmt::format("1/{}", parts.size()));
  CHECK(parts.back() == fmt::format("{0}/{0}", parts.size()));
  for (const auto& record : host.sink.lines) CHECK(record.size() <= ledger::record_bytes_max);
}

TEST_CASE("a line without end is handed over in stretches and loses no byte") {
  Host host;
  std::string line(3'500'000, '\0');
  for (std::size_t i = 0; i < line.size(); ++i) line[i] = static_cast<char>('a' + i % 23);
  append(host.log(), line + "\nshort\n");
  host.poll();
  std::string joined;
  for (const auto& message : host.sink.messages()) joined += message;
  CHECK(joined == line + "short");
  CHECK(host.sink.values("part").front() == "+");
}

TEST_CASE("new files are found, also in directories that appear later") {
  Host host("*/x.log");
  host.poll();
  std::filesystem::create_directory(host.directory / "sub");
  host.poll();
  append(host.directory / "sub/x.log", "hello\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"hello"});
}

TEST_CASE("the wake descriptor becomes readable when a followed file grows") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  host.poll();
  fd_set set;
  FD_ZERO(&set);
  const int descriptor = host.tail->wake_descriptor();
  REQUIRE(descriptor >= 0);
  append(host.log(), "2\n");
  FD_SET(descriptor, &set);
  timeval limit{5, 0};
  CHECK(select(descriptor + 1, &set, nullptr, nullptr, &limit) == 1);
  host.poll(1us);
  CHECK(host.sink.messages() == Lines{"1", "2"});
}

TEST_CASE("files that are there at the first start can be skipped, later ones cannot") {
  Host host("*.log");
  host.options.start = FileStart::end;
  host.start();
  append(host.log(), "old\n");
  host.poll();
  append(host.log(), "new\n");
  append(host.directory / "b.log", "b\n");
  host.poll();
  host.restart();
  append(host.directory / "c.log", "c\n");
  host.poll();
  auto messages = host.sink.messages();
  std::sort(messages.begin(), messages.end());
  CHECK(messages == Lines{"b", "c", "new"});
}

// Root may read everything, so a test that runs as root acts as somebody else for a while.
struct Unprivileged {
  bool changed = geteuid() == 0 && seteuid(65534) == 0;
  ~Unprivileged() {
    if (changed) CHECK(seteuid(0) == 0);
  }
};

TEST_CASE("an unreadable file is said once and read when it can be") {
  Host host;
  append(host.log(), "secret\n");
  chmod((host.directory / ".").c_str(), 0755);
  chmod(host.log().c_str(), 0);
  {
    const Unprivileged somebody;
    host.poll();
    host.poll(11s);
    host.poll(11s);
  }
  CHECK(host.sink.values("cause") == Lines{"unreadable"});
  CHECK(host.sink.values("detail")[0].find("Permission denied") != std::string::npos);
  chmod(host.log().c_str(), 0644);
  host.poll(11s);
  CHECK(host.sink.messages() == Lines{"secret"});
}

TEST_CASE("a position that cannot be understood starts anew and says so") {
  Host host;
  append(host.log(), "1\n");
  host.sealed = "files/v1;not a place";
  host.start();
  host.poll();
  CHECK(host.sink.values("cause") == Lines{"position-lost"});
  CHECK(host.sink.messages() == Lines{"1"});
}

TEST_CASE("a gap that the sink refuses is offered again") {
  Host host;
  append(host.log(), "1\n2\n");
  host.poll();
  overwrite(host.log(), "3\n");
  host.sink.limit = 2;
  CHECK(host.poll());
  CHECK(host.poll());
  host.restart();
  host.sink.limit = 100;
  host.poll();
  CHECK(host.sink.values("cause") == Lines{"truncated"});
  CHECK(host.sink.messages() == Lines{"1", "2", "3"});
}

TEST_CASE("one busy file does not keep another from being read") {
  Host host("*.log");
  append(host.directory / "a.log", std::string(4'000'000, 'x').replace(100, 1, "\n"));
  std::string busy;
  for (int i = 0; i < 100'000; ++i) busy += "a line of the busy file\n";
  overwrite(host.directory / "a.log", busy);
  append(host.directory / "b.log", "quiet\n");
  host.sink.limit = 50'000;
  CHECK(host.poll());
  const auto logs = host.sink.values("log");
  CHECK(std::find(logs.begin(), logs.end(), host.directory / "b.log") != logs.end());
}

// Writes numbered lines and rotates by renaming, as fast as it can.
void write_and_rotate(const Host& host, int lines, int lines_per_file) {
  int rotations = 0;
  for (int line = 0; line < lines;) {
    std::ofstream out(host.log(), std::ios::app | std::ios::binary);
    // The writer goes on for a while after its file was renamed, as real ones do.
    for (int i = 0; i < lines_per_file && line < lines; ++i) {
      if (i == lines_per_file - 20) host.rename("app.log", fmt::format("app.log.{}", ++rotations));
      out << "line " << line++ << '\n' << std::flush;
    }
    wait_for_next_tick();
  }
}

TEST_CASE("under rotation, refusals and restarts every line comes exactly once and in order") {
  constexpr int lines = 30'000;
  Host host;
  append(host.log(), "");
  host.poll();  // what was rotated away before the first look is not ours
  std::atomic<bool> done = false;
  std::thread writer([&] {
    write_and_rotate(host, lines, 400);
    done = true;
  });
  std::minstd_rand random(20261122);
  const auto limit = std::chrono::steady_clock::now() + 60s;
  bool finished = false;
  while (!finished && std::chrono::steady_clock::now() < limit) {
    finished = done;
    host.sink.limit = host.sink.lines.size() + random() % 3000;
    finished = !host.poll(random() % 2 == 0 ? 1s : 1ms) && finished;
    if (random() % 4 == 0) host.restart();
  }
  writer.join();
  host.sink.limit = lines * 2;
  host.poll();
  host.poll(61s);
  const auto messages = host.sink.messages();
  REQUIRE(host.sink.lines.size() == lines);
  for (int i = 0; i < lines; ++i)
    REQUIRE(messages[static_cast<std::size_t>(i)] == fmt::format("line {}", i));
}

TEST_CASE("a position survives any path") {
  FilePlace place;
  place.path = "/var/log/a b;c%d\n云.log";
  place.device = 2049;
  place.inode = 7;
  place.fingerprint = {1024, 0xFFEEDDCCBBAA9988U};
  place.offset = 5;
  place.size = 9;
  place.parts = 3;
  place.line_open = true;
  place.rotated = true;
  const auto text = format_places({place, place});
  CHECK(text.find('\n') == std::string::npos);
  const auto back = parse_places(text);
  REQUIRE(back);
  REQUIRE(back->size() == 2);
  CHECK(format_places(*back) == text);
  CHECK(back->front().path == place.path);
  for (std::size_t cut = 9; cut + 1 < text.size(); ++cut) (void)parse_places(text.substr(0, cut));
}

}  // namespace
}  // namespace yunjian::agent
