// How a file source learns of changes, and what it does where nobody tells it.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/sources/testing/tailing_host.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using testing::append;
using Host = testing::TailingHost;
using Lines = std::vector<std::string>;

// While it lives the process can open nothing more.
struct NoMoreDescriptors {
  rlimit before{};
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before);
    const int next = dup(0);
    REQUIRE(next >= 0);
    close(next);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(next);
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before); }
};

TEST_CASE("without inotify every file is looked at every second and new ones are found") {
  Host host("*.log");
  {
    const NoMoreDescriptors none;
    host.start();
  }
  REQUIRE(host.tail->wake_descriptor() == -1);
  for (int i = 0; i < 200; ++i)
    append(host.directory / fmt::format("{:03}.log", i), fmt::format("{}\n", i));
  host.poll();
  REQUIRE(host.sink.lines.size() == 200);
  append(host.directory / "150.log", "more\n");
  host.poll();
  CHECK(host.sink.messages().back() == "more");
  append(host.directory / "new.log", "new\n");
  host.poll(11s);
  CHECK(host.sink.messages().back() == "new");
}

std::size_t queued_events_max() {
  std::size_t count = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> count;
  return count;
}

TEST_CASE("when the kernel's queue of changes overflows, nothing is lost") {
  const std::size_t count = queued_events_max() + 1000;
  if (count > 100'000) {
    MESSAGE("SKIPPED: this kernel keeps " << count << " changes");
    return;
  }
  Host host("*.log");
  append(host.directory / "a.log", "");
  append(host.directory / "b.log", "");
  host.poll();
  std::ofstream a(host.directory / "a.log", std::ios::app);
  std::ofstream b(host.directory / "b.log", std::ios::app);
  for (std::size_t i = 0; i < count / 2; ++i) {
    a << i << std::endl;
    b << i << std::endl;
  }
  append(host.directory / "c.log", "c\n");
  host.poll(1ms);
  host.poll(1s);
  CHECK(host.sink.lines.size() == count / 2 * 2 + 1);
}

TEST_CASE("a file that is reached by two names is read once") {
  Host host("*.log");
  append(host.directory / "real.log", "1\n");
  std::filesystem::create_symlink(host.directory / "real.log", host.directory / "link.log");
  std::filesystem::create_hard_link(host.directory / "real.log", host.directory / "other.log");
  host.poll();
  append(host.directory / "real.log", "2\n");
  host.poll();
  host.restart();
  append(host.directory / "real.log", "3\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "3"});
}

TEST_CASE("a link that goes to another file is followed there, the old one read to its end") {
  Host host("current.log");
  append(host.directory / "a", "1\n");
  std::filesystem::create_symlink("a", host.directory / "current.log");
  host.poll();
  append(host.directory / "a", "2\n");
  append(host.directory / "b", "3\n");
  std::filesystem::create_symlink("b", host.directory / "next");
  host.rename("next", "current.log");
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "3"});
  append(host.directory / "b", "4\n");
  host.poll();
  CHECK(host.sink.messages().back() == "4");
}

TEST_CASE("a link that leads nowhere is no file yet") {
  Host host("current.log");
  std::filesystem::create_symlink("a", host.directory / "current.log");
  host.poll();
  CHECK(host.sink.lines.empty());
  append(host.directory / "a", "1\n");
  host.poll(61s);
  CHECK(host.sink.messages() == Lines{"1"});
}

TEST_CASE("a thousand files are followed at once, and quiet ones cost no reads") {
  Host host("*.log");
  for (int i = 0; i < 1000; ++i)
    append(host.directory / fmt::format("{:04}.log", i), fmt::format("{}\n", i));
  host.poll();
  CHECK(host.sink.lines.size() == 1000);
  append(host.directory / "0777.log", "more\n");
  host.poll(1ms);
  CHECK(host.sink.messages().back() == "more");
  host.restart();
  append(host.directory / "0778.log", "after the restart\n");
  host.poll();
  CHECK(host.sink.lines.size() == 1002);
}

// copytruncate, with a writer that goes on in between.
void copy_and_empty_late(const Host& host, std::string_view late) {
  const auto copy = host.directory / "app.log.1";
  if (std::filesystem::exists(copy)) host.rename("app.log.1", "app.log.2");
  std::filesystem::copy_file(host.log(), copy);
  append(host.log(), late);
  std::filesystem::resize_file(host.log(), 0);
}

TEST_CASE("what is written behind each of several copies is named, one gap each") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  host.seal();
  append(host.log(), "2\n");
  copy_and_empty_late(host, "lost\n");
  append(host.log(), "33\n");
  testing::wait_for_next_tick();
  copy_and_empty_late(host, "lost too\n");
  append(host.log(), "4\n");
  SUBCASE("at once") {
    host.start();
    host.poll();
  }
  SUBCASE("one record at a time, with restarts") {
    host.start();
    for (std::size_t limit = 2; limit < 12; ++limit) {
      host.sink.limit = limit;
      host.poll();
      host.restart();
    }
  }
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "33", "4"});
  CHECK(host.sink.values("cause") == Lines{"truncated", "truncated"});
  CHECK(host.sink.values("offset") == Lines{"4", "3"});
}

TEST_CASE("files of several logs that came and went unseen are named one by one, however full") {
  Host host("*.log");
  const std::vector<std::string> names{"a.log", "b.log"};
  for (const std::string& name : names) append(host.directory / name, "1\n");
  host.poll();
  host.seal();
  testing::wait_for_next_tick();
  for (const std::string& name : names) testing::overwrite(host.directory / (name + ".1.gz"), "p");
  host.start();
  for (std::size_t limit = 2; limit < 8; ++limit) {
    host.sink.limit = limit;
    host.poll();
    host.restart();
  }
  CHECK(host.sink.values("cause") == Lines{"compressed-unread", "compressed-unread"});
  CHECK(host.sink.values("offset") == Lines{"2", "2"});
}

}  // namespace
}  // namespace yunjian::agent
