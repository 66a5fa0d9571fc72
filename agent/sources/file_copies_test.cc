#include <doctest/doctest.h>

#include <functional>
#include <utility>

#include "agent/sources/testing/tailing_host.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using testing::append;
using Host = testing::TailingHost;
using testing::overwrite;
using testing::wait_for_next_tick;
using Lines = std::vector<std::string>;

// A log that was emptied while the agent was down, filled again and copied, as copytruncate does;
// it is about to be emptied again. The agent knows of all this and has read nothing of it yet.
struct CopiedTwice : Host {
  explicit CopiedTwice(std::string_view pattern) : Host(pattern) {
    append(log(), "1\n");
    poll();
    seal();
    append(log(), "2\n");
    copy_away("app.log.2");
    empty();
    append(log(), "3\n");
    copy_away("app.log.1");
    sink.limit = sink.lines.size() + 1;  // the record of the gap, no line
    start();
    poll();
  }
  void copy_away(const std::string& name) const {
    wait_for_next_tick();
    std::filesystem::copy_file(log(), directory / name);
  }
  void empty() const { std::filesystem::resize_file(log(), 0); }
  void read_on() {
    sink.limit = static_cast<std::size_t>(-1);
    poll();
    poll();
  }
};

TEST_CASE("a copy is read when its original is emptied before anything of that was read") {
  for (const std::string_view pattern : {"app.log", "app.log*"}) {
    for (const bool restarted : {false, true}) {
      for (const bool goes_on : {false, true}) {
        CAPTURE(pattern);
        CAPTURE(restarted);
        CAPTURE(goes_on);
        CopiedTwice host(pattern);
        REQUIRE(host.sink.messages() == Lines{"1"});
        if (restarted) host.restart();
        host.empty();
        if (goes_on) append(host.log(), "a longer line\n");
        host.read_on();
        if (!goes_on) append(host.log(), "a longer line\n");
        host.poll();
        CHECK(host.sink.messages() == Lines{"1", "2", "3", "a longer line"});
        CHECK(host.sink.values("cause") == Lines{"truncated", "truncated"});
      }
    }
  }
}

TEST_CASE("an original that is emptied behind its reading gives its lines itself") {
  for (const std::string_view pattern : {"app.log", "app.log*"}) {
    CAPTURE(pattern);
    CopiedTwice host(pattern);
    host.read_on();
    CHECK(host.sink.messages() == Lines{"1", "2", "3"});
    host.empty();
    host.poll();
    append(host.log(), "a longer line\n");
    host.poll();
    host.restart();
    host.poll();
    CHECK(host.sink.messages() == Lines{"1", "2", "3", "a longer line"});
    CHECK(host.sink.values("cause") == Lines{"truncated", "truncated"});
  }
}

TEST_CASE("truncation in place is noticed and said") {
  Host host;
  append(host.log(), "one\ntwo\n");
  host.poll();
  SUBCASE("when the file is shorter") { overwrite(host.log(), "new\n"); }
  SUBCASE("when it has grown past the old place") {
    overwrite(host.log(), "new\nand much more text than before\n");
  }
  SUBCASE("while the agent was down") {
    host.restart();
    overwrite(host.log(), "new\n");
  }
  host.poll();
  CHECK(host.sink.messages()[2] == "new");
  CHECK(host.sink.values("cause") == Lines{"truncated"});
  CHECK(host.sink.values("offset") == Lines{"8"});
  CHECK(host.sink.values("bytes").empty());  // nobody knows
}

// What logrotate's copytruncate does.
void copy_and_truncate(const Host& host, std::string_view copy) {
  std::filesystem::copy_file(host.log(), host.directory / copy,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(host.log(), 0);
}

enum class Moment { running, down, long_after_copy };

std::string joined(const Lines& lines) {
  std::string text;
  for (const auto& line : lines) text += line + " ";
  return text;
}

void lose_nothing_to_copytruncate(std::string_view pattern, Moment moment) {
  CAPTURE(pattern);
  CAPTURE(static_cast<int>(moment));
  Host host(pattern);
  append(host.log(), "1\n2\n");
  host.poll();
  append(host.log(), "3\n4\n");
  if (moment == Moment::down) host.seal();
  if (moment == Moment::long_after_copy) {
    std::filesystem::copy_file(host.log(), host.directory / "app.log.1");
    host.poll();
    host.restart();
    host.poll();
    std::filesystem::resize_file(host.log(), 0);
  } else {
    copy_and_truncate(host, "app.log.1");
  }
  if (moment == Moment::down) host.start();
  append(host.log(), "5\n");
  host.poll();
  host.restart();
  host.poll();
  CHECK(joined(host.sink.messages()) == "1 2 3 4 5 ");
  host.rename("app.log.1", "app.log.2");
  append(host.log(), "6\n");
  copy_and_truncate(host, "app.log.1");
  append(host.log(), "7\n");
  host.poll();
  host.poll(61s);
  host.restart();
  host.poll();
  CHECK(joined(host.sink.messages()) == "1 2 3 4 5 6 7 ");
  CHECK(joined(host.sink.values("cause")) == "truncated truncated ");
  CHECK(host.sink.values("log") == Lines(9, host.log()));
}

TEST_CASE("what copytruncate took away is read from the copy, once") {
  for (const std::string_view pattern : {"app.log", "app.log*"}) {
    for (const auto moment : {Moment::running, Moment::down, Moment::long_after_copy})
      lose_nothing_to_copytruncate(pattern, moment);
  }
}

TEST_CASE("several copytruncates while the agent is down lose nothing that was copied") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  host.seal();
  append(host.log(), "2\n");
  copy_and_truncate(host, "app.log.1");
  append(host.log(), "3\n");
  host.rename("app.log.1", "app.log.2");
  wait_for_next_tick();
  copy_and_truncate(host, "app.log.1");
  append(host.log(), "4\n");
  host.start();
  host.poll();
  CHECK(joined(host.sink.messages()) == "1 2 3 4 ");
}

// Something happens while the first record is handed over.
struct SlowSink : RecordSink {
  testing::CollectingSink& kept;
  std::function<void()> meanwhile;
  SlowSink(testing::CollectingSink& sink, std::function<void()> what)
      : kept(sink), meanwhile(std::move(what)) {}
  bool take(std::string_view line) override {
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    return kept.take(line);
  }
};

TEST_CASE("a log that is copied and emptied while it is handed over for the first time is whole") {
  Host host;
  append(host.log(), "1\n2\n3\n");
  host.sink.limit = 2;
  SlowSink sink(host.sink, [&] {
    copy_and_truncate(host, "app.log.1");
    append(host.log(), "4\n");
  });
  CHECK(host.tail->poll(host.now, sink));
  host.sink.limit = 100;
  SUBCASE("by the same agent") {}
  SUBCASE("by the next one") { host.restart(); }
  host.poll();
  CHECK(joined(host.sink.messages()) == "1 2 3 4 ");
  CHECK(host.sink.values("cause") == Lines{"truncated"});
}

TEST_CASE("an emptied log that is filled, copied and emptied before anyone looks loses nothing") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  wait_for_next_tick();
  copy_and_truncate(host, "app.log.1");
  host.poll();
  bool runs = true;
  SUBCASE("while the agent runs") {}
  SUBCASE("while it is down") { runs = false; }
  host.seal();
  for (const std::string_view line : {"2\n", "3\n"}) {
    append(host.log(), line);
    if (std::filesystem::exists(host.directory / "app.log.2"))
      host.rename("app.log.2", "app.log.3");
    host.rename("app.log.1", "app.log.2");
    wait_for_next_tick();
    copy_and_truncate(host, "app.log.1");
  }
  append(host.log(), "4\n");
  if (!runs) host.start();
  host.poll();
  host.poll(61s);
  CHECK(joined(host.sink.messages()) == "1 2 3 4 ");
}

TEST_CASE("a copy that is still being written holds up nothing and is not read twice") {
  Host host;
  append(host.log(), "1\n");
  host.poll();
  host.seal();
  append(host.log(), "2\n");
  copy_and_truncate(host, "app.log.2");
  append(host.log(), "3\n5\n");
  wait_for_next_tick();
  const std::string copy = host.directory / "app.log.1";
  append(copy, "");
  host.start();
  host.poll();
  CHECK(joined(host.sink.messages()) == "1 2 3 5 ");
  append(copy, "3\n");
  host.poll();
  append(copy, "5\n");
  host.restart();
  host.poll();
  std::filesystem::resize_file(host.log(), 0);
  append(host.log(), "6\n");
  host.poll();
  host.poll(61s);
  CHECK(joined(host.sink.messages()) == "1 2 3 5 6 ");
}

TEST_CASE("a log that only begins like another is read in full") {
  Host host("app*.log");
  append(host.log(), "banner\n1\n");
  host.poll();
  append(host.directory / "app-2.log", "banner\n");
  host.poll();
  append(host.directory / "app-2.log", "2\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"banner", "1", "banner", "2"});
}

TEST_CASE("truncation tells how much was seen but not read") {
  Host host;
  append(host.log(), "one\ntwo\nthree\n");
  host.sink.limit = 1;
  host.poll();
  overwrite(host.log(), "");
  host.sink.limit = 100;
  host.poll();
  CHECK(host.sink.values("bytes") == Lines{"10"});
}

}  // namespace
}  // namespace yunjian::agent
