#include "agent/sources/audit/audit_socket.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "agent/sources/audit/testing/sample_log.h"
#include "agent/sources/testing/collecting_sink.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using testing::exec_event;
using testing::joined;
using Lines = std::vector<std::string>;

// The af_unix plugin's end of the socket.
class Dispatcher {
 public:
  explicit Dispatcher(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    unlink(path.c_str());
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 1) == 0);
  }
  ~Dispatcher() {
    hang_up();
    close(listener_);
  }
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  void accept_client() { client_ = accept(listener_, nullptr, nullptr); }
  void send(const std::string& text) const {
    REQUIRE(write(client_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void hang_up() {
    if (client_ >= 0) close(client_);
    client_ = -1;
  }

 private:
  int listener_ = -1;
  int client_ = -1;
};

struct Host {
  testing::TemporaryDirectory directory;
  std::string path = directory / "audispd_events";
  std::unique_ptr<AuditSocket> source = std::make_unique<AuditSocket>(path);
  testing::CollectingSink sink;
  ledger::Time now{1764403200s};

  bool poll(std::chrono::microseconds later = 1s) {
    now += later;
    return source->poll(now, sink);
  }
  void restart(const std::string& position) {
    source = std::make_unique<AuditSocket>(path);
    source->restore(position);
  }
};

TEST_CASE("events of the dispatcher are heard at once, without a gap at the first connection") {
  Host host;
  host.poll();  // nobody there yet
  CHECK(host.source->position().empty());
  Dispatcher dispatcher(host.path);
  host.poll();
  dispatcher.accept_client();
  const std::string text =
      testing::file_text(exec_event) + "type=EOE msg=audit(1764403200.123:501): \n";
  dispatcher.send(text.substr(0, 700));
  host.poll();
  CHECK(host.sink.lines.empty());
  dispatcher.send(text.substr(700));
  pollfd wake{host.source->wake_descriptor(), POLLIN, 0};
  CHECK(::poll(&wake, 1, 1000) == 1);
  host.poll();
  CHECK(host.sink.messages() == Lines{joined(exec_event, "\n")});
}

TEST_CASE("what nobody heard is a gap record, what was held is not lost") {
  Host host;
  Dispatcher dispatcher(host.path);
  host.poll();
  dispatcher.accept_client();
  dispatcher.send(exec_event[0] + "\n" + exec_event[1] + "\n");
  host.poll();
  const std::string sealed = host.source->position();
  host.restart(sealed);  // killed right behind the seal
  dispatcher.hang_up();
  host.poll(10s);
  dispatcher.accept_client();
  REQUIRE(host.sink.lines.size() == 1);
  CHECK(host.sink.values("cause") == Lines{"not-replayable"});
  CHECK(host.sink.values("from") == Lines{"2025-11-29T08:00:02.000000Z"});
  CHECK(host.sink.values("to") == Lines{"2025-11-29T08:00:12.000000Z"});
  host.poll(2s);
  CHECK(host.sink.messages() == Lines{exec_event[0] + "\n" + exec_event[1]});
}

TEST_CASE("a dispatcher that restarts leaves a gap from its end to the new connection") {
  Host host;
  {
    Dispatcher dispatcher(host.path);
    host.poll();
    dispatcher.accept_client();
    dispatcher.send(testing::sudo_line + "\n" + testing::failed_login_line);  // cut off
    dispatcher.hang_up();
    host.poll();
  }
  CHECK(host.sink.messages() == Lines{testing::sudo_line, testing::failed_login_line});
  host.poll(5s);
  CHECK(host.sink.values("cause").empty());
  Dispatcher again(host.path);
  host.poll(5s);
  again.accept_client();
  CHECK(host.sink.values("from") == Lines{"2025-11-29T08:00:02.000000Z"});
  CHECK(host.sink.values("to") == Lines{"2025-11-29T08:00:12.000000Z"});
}

TEST_CASE("a full agent goes on reading, and tells how much it had to throw away") {
  Host host;
  Dispatcher dispatcher(host.path);
  host.poll();
  dispatcher.accept_client();
  host.sink.limit = 0;
  const auto line = [](std::size_t serial) {
    return "type=USER msg=audit(1764403200.000:" + std::to_string(100'000 + serial) +
           "): " + std::string(10'000, 'x') + "\n";
  };
  std::size_t sent = 0;
  for (; sent * line(0).size() < socket_waiting_max + 500'000; ++sent) {
    dispatcher.send(line(sent));
    CHECK(host.poll(1ms) == true);
  }
  host.sink.limit = static_cast<std::size_t>(-1);
  CHECK(!host.poll());
  CHECK(host.sink.values("cause") == Lines{"overflow"});
  const auto counts = host.sink.values("count");
  REQUIRE(counts.size() == 1);
  CHECK(host.sink.messages().size() + std::stoull(counts[0]) == sent);
  CHECK(host.sink.values("bytes") ==
        Lines{std::to_string(std::stoull(counts[0]) * line(0).size())});
}

TEST_CASE("an unusable position is told as a gap without a beginning") {
  Host host;
  host.restart("nonsense");
  Dispatcher dispatcher(host.path);
  host.poll();
  dispatcher.accept_client();
  CHECK(host.sink.values("cause") == Lines{"not-replayable"});
  CHECK(host.sink.values("from").empty());
}

}  // namespace
}  // namespace yunjian::agent
