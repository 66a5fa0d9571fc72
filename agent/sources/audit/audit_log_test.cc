#include "agent/sources/audit/audit_log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "agent/sources/audit/testing/sample_log.h"
#include "agent/sources/testing/collecting_sink.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using testing::append;
using testing::denied_event;
using testing::exec_event;
using testing::file_text;
using testing::joined;
using Lines = std::vector<std::string>;

// An agent over one audit.log that can be killed and started again.
struct Host {
  testing::TemporaryDirectory directory;
  std::unique_ptr<AuditLog> source;
  testing::CollectingSink sink;
  std::string sealed;
  std::size_t sealed_lines = 0;
  ledger::Time now{1764403200s};

  Host() { start(); }
  std::string log() const { return directory / "audit.log"; }
  void start() {
    source = std::make_unique<AuditLog>(log());
    source->restore(sealed);
  }
  bool poll(std::chrono::microseconds later = 1s) {
    now += later;
    return source->poll(now, sink);
  }
  void seal() {
    sealed = source->position();
    sealed_lines = sink.lines.size();
  }
  // What was handed over behind the last seal never became durable.
  void crash() {
    sink.lines.resize(sealed_lines);
    start();
  }
};

TEST_CASE("events of an audit log become records with their raw lines") {
  Host host;
  append(host.log(), file_text({exec_event[0], denied_event[0], exec_event[1], denied_event[1],
                                exec_event[2], exec_event[3], denied_event[2], exec_event[4],
                                denied_event[3], exec_event[5]}) +
                         testing::sudo_line + "\n");
  host.poll();
  CHECK(host.sink.messages() ==
        Lines{joined(denied_event, "\n"), joined(exec_event, "\n"), testing::sudo_line});
  CHECK(host.sink.values("source") == Lines(3, "audit"));
  CHECK(host.sink.values("time") == Lines{"2025-11-29T08:00:00.124000Z",
                                          "2025-11-29T08:00:00.123000Z",
                                          "2025-11-29T08:00:01.000000Z"});
}

TEST_CASE("a crash at any line and any record seals every event once") {
  const Lines lines = [] {
    Lines all = exec_event;
    all.insert(all.begin() + 3, denied_event.begin(), denied_event.begin() + 2);
    all.push_back(testing::sudo_line);
    all.insert(all.end(), testing::login_event.begin(), testing::login_event.end());
    all.insert(all.end(), denied_event.begin() + 2, denied_event.end());
    all.push_back(testing::failed_login_line);
    return all;
  }();
  // Without a crash: the raw text of all events, as a set.
  Host whole;
  append(whole.log(), file_text(lines));
  whole.poll();
  whole.poll(3s);
  auto expected = whole.sink.messages();
  std::sort(expected.begin(), expected.end());

  for (std::size_t cut = 0; cut <= lines.size(); ++cut) {
    for (std::size_t room = 0; room <= 3; ++room) {
      CAPTURE(cut);
      const auto middle = lines.begin() + static_cast<std::ptrdiff_t>(cut);
      CAPTURE(room);
      Host host;
      if (cut > 0) append(host.log(), file_text({lines.begin(), middle}));
      host.sink.limit = room;
      host.poll();
      host.seal();
      host.sink.limit = room + 1;
      host.poll(1ms);
      host.crash();
      host.sink.limit = static_cast<std::size_t>(-1);
      if (cut < lines.size()) append(host.log(), file_text({middle, lines.end()}));
      host.poll();
      host.poll(3s);
      auto messages = host.sink.messages();
      std::sort(messages.begin(), messages.end());
      CHECK(messages == expected);
    }
  }
}

TEST_CASE("rotation in the middle of an event splits nothing") {
  Host host;
  append(host.log(), file_text({exec_event.begin(), exec_event.begin() + 2}));
  host.poll();
  host.seal();
  host.crash();
  std::filesystem::rename(host.log(), host.log() + ".1");
  append(host.log(), file_text({exec_event.begin() + 2, exec_event.end()}));
  for (int i = 0; i < 3; ++i) host.poll(300ms);
  CHECK(host.sink.messages() == Lines{joined(exec_event, "\n")});
}

TEST_CASE("parts of a huge event go on after a crash where they were sealed") {
  Lines lines = {exec_event[0]};
  for (int i = 0; i < 16; ++i)
    lines.push_back("type=EXECVE msg=audit(1764403200.123:501): a" + std::to_string(i) + "=\"" +
                    std::string(7500, static_cast<char>('a' + i)) + "\"");
  lines.push_back(exec_event.back());
  Host host;
  append(host.log(), file_text(lines));
  host.sink.limit = 2;
  CHECK(host.poll());
  host.seal();
  host.crash();
  host.sink.limit = static_cast<std::size_t>(-1);
  append(host.log(), testing::sudo_line + "\n");
  host.poll();
  const auto parts = host.sink.values("part");
  REQUIRE(parts.size() > 2);
  for (std::size_t i = 0; i < parts.size(); ++i)
    CHECK(parts[i] == std::to_string(i + 1) + "/" + std::to_string(parts.size()));
  const auto messages = host.sink.messages();
  CHECK(joined({messages.begin(), messages.end() - 1}, "") == joined(lines, "\n"));
}

TEST_CASE("the kernel's count of lost records becomes gap records") {
  Host host;
  const auto lost = [](int serial, int count) {
    return "type=KERNEL msg=audit(1764403200.000:" + std::to_string(serial) +
           "): audit_lost=" + std::to_string(count) +
           " audit_rate_limit=0 audit_backlog_limit=8192\n";
  };
  append(host.log(), lost(1, 7));
  host.poll();
  host.seal();
  host.crash();
  append(host.log(), lost(2, 7) + lost(3, 12) + lost(4, 2));  // the last one after a reboot
  host.poll();
  CHECK(host.sink.values("cause") == Lines(3, "kernel-lost"));
  CHECK(host.sink.values("count") == Lines{"7", "5", "2"});
  CHECK(host.sink.values("source") == Lines(7, "audit"));
}

TEST_CASE("a program cannot pretend that the kernel lost records") {
  Host host;
  append(host.log(), "type=USER msg=audit(1764403200.000:1): pid=1 msg='audit_lost=9 lost=9'\n");
  host.poll();
  CHECK(host.sink.values("what").empty());
  CHECK(host.sink.lines.size() == 1);
}

TEST_CASE("a host without auditd is asked rarely, and heard when auditd comes") {
  Host host;
  host.source = std::make_unique<AuditLog>(host.directory / "audit/audit.log");
  host.poll();
  CHECK(host.source->position().empty());
  std::filesystem::create_directory(host.directory / "audit");
  append(host.directory / "audit/audit.log", testing::sudo_line + "\n");
  host.poll(10s);
  CHECK(host.sink.messages() == Lines{testing::sudo_line});
}

TEST_CASE("a directory that the agent may not enter is told once, and read when it opens") {
  if (geteuid() == 0) {
    MESSAGE("SKIPPED: nothing is closed to root");
    return;
  }
  Host host;
  const std::string directory = host.directory / "audit";
  std::filesystem::create_directory(directory);
  append(directory + "/audit.log", testing::sudo_line + "\n");
  std::filesystem::permissions(directory, std::filesystem::perms::none);
  host.source = std::make_unique<AuditLog>(directory + "/audit.log");
  for (int i = 0; i < 30; ++i) host.poll();
  CHECK(host.sink.values("cause") == Lines{"unreadable"});
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  host.poll(10s);
  CHECK(host.sink.messages() == Lines{testing::sudo_line});
}

TEST_CASE("a position that is not one starts anew and says so") {
  for (const char* position : {"nonsense", "audit/v1 ", "audit/v1 - 0 5\nfiles/v1\nx\n",
                               "audit/v1 x 0 0\n\n", "files/v1"}) {
    CAPTURE(position);
    Host host;
    host.sealed = position;
    host.start();
    append(host.log(), testing::sudo_line + "\n");
    host.poll();
    CHECK(host.sink.values("cause") == Lines{"position-lost"});
    CHECK(host.sink.messages() == Lines{testing::sudo_line});
  }
}

}  // namespace
}  // namespace yunjian::agent
