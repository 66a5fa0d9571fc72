#include "ledger/record.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>

#include "ledger/base/bytes.h"
#include "ledger/record_plain.h"

namespace yunjian::ledger {
namespace {

const Time noon = parse_time("2026-11-22T12:00:00.000001Z").value();

std::string event(std::string_view message) {
  std::string out;
  RecordWriter writer(out, noon, "event");
  writer.text("source", "file").text("log", "/var/log/auth.log").message(message).finish();
  return out;
}

std::string message_of(const std::string& line) {
  bool canonical = false;
  const auto record = parse_record(line, &canonical).value();
  CHECK(canonical);
  std::string message(record->find("message").value());
  if (record->find("encoding") == "escaped") return unescape_bytes(message).value();
  return message;
}

TEST_CASE("a record is one line of flat JSON in the fixed key order") {
  std::string out;
  RecordWriter writer(out, noon, "event");
  writer.text("source", "journal").text("log", "ssh.service").integer("severity", 6);
  writer.text("process.name", "sshd").integer("process.pid", 811);
  writer.message("Accepted \"publickey\"\t\x01\\ 用户");
  writer.finish();
  CHECK(out ==
        "{\"time\":\"2026-11-22T12:00:00.000001Z\",\"kind\":\"event\",\"source\":\"journal\","
        "\"log\":\"ssh.service\",\"severity\":6,\"process.name\":\"sshd\",\"process.pid\":811,"
        "\"message\":\"Accepted \\\"publickey\\\"\\t\\u0001\\\\ 用户\"}");
  bool canonical = false;
  const auto record = parse_record(out, &canonical).value();
  CHECK(canonical);
  CHECK(record->find_integer("process.pid") == 811);
  CHECK(record->find("message") == "Accepted \"publickey\"\t\x01\\ 用户");
}

TEST_CASE("decimals have exactly two digits behind the point") {
  std::string out;
  RecordWriter writer(out, noon, "usage");
  writer.integer("interval_s", 60).decimal("cpu.a", 0).decimal("cpu.b", 99.995);
  writer.decimal("cpu.c", 0.004).decimal("memory.used", 12.5).finish();
  CHECK(out.ends_with("\"cpu.a\":0.00,\"cpu.b\":100.00,\"cpu.c\":0.00,\"memory.used\":12.50}"));
  bool canonical = false;
  CHECK(parse_record(out, &canonical));
  CHECK(canonical);
}

TEST_CASE("a record that goes on behind a shared head is the same as one written whole") {
  std::string out;
  RecordWriter first(out, noon, "event");
  const RecordHead head = first.text("source", "file").text("log", "/var/log/auth.log").head();
  std::string line = "before";
  RecordWriter(line, head).message("a \"b\"").finish();
  CHECK(line == "before" + event("a \"b\""));
  line.clear();
  RecordWriter(line, head).text("part", "1/2").message("c").finish();
  bool canonical = false;
  CHECK(parse_record(line, &canonical));
  CHECK(canonical);
}

// Byte by byte.
std::string escaped_plainly(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto value = static_cast<unsigned char>(c);
    const std::size_t named = std::string_view("\b\f\n\r\t\"\\").find(c);
    if (named != std::string_view::npos) {
      out += {'\\', "bfnrt\"\\"[named]};
    } else if (value < 0x20) {
      out += fmt::format("\\u{:04X}", value);
    } else {
      out += c;
    }
  }
  return out;
}

TEST_CASE("every byte is escaped as the format says, wherever it stands in its word") {
  for (const std::string filler : {"x", "\x1f", "\x80", "\"", "!", "#", "["}) {
    for (int byte = 0; byte < 256; ++byte) {
      for (std::size_t before = 0; before < 18; ++before) {
        std::string text;
        for (std::size_t i = 0; i < before; ++i) text += filler;
        text += static_cast<char>(byte);
        for (std::size_t i = 0; i < 9; ++i) text += filler;
        std::string out;
        append_json_string(out, text);
        REQUIRE(out == '"' + escaped_plainly(text) + '"');
      }
    }
  }
}

TEST_CASE("any bytes come back from a message exactly") {
  std::mt19937 engine(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    const bool text_only = engine() % 2 == 0;
    for (std::size_t size = engine() % 60; bytes.size() < size;) {
      bytes += text_only ? std::string(engine() % 3 == 0 ? "核减" : "\\x41\"")
                         : std::string(1, static_cast<char>(engine()));
    }
    CHECK(message_of(event(bytes)) == bytes);
  }
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte += static_cast<char>(c);
  CHECK(message_of(event(every_byte)) == every_byte);
  CHECK(message_of(event(std::string("a\0b", 3))) == std::string("a\0b", 3));
}

TEST_CASE("what is not canonical is read but told apart") {
  const std::string good = event("x");
  const auto canonical = [](const std::string& line) {
    bool is = true;
    const auto record = parse_record(line, &is);
    return record && is;
  };
  CHECK(canonical(good));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string out = good;
    out.replace(out.find(from), from.size(), to);
    return out;
  };
  CHECK_FALSE(canonical(" " + good));
  CHECK_FALSE(canonical(with(",\"message\"", ", \"message\"")));
  CHECK_FALSE(canonical(with("\"x\"", "\"\\u0078\"")));
  CHECK_FALSE(canonical(with("\"x\"", "1.5")));
  CHECK_FALSE(canonical(with("\"x\"", "9223372036854775808")));
  CHECK_FALSE(canonical(with("\"message\"", "\"log\"")));  // twice
  CHECK_FALSE(canonical(with("\"log\"", "\"zone\"")));     // out of order
  CHECK_FALSE(canonical(with("12:00:00.000001Z", "12:00:00Z")));
}

TEST_CASE("what is not flat JSON is refused") {
  for (const std::string_view bad :
       {"", "{", "[]", "x", "{\"a\":[1]}", "{\"a\":{}}", "{\"a\":true}", "{\"a\":null}",
        "{\"a\":1}x", "{\"a\":1}\n{\"b\":2}", "{\"a\":\"\xFF\"}", "\"a\"", "1"}) {
    CHECK_FALSE(parse_record(bad));
  }
  CHECK_FALSE(parse_record(std::string_view("{\"a\":1}\0x", 9)));
  CHECK_FALSE(parse_record(std::string(100000, '[')));
}

TEST_CASE("a long line is cut at characters and its pieces join to the line") {
  std::mt19937 engine(3);
  for (const std::string_view unit : {"a", "核", "\"", "\x01", "\xFF", "\\"}) {
    std::string line;
    while (line.size() < 300000) line += engine() % 4 == 0 ? "xyz" : std::string(unit);
    const auto pieces = split_message(line, 200);
    CHECK(pieces.size() > 1);
    std::string joined;
    for (const std::string_view piece : pieces) {
      CHECK_FALSE(piece.empty());
      const std::string record = event(piece);
      CHECK(record.size() <= record_bytes_max);
      joined += message_of(record);
    }
    CHECK(joined == line);
  }
  CHECK(split_message("short", 200).size() == 1);
  CHECK(split_message("", 200).size() == 1);
}

// As text: fields with their kinds.
std::string shown(const ParsedRecord& record) {
  std::string out;
  for (const RecordField& field : record.fields) {
    out.append(field.key).append(field.is_string ? "=s:" : "=n:").append(field.value).append("|");
  }
  return out;
}

TEST_CASE("a line that is read without the parser is what the parser reads, whatever its bytes") {
  const std::vector<std::string> seeds = {
      R"({"time":"2026-11-22T08:16:05.123456Z","kind":"event","message":"login 17 of 中文 user"})",
      R"({"time":"2026-11-22T08:16:05.123456Z","kind":"usage","n":60,"cpu.used":1.25,"m":0})",
      R"({"a":"","b":-1,"c":1e5,"d":01,"e":1.,"f":123456789012345678901,"a":"twice"})",
      R"({"m":"quote \" slash \\ tab \t \u4e2d"} )",
      R"({"m":"quote \" slash \\ \/ tab \t \b\f\n\r end","k\"ey":"\u0007\u001F\u0041","n":1})",
      "{\"m\":\"bad \xff\xc0\xaf\xed\xa0\x80 bytes\",\"n\":3}",
      R"({"x":{"y":1}})",
      R"({"x":[1]})",
      R"({"x":true})",
      "{}",
      "",
      "{\"x\":\"\x01\"}"};
  std::mt19937 random(7);
  std::size_t plain = 0;
  const auto compare = [&](const std::string& line) {
    const auto quick = read_plain_record(line);
    if (quick == nullptr) return;
    ++plain;
    const auto parsed = parse_flat_json(line);
    CAPTURE(line);
    REQUIRE(parsed);
    REQUIRE(shown(*quick) == shown(**parsed));
  };
  constexpr std::string_view likely = "\"\\{}:,.0129-eEbfnrtu/ \xe4\xb8\xad\xff\x1f\x7f";
  for (const std::string& seed : seeds) {
    compare(seed);
    for (int i = 0; i < 20000 && !seed.empty(); ++i) {
      std::string line = seed;
      for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
        const std::size_t at = random() % line.size();
        const char c = likely[random() % likely.size()];
        if (random() % 3 == 0) {
          line.insert(at, 1, c);
        } else if (random() % 3 == 0 && line.size() > 1) {
          line.erase(at, 1);
        } else {
          line[at] = c;
        }
      }
      compare(line);
    }
  }
  CHECK(plain > 10000);
  CHECK(read_plain_record(seeds[0]) != nullptr);
  CHECK(read_plain_record(seeds[1]) != nullptr);
  CHECK(read_plain_record(seeds[4]) != nullptr);  // lines of web servers and audit have quotes
}

}  // namespace
}  // namespace yunjian::ledger
