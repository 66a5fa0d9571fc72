#include "agent/sources/remote_guard.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/sources/silent_file_system.h"
#include "agent/sources/testing/tailing_host.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using testing::append;
using Lines = std::vector<std::string>;

// A file server that can die: then questions about it hang until it lives again.
struct Server {
  std::mutex mutex;
  std::condition_variable changed;
  bool dead = false;
  bool refuses = false;
  int waiting = 0;

  int answer(struct statvfs* status) {
    *status = {};
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [this] { return !dead; });
    --waiting;
    return refuses ? -1 : 0;
  }
  void set_dead(bool value) {
    const std::lock_guard lock(mutex);
    dead = value;
    changed.notify_all();
  }
  void await_question() {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, 10s, [this] { return waiting > 0; }));
  }
};

struct Guarded {
  testing::TailingHost host;
  std::shared_ptr<Server> server = std::make_shared<Server>();
  std::string mounts;
  std::unique_ptr<RemoteGuard> guard;
  long unasked_owners = 0;  // of the server, while no thread asks it

  explicit Guarded(std::string_view type) {
    mounts = fmt::format("36 35 0:31 / {} rw - {} server:/logs rw\n",
                         std::filesystem::path(host.log()).parent_path().string(), type);
    guard = std::make_unique<RemoteGuard>(
        std::make_unique<FileTail>(host.options), host.options.patterns,
        RemoteGuard::Host{.mountinfo = [this] { return mounts; },
                          .statvfs =
                              [server = server](const char*, struct statvfs* status) {
                                return server->answer(status);
                              }});
    guard->restore("");
    unasked_owners = server.use_count();
  }
  ~Guarded() { server->set_dead(false); }
  void poll(std::chrono::microseconds later = 1s) {
    host.now += later;
    guard->poll(host.now, host.sink);
  }
  // Each look but the first finds the answer to the one before.
  void poll_until_lines(std::size_t count) {
    for (int look = 0; look < 10 && host.sink.lines.size() < count; ++look) {
      await_answer();
      poll();
    }
    REQUIRE(host.sink.lines.size() == count);
  }
  // A thread that asks owns the server too, until all it has to say is said.
  void await_answer() const {
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (server.use_count() > unasked_owners) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::yield();
    }
  }
};

TEST_CASE("a dead file server stops nobody, is told once, and its files are read afterwards") {
  const char* type = "";
  SUBCASE("NFS") { type = "nfs4"; }
  SUBCASE("a program behind FUSE") { type = "fuse.sshfs"; }
  Guarded guarded(type);
  append(guarded.host.log(), "1\n");
  guarded.poll_until_lines(1);
  guarded.server->set_dead(true);
  append(guarded.host.log(), "2\n");
  guarded.poll();  // the answer to the question before, and a new question
  guarded.server->await_question();
  const std::size_t before = guarded.host.sink.lines.size();
  append(guarded.host.log(), "3\n");
  for (int i = 0; i < 100; ++i) guarded.poll();
  REQUIRE(guarded.host.sink.lines.size() == before + 1);
  CHECK(guarded.host.sink.values("cause") == Lines{"unanswered"});
  guarded.server->set_dead(false);
  guarded.poll_until_lines(4);
  CHECK(guarded.host.sink.messages() == Lines{"1", "2", "3"});
}

TEST_CASE("a mount that refuses to answer, as another user's FUSE mount does, stops nobody") {
  Guarded guarded("fuse.sshfs");
  guarded.server->refuses = true;
  append(guarded.host.log(), "1\n");
  guarded.poll_until_lines(1);
  CHECK(guarded.host.sink.messages() == Lines{"1"});
}

TEST_CASE("local file systems are asked for nothing") {
  Guarded guarded("ext4");
  guarded.server->set_dead(true);
  append(guarded.host.log(), "1\n");
  guarded.poll();
  CHECK(guarded.host.sink.messages() == Lines{"1"});
}

TEST_CASE("network file systems are looked at in intervals, local ones are told of") {
  CHECK(is_silent_type(0x6969));            // NFS
  CHECK(is_silent_type(0xFF534D42));        // CIFS
  CHECK(is_silent_type(0x65735546));        // FUSE
  CHECK_FALSE(is_silent_type(0xEF53));      // ext
  CHECK_FALSE(is_silent_type(0x58465342));  // XFS
  CHECK_FALSE(is_silent_type(0x01021994));  // tmpfs
}

}  // namespace
}  // namespace yunjian::agent
