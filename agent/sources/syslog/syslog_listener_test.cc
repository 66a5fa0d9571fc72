#include "agent/sources/syslog/syslog_listener.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "agent/sources/testing/collecting_sink.h"
#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

SyslogAddress address(const std::string& text) {
  const auto parsed = parse_syslog_address(text);
  REQUIRE_MESSAGE(parsed.has_value(), text);
  return *parsed;
}

// A sender's end.
class Sender {
 public:
  Sender(const SyslogListener& listener, const SyslogAddress& to, std::size_t index = 0) {
    if (to.is_unix()) {
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      std::memcpy(name.sun_path, to.host.data(), to.host.size());
      open(AF_UNIX, to, reinterpret_cast<const sockaddr*>(&name), sizeof name);
      return;
    }
    sockaddr_storage name{};  // with the port that the kernel chose
    socklen_t length = sizeof name;
    getsockname(listener.descriptor(index), reinterpret_cast<sockaddr*>(&name), &length);
    open(name.ss_family, to, reinterpret_cast<const sockaddr*>(&name), length);
  }
  ~Sender() { hang_up(); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void send(const std::string& text) const {
    REQUIRE(::send(descriptor_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  // As much as fits; how much that was.
  std::size_t send_some(std::string_view text) const {
    const ssize_t sent = ::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  bool is_closed_by_peer() const {
    pollfd wait{descriptor_, POLLIN, 0};
    char byte = 0;
    return ::poll(&wait, 1, 10'000) == 1 && recv(descriptor_, &byte, 1, 0) <= 0;
  }
  void hang_up() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

 private:
  void open(int family, const SyslogAddress& to, const sockaddr* name, socklen_t length) {
    descriptor_ = socket(family, (to.is_stream() ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    REQUIRE(connect(descriptor_, name, length) == 0);
  }

  int descriptor_ = -1;
};

struct Host {
  explicit Host(const Texts& texts) {
    for (const auto& text : texts) options.listen.push_back(address(text));
    start();
  }
  void start(const std::string& position = "") {
    source.reset();
    source = std::make_unique<SyslogListener>(options);
    source->restore(position);
  }
  bool poll(std::chrono::microseconds later = 1ms) {
    now += later;
    return source->poll(now, sink);
  }
  // Until the sink holds `count` records; bytes on loopback need a moment.
  void poll_until(std::size_t count) {
    for (int i = 0; i < 1000 && sink.lines.size() < count; ++i) {
      pollfd wake{source->wake_descriptor(), POLLIN, 0};
      ::poll(&wake, 1, 10);
      poll();
    }
    REQUIRE(sink.lines.size() >= count);
  }

  testing::TemporaryDirectory directory;
  SyslogOptions options;
  std::unique_ptr<SyslogListener> source;
  testing::CollectingSink sink;
  ledger::Time now{1764403200s};
};

TEST_CASE("A datagram is a record: its bytes, its sender, what its head states") {
  Host host({"udp://127.0.0.1:0"});
  CHECK(!host.poll());
  CHECK(host.sink.lines.empty());
  const Sender sender(*host.source, host.options.listen[0]);
  sender.send("<34>1 2003-10-11T22:14:15.003Z elsewhere su 77 ID47 - \xEF\xBB\xBFuser 张三\n");
  host.poll_until(1);
  CHECK(host.sink.lines[0] ==
        "{\"time\":\"2025-11-29T08:00:00.002000Z\",\"kind\":\"event\",\"source\":\"syslog\","
        "\"log\":\"127.0.0.1\",\"severity\":2,\"facility\":4,\"process.name\":\"su\","
        "\"process.pid\":77,\"message\":\"<34>1 2003-10-11T22:14:15.003Z elsewhere su 77 ID47 - "
        "\xEF\xBB\xBFuser 张三\\n\"}");
}

TEST_CASE("Bytes that are no text arrive escaped, and no byte is lost") {
  Host host({"udp://[::1]:0"});
  host.poll();
  std::string all = "<13>";
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const Sender sender(*host.source, host.options.listen[0]);
  sender.send(all);
  host.poll_until(1);
  CHECK(host.sink.values("log") == Texts{"::1"});
  CHECK(host.sink.values("encoding") == Texts{"escaped"});
  CHECK(ledger::unescape_bytes(host.sink.messages().at(0)) == all);
}

TEST_CASE("A message above the size of a record comes in parts that join to its bytes") {
  Host host({"udp://127.0.0.1:0", "tcp://127.0.0.1:0"});
  host.poll();
  const std::string quoted = "<13>" + std::string(60'000, '"');
  Sender(*host.source, host.options.listen[0]).send(quoted);
  host.poll_until(2);
  CHECK(host.sink.values("part") == Texts{"1/2", "2/2"});
  CHECK(host.sink.messages()[0] + host.sink.messages()[1] == quoted);
  host.sink.lines.clear();
  const std::string longer = "<13>tag: " + std::string(150'000, 'x');
  const Sender sender(*host.source, host.options.listen[1], 1);
  sender.send(longer + "\n");
  host.poll_until(3);
  std::string joined;
  for (const auto& piece : host.sink.messages()) joined += piece;
  CHECK(joined == longer);
  CHECK(host.sink.values("part") == Texts{"+", "+"});
  CHECK(host.sink.lines.back().find("\"part\"") == std::string::npos);
}

TEST_CASE("Each connection has its own framing, and its last line needs no end") {
  Host host({"tcp://127.0.0.1:0"});
  host.poll();
  Sender lines(*host.source, host.options.listen[0]);
  Sender counted(*host.source, host.options.listen[0]);
  lines.send("<13>one\n<13>tw");
  counted.send("9 <13>three10 <13>a\nb");
  host.poll_until(2);
  lines.send("o\n<13>last");
  counted.send("cde");
  host.poll_until(4);
  lines.hang_up();
  counted.send("20 <13>cut");
  counted.hang_up();
  host.poll_until(7);
  Texts messages = host.sink.messages();
  std::sort(messages.begin(), messages.end());
  CHECK(messages == Texts{"<13>a\nbcde", "<13>cut", "<13>last", "<13>one", "<13>three", "<13>two"});
  CHECK(host.sink.values("cause") == Texts{"cut-off"});
  CHECK(host.sink.values("bytes") == Texts{"13"});
}

TEST_CASE("Programs of this host write to a unix socket, and the kernel says who they are") {
  testing::TemporaryDirectory place;
  Host host({"unix:" + (place / "log"), "unix-stream:" + (place / "stream")});
  host.poll();
  const Sender datagrams(*host.source, host.options.listen[0]);
  datagrams.send("<13>Nov 27 12:00:00 tool[1]: by datagram");
  const Sender stream(*host.source, host.options.listen[1]);
  stream.send(std::string("<13>Nov 27 12:00:00 tool[1]: by stream\0", 39));
  host.poll_until(2);
  Texts logs = host.sink.values("log");
  std::sort(logs.begin(), logs.end());
  CHECK(logs == Texts{place / "log", place / "stream"});
  const std::string pid = std::to_string(getpid());
  CHECK(host.sink.values("process.pid") == Texts{pid, pid});
  CHECK(host.sink.values("uid") == Texts(2, std::to_string(getuid())));
  CHECK(host.sink.values("process.name") == Texts{"tool", "tool"});
  // The next agent takes over the files that this one left.
  host.start("syslog/v1 1764403200000000");
  host.poll();
  CHECK(host.sink.values("cause") == Texts{"not-replayable"});
  Sender(*host.source, host.options.listen[0]).send("<13>again");
  host.poll_until(4);
}

TEST_CASE("Who sends too much by datagram is cut short, and the gap says how much") {
  Host host({"udp://127.0.0.1:0"});
  host.options.limits.lines_per_s = 2;
  host.start();
  host.poll();
  const Sender sender(*host.source, host.options.listen[0]);
  for (int i = 0; i < 30; ++i) sender.send("<13>tag: " + std::to_string(10 + i));
  host.poll_until(20);
  host.poll();
  CHECK(host.sink.messages().size() == 20);
  CHECK(host.sink.values("cause") == Texts{"rate-limited"});
  CHECK(host.sink.values("count") == Texts{"10"});
  CHECK(host.sink.values("bytes") == Texts{"110"});
  CHECK(host.sink.lines.back().find("\"log\":\"127.0.0.1\"") != std::string::npos);
}

TEST_CASE("Who sends too much by connection waits, and loses nothing") {
  Host host({"tcp://127.0.0.1:0"});
  host.options.limits.lines_per_s = 2;
  host.start();
  host.poll();
  Sender sender(*host.source, host.options.listen[0]);
  for (int i = 0; i < 50; ++i) sender.send("<13>tag: " + std::to_string(10 + i) + "\n");
  sender.hang_up();
  host.poll_until(20);
  for (int i = 0; i < 5; ++i) host.poll();
  CHECK(host.sink.lines.size() == 20);
  // What waits is not heard: a crash now declares it.
  const std::string position = host.source->position();
  CHECK(position <= "syslog/v1 1764403201000000");
  for (int i = 0; i < 20; ++i) host.poll(1s);
  CHECK(host.sink.messages().size() == 50);
  CHECK(host.sink.messages().back() == "<13>tag: 59");
  CHECK(host.sink.values("cause").empty());
  CHECK(host.source->position() > position);
}

TEST_CASE("A full agent makes connections wait; what the kernel drops of datagrams is counted") {
  Host host({"udp://127.0.0.1:0", "tcp://127.0.0.1:0"});
  host.options.limits = {.lines_per_s = 1'000'000, .bytes_per_s = 1 << 30};
  host.start();
  host.poll();
  const int small = 4096;
  setsockopt(host.source->descriptor(0), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  host.sink.limit = 0;
  const Sender datagrams(*host.source, host.options.listen[0]);
  const Sender stream(*host.source, host.options.listen[1], 1);
  const std::string line = "<13>tag: " + std::string(1000, 'x') + "\n";
  for (int i = 0; i < 200; ++i) datagrams.send(line);
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += line;
  std::size_t sent = 0;
  for (int stuck = 0; stuck < 5;) {  // until the window is shut
    const std::size_t now = stream.send_some(std::string_view(lines).substr(sent));
    sent += now;
    stuck = now == 0 ? stuck + 1 : 0;
    host.poll();
    if (now == 0) usleep(1000);
  }
  CHECK(sent < lines.size());
  host.sink.limit = static_cast<std::size_t>(-1);
  while (sent < lines.size()) {
    sent += stream.send_some(std::string_view(lines).substr(sent));
    host.poll();
  }
  host.poll_until(20'000);
  host.poll(20s);
  const auto counts = host.sink.values("count");
  CHECK(host.sink.values("cause") == Texts(counts.size(), "kernel-dropped"));
  std::size_t dropped = 0;
  for (const auto& count : counts) dropped += std::stoul(count);
  CHECK(dropped > 100);
  CHECK(host.sink.messages().size() + dropped == 20'000 + 200);
}

TEST_CASE("What was not sealed at a crash, and the time nobody listened, is one gap") {
  Host host({"udp://127.0.0.1:0", "tcp://127.0.0.1:0"});
  CHECK(host.source->position().empty());
  host.poll(1s);
  CHECK(host.source->position() == "syslog/v1 1764403201000000");
  const Sender sender(*host.source, host.options.listen[1], 1);
  sender.send("<13>whole\n<13>unfinished");
  host.poll_until(1);
  host.sink.lines.clear();
  host.poll(5s);
  const std::string position = host.source->position();
  CHECK(position < "syslog/v1 1764403202000000");
  host.start(position);
  host.poll(10s);
  REQUIRE(host.sink.lines.size() == 1);
  CHECK(host.sink.values("cause") == Texts{"not-replayable"});
  CHECK(host.sink.values("from").at(0) < "2025-11-29T08:00:02");
  CHECK(host.sink.values("to").at(0) > "2025-11-29T08:00:16");
  host.poll(1s);
  CHECK(host.sink.lines.size() == 1);
  host.start("nonsense");
  host.poll();
  CHECK(host.sink.values("from").size() == 1);
  CHECK(host.sink.lines.size() == 2);
}

TEST_CASE("Too many connections are refused and counted; a silent one is closed") {
  Host host({"tcp://127.0.0.1:0"});
  host.options.limits.connections_per_sender = 1;
  host.options.idle = 30s;
  host.start();
  host.poll();
  const Sender first(*host.source, host.options.listen[0]);
  first.send("<13>one\n");
  host.poll_until(1);
  const Sender second(*host.source, host.options.listen[0]);
  for (int i = 0; i < 100 && host.sink.values("cause").empty(); ++i) host.poll(20ms);
  CHECK(second.is_closed_by_peer());
  CHECK(host.sink.values("cause") == Texts{"too-many-connections"});
  first.send("<13>not ended");
  host.poll_until(2);
  host.poll(1s);
  CHECK(host.sink.messages() == Texts{"<13>one"});
  for (int i = 0; i < 4; ++i) host.poll(10s);
  CHECK(host.sink.messages() == Texts{"<13>one", "<13>not ended"});
  CHECK(first.is_closed_by_peer());
}

TEST_CASE("An address that is taken is told once, and listened at when it is free") {
  Host holder({"tcp://127.0.0.1:0"});
  holder.poll();
  sockaddr_in name{};
  socklen_t length = sizeof name;
  getsockname(holder.source->descriptor(0), reinterpret_cast<sockaddr*>(&name), &length);
  Host host({"tcp://127.0.0.1:" + std::to_string(ntohs(name.sin_port))});
  host.poll();
  host.poll(20s);
  CHECK(host.sink.values("cause") == Texts{"cannot-listen"});
  holder.source.reset();
  host.poll(20s);
  CHECK(host.source->descriptor(0) >= 0);
}

TEST_CASE("A file that is no socket is never removed for one") {
  testing::TemporaryDirectory place;
  testing::overwrite(place / "log", "evidence");
  Host host({"unix:" + (place / "log")});
  host.poll();
  CHECK(host.sink.values("cause") == Texts{"cannot-listen"});
  CHECK(std::filesystem::file_size(place / "log") == 8);
}

TEST_CASE("Addresses are read strictly") {
  for (const char* good : {"udp://127.0.0.1:514", "tcp://[::]:601", "udp://[::1]:0",
                           "unix:/dev/log", "unix-stream:/run/a"}) {
    CAPTURE(good);
    CHECK(parse_syslog_address(good).has_value());
  }
  for (const char* bad :
       {"", "127.0.0.1:514", "udp://localhost:514", "udp://127.0.0.1", "udp://::1:5",
        "udp://[127.0.0.1]:5", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:", "tcp://127.0.0.1:5x",
        "unix:relative", "unix:", "tls://127.0.0.1:1"}) {
    CAPTURE(bad);
    CHECK(!parse_syslog_address(bad).has_value());
  }
  CHECK(!parse_syslog_address("unix:/" + std::string(107, 'x')));
}

}  // namespace
}  // namespace yunjian::agent
