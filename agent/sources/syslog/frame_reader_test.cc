#include "agent/sources/syslog/frame_reader.h"

#include <doctest/doctest.h>

#include <vector>

#include "agent/sources/syslog/message_head.h"
#include "agent/sources/syslog/sender_limits.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// All frames of `stream`, given in chunks; an open one ends in "…".
Texts frames_of(const std::string& stream, std::size_t chunk, bool zero_ends = false) {
  FrameReader reader(zero_ends);
  Texts found;
  const auto keep = [&](const FrameReader::Frame& frame) {
    found.push_back(std::string(frame.bytes) + (frame.open ? "…" : ""));
  };
  for (std::size_t at = 0; at < stream.size(); at += chunk) {
    reader.add(std::string_view(stream).substr(at, chunk));
    while (const auto frame = reader.next()) keep(*frame);
  }
  if (const auto rest = reader.rest()) keep(*rest);
  CHECK(reader.held() == 0);
  return found;
}

TEST_CASE("A connection's first byte says its framing, whatever pieces the network makes") {
  struct Row {
    std::string stream;
    Texts frames;
  };
  const Row rows[] = {
      {"<13>one\n<13>two\n", {"<13>one", "<13>two"}},
      {"<13>one\r\n\n<13>last", {"<13>one\r", "<13>last"}},
      {"7 <13>one10 <13>two\n\n!8 <13>four", {"<13>one", "<13>two\n\n!", "<13>four"}},
      {"no priority\nat all\n", {"no priority", "at all"}},
      // A count that is none: what comes is read as lines, and nothing is lost.
      {"12:30 begins\nlike a count\n", {"12:30 begins", "like a count"}},
      {"7 <13>one<13>two\n", {"<13>one", "<13>two"}},
      {"99999999 too long to be one\n", {"99999999 too long to be one"}},
      {"0 <13>one\n", {"0 <13>one"}},
      {"9 <13>cut", {"<13>cut"}},
      {"12", {"12"}},
      {std::string("<13>a\0b\n", 8), {std::string("<13>a\0b", 7)}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.stream);
    for (std::size_t chunk = 1; chunk <= row.stream.size(); ++chunk) {
      CAPTURE(chunk);
      CHECK(frames_of(row.stream, chunk) == row.frames);
    }
  }
  CHECK(frames_of(std::string("<13>a\0<13>b\n", 12), 3, true) == Texts{"<13>a", "<13>b"});
}

TEST_CASE("A message over the limit comes in stretches that are cut at characters") {
  std::string text = "<13>x";
  while (text.size() < 3 * syslog_stretch_bytes) text += "鉴";
  const auto joined = [](const Texts& frames) {
    std::string all;
    for (auto frame : frames) {
      if (frame.ends_with("…")) frame.resize(frame.size() - 3);
      CHECK(frame.size() <= syslog_stretch_bytes);
      all += frame;
    }
    return all;
  };
  const Texts lines = frames_of(text + "\n<13>next\n", 7777);
  CHECK(lines.size() == 5);
  CHECK(joined(lines) == text + "<13>next");
  CHECK(lines[3].ends_with("鉴"));
  const Texts counted = frames_of(std::to_string(text.size()) + " " + text + "8 <13>next", 7777);
  CHECK(counted.size() == 5);
  CHECK(joined(counted) == text + "<13>next");
}

TEST_CASE("What a counted message still lacks is known") {
  FrameReader reader(false);
  reader.add("100 <13>cut off");
  CHECK(!reader.next());
  CHECK(reader.missing() == 100 - 11);
}

TEST_CASE("The head says severity, facility, program and process, in all the forms in use") {
  struct Row {
    const char* message;
    std::uint64_t severity, facility;
    const char* process;
    std::optional<std::uint64_t> pid;
  };
  const Row rows[] = {
      {"<34>1 2003-10-11T22:14:15.003Z host su 77 ID47 - \xEF\xBB\xBFtext", 2, 4, "su", 77},
      {"<165>1 - - - - - - text", 5, 20, "", {}},
      {"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc abc - - %% x",
       5,
       20,
       "myproc",
       {}},
      {"<34>Oct 11 22:14:15 mymachine su: 'su root' failed", 2, 4, "su", {}},
      {"<38>Oct  1 02:14:15 web-01 sshd[4711]: Accepted", 6, 4, "sshd", 4711},
      {"<38>Oct  1 02:14:15 sshd[4711]: Accepted", 6, 4, "sshd", 4711},
      {"<13>Nov 27 12:00:00 host postfix/smtpd[9]: x", 5, 1, "postfix/smtpd", 9},
      {"<189>45: *Mar  1 18:46:11: %SYS-5-CONFIG_I: x", 5, 23, "", {}},
      {"<0>kernel: panic", 0, 0, "kernel", {}},
      {"<191>", 7, 23, "", {}},
      {"<13>host with no tag", 5, 1, "", {}},
      {"<13>a[b]: x", 5, 1, "", {}},
      {"<13>Oct 11 22:14:15 ", 5, 1, "", {}},
      {"<13>1 ", 5, 1, "", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    const SyslogHead head = read_syslog_head(row.message);
    CHECK(head.severity == row.severity);
    CHECK(head.facility == row.facility);
    CHECK(head.process == row.process);
    CHECK(head.pid == row.pid);
  }
  for (const char* message :
       {"", "<", "<>x", "<192>x", "<13", "13>x", "<1234>x", "<-1>x", "text"}) {
    CAPTURE(message);
    const SyslogHead head = read_syslog_head(message);
    CHECK(!head.severity);
    CHECK(head.process.empty());
  }
}

TEST_CASE("A sender may burst, then only its share; what is refused is told once in ten seconds") {
  SenderLimits limits({.lines_per_s = 10, .bytes_per_s = 1000});
  ledger::Time now{1764403200s};
  const auto send = [&](const std::string& sender) {
    if (!limits.may_send(sender, now)) return limits.lose(sender, 5, now), 0;
    return limits.charge(sender, 5, now), 1;
  };
  int taken = 0;
  for (int i = 0; i < 150; ++i) taken += send("10.0.0.1");
  CHECK(taken == 100);
  CHECK(send("10.0.0.2") == 1);
  auto loss = limits.due_loss(now);
  REQUIRE(loss);
  CHECK(loss->sender == "10.0.0.1");
  CHECK(loss->lines == 50);
  CHECK(loss->bytes == 250);
  limits.forget_loss("10.0.0.1", now);
  CHECK(!limits.oldest_loss());
  now += 1s;
  taken = 0;
  for (int i = 0; i < 20; ++i) taken += send("10.0.0.1");
  CHECK(taken == 10);
  CHECK(!limits.due_loss(now));
  CHECK(limits.oldest_loss() == now);
  now += 9s;
  CHECK(limits.due_loss(now)->lines == 10);
}

TEST_CASE("Made-up senders share one account when there are too many") {
  SenderLimits limits({.lines_per_s = 1, .bytes_per_s = 1000});
  const ledger::Time now{1764403200s};
  for (std::size_t i = 0; i < syslog_senders_max + 100; ++i)
    limits.charge(std::to_string(i), 1, now);
  CHECK(limits.may_send("5", now));
  CHECK(!limits.may_send("a new one", now));
  limits.lose("a new one", 1, now);
  CHECK(limits.due_loss(now)->sender == "others");
  CHECK(limits.may_send("a new one", now + 300s));
  CHECK(limits.may_send("another", now + 300s));
}

TEST_CASE("Connections are limited for each sender and in all") {
  SenderLimits limits({.connections = 3, .connections_per_sender = 2});
  const ledger::Time now{1764403200s};
  CHECK(limits.connect("a", now) == "a");
  CHECK(limits.connect("a", now));
  CHECK(!limits.connect("a", now));
  CHECK(limits.connect("b", now));
  CHECK(!limits.connect("c", now));
  limits.disconnect("a");
  CHECK(limits.connect("c", now));
  CHECK(limits.due_loss(now)->connections == 1);
}

}  // namespace
}  // namespace yunjian::agent
