// What is one message in a file: joined lines, and encodings other than UTF-8.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "agent/sources/testing/tailing_host.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using testing::append;
using Host = testing::TailingHost;
using Lines = std::vector<std::string>;

struct JoiningHost : Host {
  JoiningHost() {
    options.multiline_start = R"(^\d{4}-\d\d-\d\d )";
    start();
  }
};

// The text of the file, from its records alone.
std::string put_together(const testing::CollectingSink& sink) {
  std::string text;
  for (const auto& line : sink.lines) {
    const auto record = ledger::parse_record(line);
    REQUIRE(record);
    text += (*record)->find("message").value_or("");
    const auto part = (*record)->find("part").value_or("1/1");
    const auto slash = part.find('/');
    if (part != "+" && part.substr(0, slash) == part.substr(slash + 1)) text += '\n';
  }
  return text;
}

TEST_CASE("lines are joined from one that begins a message to the next one") {
  JoiningHost host;
  append(host.log(), "2026-11-22 error\n  at a()\n\n  at b()\n2026-11-22 next\n2026-11-23 last\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"2026-11-22 error\n  at a()\n\n  at b()", "2026-11-22 next"});
  SUBCASE("the last message is handed over when nothing came for a while") {
    host.poll(4s);
    CHECK(host.sink.lines.size() == 2);
    host.poll(2s);
    CHECK(host.sink.messages().back() == "2026-11-23 last");
    append(host.log(), "  too late\n2026-11-24 x\n");
    host.poll();
    CHECK(host.sink.messages().back() == "  too late");
  }
  SUBCASE("or goes on when more comes in time") {
    host.poll(4s);
    append(host.log(), "  at c()\n");
    host.poll(4s);
    append(host.log(), "2026-11-24 x\n");
    host.poll();
    CHECK(host.sink.messages().back() == "2026-11-23 last\n  at c()");
  }
  CHECK(host.sink.values("part").empty());
}

TEST_CASE("a restart in the middle of a message loses and doubles nothing") {
  JoiningHost host;
  append(host.log(), "2026-11-22 a\n  1\n");
  host.poll();
  host.restart();
  append(host.log(), "  2\n2026-11-22 b\n");
  host.poll();
  host.restart();
  host.poll();
  host.poll(6s);
  host.restart();
  host.poll(6s);
  host.poll(6s);
  CHECK(host.sink.messages() == Lines{"2026-11-22 a\n  1\n  2", "2026-11-22 b"});
}

TEST_CASE("rotation in the middle of a message loses and doubles nothing") {
  JoiningHost host;
  append(host.log(), "2026-11-22 a\n  1\n");
  host.poll();
  host.rename("app.log", "app.log.1");
  append(host.log(), "  2\n2026-11-22 b\n");
  SUBCASE("while the agent runs") {}
  SUBCASE("while it does not") { host.restart(); }
  for (int i = 0; i < 4; ++i) host.poll(6s);
  auto messages = host.sink.messages();
  std::sort(messages.begin(), messages.end());
  CHECK(messages == Lines{"  2", "2026-11-22 a\n  1", "2026-11-22 b"});
}

TEST_CASE("a message without end is handed over in stretches of whole lines and loses no byte") {
  JoiningHost host;
  std::string text = "2026-11-22 dump\n";
  for (int i = 0; text.size() < 700'000; ++i) text += fmt::format("  {:06} {}\n", i, "dump");
  append(host.log(), text + "2026-11-22 next\n");
  SUBCASE("in one go") { host.poll(); }
  SUBCASE("in sips, with restarts") {
    host.sink.limit = 1;
    for (std::size_t i = 2; host.poll() && i < 1000; ++i) {
      host.sink.limit = i;
      host.restart();
    }
    host.sink.limit = 1000;
  }
  host.poll();
  host.poll(6s);
  const std::string joined = put_together(host.sink);
  CHECK(joined == text + "2026-11-22 next\n");
  CHECK(host.sink.messages().back() == "2026-11-22 next");
  for (const auto& record : host.sink.lines) CHECK(record.size() <= ledger::record_bytes_max);
}

TEST_CASE("a line longer than the buffer inside a message loses no byte") {
  JoiningHost host;
  const std::string text =
      "2026-11-22 a\n  b\n" + std::string(600'000, 'x') + "\n  c\n2026-11-22 d\n";
  append(host.log(), text);
  host.poll();
  host.poll(6s);
  host.poll(6s);
  CHECK(put_together(host.sink) == text);
}

// In GB18030; the last character has four bytes there.
const std::string gb18030_line =
    "2026 \xd3\xc3\xbb\xa7\xb5\xc7\xc2\xbc\xb3\xc9\xb9\xa6 \xa2\xe3 \x95\x32\x83\x37";
constexpr std::string_view utf8_line = "2026 用户登录成功 € 𠀋";

TEST_CASE("GB18030 becomes UTF-8 that can be searched, and the record says from what") {
  Host host;
  host.options.encoding = "gb18030";
  host.start();
  append(host.log(), gb18030_line + "\nplain\nbad \xff byte\n");
  host.poll();
  REQUIRE(host.sink.lines.size() == 3);
  if (host.sink.values("encoding")[0] == "escaped") {
    MESSAGE("SKIPPED: this host's C library does not know GB18030");
    return;
  }
  CHECK(host.sink.messages()[0] == utf8_line);
  CHECK(host.sink.messages()[1] == "plain");
  CHECK(host.sink.messages()[2] == "bad \\xFF byte");
  CHECK(host.sink.values("encoding") == Lines{"gb18030", "escaped"});
}

TEST_CASE("GB18030 that nobody configured keeps its bytes") {
  Host host;
  append(host.log(), gb18030_line + "\n");
  host.poll();
  CHECK(host.sink.values("encoding") == Lines{"escaped"});
  CHECK(ledger::unescape_bytes(host.sink.messages()[0]).value() == gb18030_line);
}

TEST_CASE("what was GB18030 can be encoded again to the bytes of the file, whatever they were") {
  const auto format = LineFormat::make("", "gb18030");
  REQUIRE(format);
  if (!format->can_convert()) {
    MESSAGE("SKIPPED: this host's C library does not know GB18030");
    return;
  }
  // Every pair of bytes: what converts is unlike any other, so it leads back.
  std::map<std::string, std::string> seen;
  std::string utf8;
  for (int first = 0x81; first < 0xFF; ++first) {
    for (int second = 0x40; second < 0xFF; ++second) {
      const std::string bytes{static_cast<char>(first), static_cast<char>(second)};
      if (!format->convert(bytes, utf8)) continue;
      REQUIRE(seen.emplace(utf8, bytes).second);
    }
  }
  CHECK(seen.size() > 20'000);
}

TEST_CASE("long lines of GB18030 are cut at characters, also without end") {
  Host host;
  host.options.encoding = "gb18030";
  host.start();
  std::string line;
  while (line.size() < 150'000) line += gb18030_line;
  bool unfinished = false;
  SUBCASE("with a newline") { append(host.log(), line + "\n"); }
  SUBCASE("without") {
    append(host.log(), line);
    unfinished = true;
  }
  host.poll();
  if (unfinished) host.poll(6s);
  std::string joined;
  for (const auto& message : host.sink.messages()) joined += message;
  if (host.sink.values("encoding").front() == "escaped") {
    MESSAGE("SKIPPED: this host's C library does not know GB18030");
    return;
  }
  std::string wanted;
  for (std::size_t i = 0; i < line.size() / gb18030_line.size(); ++i) wanted += utf8_line;
  CHECK(joined == wanted);
}

}  // namespace
}  // namespace yunjian::agent
