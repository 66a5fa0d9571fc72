#include "collector/query/query.h"

#include <doctest/doctest.h>

#include <random>

namespace yunjian::collector {
namespace {

const std::string sshd =
    R"({"time":"2026-11-22T08:16:05.123456Z","kind":"event","source":"file",)"
    R"("log":"/var/log/auth.log","severity":6,"process.name":"sshd","process.pid":812,)"
    R"("message":"Failed password for root from 10.20.0.1 port 50122 ssh2; 用户登录失败"})";
const std::string usage =
    R"({"time":"2026-11-22T08:17:00.000000Z","kind":"usage","interval_s":10,"cpu.used":12.50})";

bool find(std::string_view query, const std::string& line) {
  const auto parsed = Query::parse(query);
  REQUIRE_MESSAGE(parsed.has_value(), query, ": ", parsed.error().message);
  const auto record = ledger::parse_record(line);
  return parsed->matches({.record = record ? record->get() : nullptr,
                          .line = line,
                          .host = "web-01",
                          .unit = "finance",
                          .stream = "5f0c.1"});
}

std::string problem(std::string_view query) {
  const auto parsed = Query::parse(query);
  REQUIRE_MESSAGE(!parsed.has_value(), query);
  CHECK(parsed.error().kind == ledger::ErrorKind::reject);
  return parsed.error().message;
}

TEST_CASE("A bare word is a whole token of any text, whatever its case") {
  CHECK(find("failed", sshd));
  CHECK(find("FAILED", sshd));
  CHECK(find("sshd", sshd));
  CHECK_FALSE(find("ssh", sshd));
  CHECK_FALSE(find("fail", sshd));
  CHECK_FALSE(find("assword", sshd));
  CHECK(find("auth", sshd));
  CHECK(find("auth.log", sshd));
  CHECK(find("/var/log/auth.log", sshd));
}

TEST_CASE("A bare word finds neither the keys, nor numbers, nor the time of a record") {
  CHECK_FALSE(find("message", sshd));
  CHECK_FALSE(find("812", sshd));
  CHECK_FALSE(find("2026", sshd));
}

TEST_CASE("A whole IP address is found, a part of another one is not") {
  CHECK(find("10.20.0.1", sshd));
  CHECK_FALSE(find("0.20.0.1", sshd));
  const std::string other = R"({"message":"from 10.20.0.12, 1.10.20.0.1 and fe80::1:2 end."})";
  CHECK_FALSE(find("10.20.0.1", other));
  CHECK(find("10.20.0.12", other));
  CHECK(find("fe80::1:2", other));
  CHECK_FALSE(find("fe80::1", other));
}

TEST_CASE("A Chinese word is found inside a text without spaces") {
  CHECK(find("登录", sshd));
  CHECK(find("用户登录失败", sshd));
  CHECK(find("message: 登录失败", sshd));
  CHECK_FALSE(find("成功", sshd));
}

TEST_CASE("A phrase must stand in one piece with its punctuation") {
  CHECK(find("\"password for root\"", sshd));
  CHECK(find("\"ssh2; 用户\"", sshd));
  CHECK_FALSE(find("\"for password\"", sshd));
  CHECK_FALSE(find("\"password for roo\"", sshd));
  CHECK(find(R"("say \"hi\" \\ now")", R"({"message":"say \"hi\" \\ now"})"));
}

TEST_CASE("A star at the end asks for the beginning of a token") {
  CHECK(find("pass*", sshd));
  CHECK(find("process.name: ssh*", sshd));
  CHECK_FALSE(find("process.name: shd*", sshd));
  CHECK(find("host: web*", sshd));
  CHECK(find("*", sshd));
  CHECK(find("\"10.20.0\"", sshd));
}

TEST_CASE("A field is asked alone; ids are compared as a whole") {
  CHECK(find("process.name: sshd", sshd));
  CHECK(find("process.name:sshd", sshd));
  CHECK(find("message: \"Failed password\"", sshd));
  CHECK_FALSE(find("process.name: failed", sshd));
  CHECK(find("host: web-01", sshd));
  CHECK(find("host: WEB-01", sshd));
  CHECK_FALSE(find("host: web", sshd));
  CHECK(find("unit: finance", sshd));
  CHECK(find("kind: usage", usage));
  CHECK_FALSE(find("kind: usage", R"({"kind":"usage_hour"})"));
  CHECK_FALSE(find("nothing: here", sshd));
}

TEST_CASE("A field that exists, a field that does not") {
  CHECK(find("process.pid: *", sshd));
  CHECK_FALSE(find("process.pid: *", usage));
  CHECK(find("not process.pid: *", usage));
  CHECK(find("host: *", usage));
}

TEST_CASE("Numbers compare as numbers") {
  CHECK(find("severity: 6", sshd));
  CHECK(find("severity <= 6", sshd));
  CHECK_FALSE(find("severity < 6", sshd));
  CHECK(find("process.pid > 90", sshd));
  CHECK(find("cpu.used >= 12.5", usage));
  CHECK(find("cpu.used: 12.5", usage));
  CHECK_FALSE(find("cpu.used > 12.5", usage));
  CHECK_FALSE(find("message > 5", sshd));
}

TEST_CASE("Times compare as times, in any offset") {
  CHECK(find("time >= 2026-11-22T08:16:05.123456Z", sshd));
  CHECK(find("time < \"2026-11-22T16:16:06+08:00\"", sshd));
  CHECK(find("time >= 2026-11-22 and time < 2026-11-23", sshd));
  CHECK_FALSE(find("time > 2026-11-22T08:17:00Z", usage));
}

TEST_CASE("An address range finds any address within, in a field or anywhere") {
  CHECK(find("message: 10.0.0.0/8", sshd));
  CHECK(find("10.20.0.0/30", sshd));
  CHECK_FALSE(find("10.21.0.0/16", sshd));
  CHECK(find("fe80::/10", R"({"message":"from [fe80::12]:443."})"));
  CHECK(find("192.168.0.0/16", R"({"message":"from 192.168.3.4:22"})"));
}

TEST_CASE("and, or, not and parentheses; side by side means and; and binds before or") {
  CHECK(find("failed root", sshd));
  CHECK_FALSE(find("failed nobody", sshd));
  CHECK(find("nobody or root", sshd));
  CHECK(find("nobody and x or root", sshd));
  CHECK_FALSE(find("nobody and (x or root)", sshd));
  CHECK(find("not nobody", sshd));
  CHECK_FALSE(find("NOT failed", sshd));
  CHECK(find("failed and not (nobody or x)", sshd));
  CHECK(find("not not failed", sshd));
}

TEST_CASE("A field takes several values in parentheses, and what follows is a new condition") {
  CHECK(find("process.name: (cron or sshd)", sshd));
  CHECK(find("process.name: (cron or sshd) and severity: 6", sshd));
  CHECK(find("process.name: (cron or sshd) severity: 6", sshd));
  CHECK_FALSE(find("process.name: (cron or sshd) severity: 5", sshd));
  CHECK(find("message: (root and not nobody)", sshd));
}

TEST_CASE("A line that is no record is searched as text and has only host, unit and stream") {
  const std::string broken = "{\"message\": nonsense 登录 from 10.20.0.1";
  CHECK(find("nonsense", broken));
  CHECK(find("登录", broken));
  CHECK(find("10.0.0.0/8", broken));
  CHECK(find("host: web-01", broken));
  CHECK_FALSE(find("message: nonsense", broken));
}

TEST_CASE("A backslash takes the meaning from a special character") {
  CHECK(find(R"(message: a\*)", R"({"message":"a* b"})"));
  CHECK(find(R"(key\:value)", R"({"message":"key:value"})"));
  CHECK(find(R"(a\ b)", R"({"message":"a b"})"));
  CHECK(find(R"(\and)", R"({"message":"and"})"));
}

TEST_CASE("No query finds everything") {
  CHECK(Query::parse("")->matches_everything());
  CHECK(Query::parse("  ")->matches_everything());
  CHECK_FALSE(Query::parse("a")->matches_everything());
}

TEST_CASE("A mistake is told with its column, counted in characters") {
  CHECK(problem("failed \"open").starts_with("column 8:"));
  CHECK(problem("登录 (root").starts_with("column 4:"));
  CHECK(problem("root)").starts_with("column 5:"));
  CHECK(problem("root and").starts_with("column 9:"));
  CHECK(problem("or root").starts_with("column 1:"));
  CHECK(problem("a and or b").starts_with("column 7:"));
  CHECK(problem("severity >= high").starts_with("column 13:"));
  CHECK(problem("severity >=").starts_with("column 12:"));
  CHECK(problem("host:").starts_with("column 6:"));
  CHECK(problem("host: )").starts_with("column 7:"));
  CHECK(problem(": x").starts_with("column 1:"));
  CHECK(problem("\"host\": x").starts_with("column 1:"));
  CHECK(problem("a and /x(/").starts_with("column 7: this is no regular"));
  CHECK(problem("message: /a**/").starts_with("column 10: this is no regular"));
  CHECK(problem("a*b: x").starts_with("column 1:"));

  CHECK(problem("time: 2026-11-22").find("from and to") != std::string::npos);
  CHECK(problem("a \\").starts_with("column 3:"));
  CHECK(problem("\xff").find("UTF-8") != std::string::npos);
}

TEST_CASE("Queries beyond the limits are refused, those at the limit are not") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "a" + std::string(depth, ')');
  };
  CHECK(Query::parse(nested(query_depth_max - 1)).has_value());
  CHECK_FALSE(Query::parse(nested(query_depth_max)).has_value());
  CHECK_FALSE(Query::parse(std::string(4000, '(')).has_value());
  std::string many;
  for (std::size_t i = 0; i < query_tests_max; ++i) many += "a ";
  CHECK(Query::parse(many).has_value());
  CHECK_FALSE(Query::parse(many + "a").has_value());
  CHECK(Query::parse(std::string(query_bytes_max, 'a')).has_value());
  CHECK_FALSE(Query::parse(std::string(query_bytes_max + 1, 'a')).has_value());
}

TEST_CASE("A star inside a word stands for any characters but blanks, in ids for any") {
  CHECK(find("pa*rd", sshd));
  CHECK(find("*word", sshd));
  CHECK(find("message: f*ed", sshd));
  CHECK_FALSE(find("f*root", sshd));
  CHECK_FALSE(find("p*wor", sshd));
  CHECK(find("host: *-01", sshd));
  CHECK(find("host: W*1", sshd));
  CHECK_FALSE(find("host: eb*1", sshd));
  CHECK(find("kind: e*t", sshd));
  CHECK(find("process.pid: 8*2", sshd));
  CHECK(find(R"(message: a\**b)", R"({"message":"a*xb"})"));
}

TEST_CASE("A regular expression of RE2 finds a part of a text, and tells case apart") {
  CHECK(find("/Failed (password|none)/", sshd) == false);  // a blank ends it
  CHECK(find(R"(/Failed\s(password|none)/)", sshd));
  CHECK(find("message: /p[a-z]+rd/", sshd));
  CHECK_FALSE(find("message: /FAILED/", sshd));
  CHECK(find("message: /(?i)FAILED/", sshd));
  CHECK(find("(message: /登失/ and sshd)", sshd) == false);
  CHECK(find("(message: /登.*失/ and sshd)", sshd));
  CHECK(find("message: (/nobody/ or /root/)", sshd));
  CHECK(find("log: /^\\/var\\/log\\//", sshd));
  CHECK(find("/var/log/auth.log", sshd));
  CHECK(find("process.pid: /^81/", sshd));
}

TEST_CASE("Derived fields are asked like those of the line, which come first") {
  const std::vector<DerivedField> derived = {
      {.key = "class_uid", .value = "3002", .is_string = false},
      {.key = "actor.user.name", .value = "root", .is_string = true},
      {.key = "process.name", .value = "other", .is_string = true}};
  const auto record = ledger::parse_record(sshd).value();
  const auto found = [&](std::string_view text) {
    return Query::parse(text)->matches({.record = record.get(), .line = sshd, .derived = derived});
  };
  CHECK(found("class_uid: 3002"));
  CHECK(found("class_uid >= 3001 and actor.user.name: root"));
  CHECK(found("process.name: sshd"));
  CHECK_FALSE(found("process.name: other"));
  CHECK(found("not resource: *"));
}

TEST_CASE("No text makes the parser do anything but answer") {
  std::mt19937 random(20261122);
  const std::string alphabet = "ab: ()\"<>=*\\/1.[+?{|登not or and ";
  const auto record = ledger::parse_record(sshd).value();
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (auto left = random() % 24; left > 0; --left) text += alphabet[random() % alphabet.size()];
    const auto query = Query::parse(text);
    if (query) {
      static_cast<void>(query->matches({.record = record.get(), .line = sshd}));
    } else {
      CHECK(query.error().message.starts_with("column "));
    }
  }
}

}  // namespace
}  // namespace yunjian::collector
