#include <doctest/doctest.h>

#include "agent/sources/testing/tailing_host.h"

namespace yunjian::agent {
namespace {

using Lines = std::vector<std::string>;
using testing::append;

// A log that was emptied while the agent was down, filled again and copied, as copytruncate does;
// it is about to be emptied again. The agent knows of all this and has read nothing of it yet.
struct CopiedTwice : testing::TailingHost {
  explicit CopiedTwice(std::string_view pattern) : TailingHost(pattern) {
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
    testing::wait_for_next_tick();
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

}  // namespace
}  // namespace yunjian::agent
