#include "agent/mask/masker.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/mask/literal_scan.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

using std::chrono::seconds;
using namespace std::string_literals;

constexpr MaskOptions everything{.enabled = true, .identity_cards = true, .mobile_numbers = true};

std::string record_of(std::string_view message, std::string_view log = "/var/log/app.log") {
  std::string out;
  ledger::RecordWriter record(out, ledger::Time(seconds(1'795'334'400)), "event");
  record.text("source", "file").text("log", log).message(message).finish();
  return out;
}

std::string value_of(std::string_view line, std::string_view key) {
  bool canonical = false;
  const auto record = ledger::parse_record(line, &canonical);
  REQUIRE(record);
  CHECK(canonical);
  return std::string((*record)->find(key).value_or(""));
}

// What is sealed of a message that comes in a record of its own.
std::string masked(Masker& masker, std::string_view message,
                   std::string_view log = "/var/log/app.log") {
  const std::string record = record_of(message, log);
  const std::string out(masker.mask(record));
  masker.taken();
  CHECK(out.size() <= record.size() + 64);
  return value_of(out, "message");
}

TEST_CASE("every rule masks what its examples say and leaves what they say") {
  const auto rules = parse_mask_rules(mask_rules_json());
  REQUIRE_MESSAGE(rules.has_value(), (rules ? "" : rules.error().message));
  CHECK(rules->size() >= 9);
  for (const auto& rule : *rules) {
    CAPTURE(rule.name);
    for (const auto& [text, wanted] : rule.must) {
      Masker masker(everything);
      CHECK(masked(masker, text) == wanted);
      const std::string line(masker.mask(record_of(text)));
      CHECK(value_of(line, "masked").find(rule.name) != std::string::npos);
      CHECK(masked(masker, wanted) == wanted);  // what is masked stays as it is
    }
    for (const auto& text : rule.must_not) {
      Masker masker(everything);
      CHECK(masked(masker, text) == text);
    }
  }
}

TEST_CASE("a record without a secret passes byte for byte") {
  Masker masker(everything);
  const std::string record = record_of("Accepted publickey for li from 10.0.0.1 port 4711 ssh2");
  CHECK(masker.mask(record).data() == record.data());
}

TEST_CASE("identity cards and mobile numbers stay unless masking them is configured") {
  Masker masker({});
  CHECK(masked(masker, "id 11010519491231002X tel 13812345678") ==
        "id 11010519491231002X tel 13812345678");
}

TEST_CASE("masking can be switched off") {
  Masker masker({.enabled = false});
  CHECK(masked(masker, "password=hunter2") == "password=hunter2");
}

TEST_CASE("several secrets in one record are all masked and all named") {
  Masker masker({});
  const std::string line(
      masker.mask(record_of("PASSWORD=a1b2 curl -u li:zzzz https://u:pppp@host/ token=12345678")));
  CHECK(value_of(line, "message") == "PASSWORD=*** curl -u li:*** https://u:***@host/ token=***");
  CHECK(value_of(line, "masked") == "password,secret,command,url");
}

TEST_CASE("the secret of a command is masked in every form in which an audit event repeats it") {
  std::string record;
  ledger::RecordWriter writer(record, ledger::Time(seconds(1'795'334'400)), "event");
  writer.text("source", "audit")
      .text("log", "audit")
      .text("audit.command", "mysql -u root -pS3cret shop")
      .integer("audit.serial", 7)
      .message(
          "type=EXECVE a0=\"mysql\" a3=\"-pS3cret\"\nproctitle=6D7973716C002D705333637265740073")
      .finish();
  Masker masker({});
  const std::string line(masker.mask(record));
  CHECK(value_of(line, "audit.command") == "mysql -u root -p*** shop");
  CHECK(value_of(line, "message") ==
        "type=EXECVE a0=\"mysql\" a3=\"-p***\"\nproctitle=6D7973716C002D702A2A2A0073");
  CHECK(value_of(line, "audit.serial") == "7");
}

TEST_CASE("bytes that are no UTF-8 stay what they were around a mask") {
  Masker masker({});
  const std::string line(masker.mask(record_of("\xff password=hunter2 \\ \xb9\xfa")));
  CHECK(value_of(line, "encoding") == "escaped");
  CHECK(ledger::unescape_bytes(value_of(line, "message")).value() ==
        "\xff password=*** \\ \xb9\xfa");
}

TEST_CASE("a masked record is never longer but for its key") {
  Masker masker({});
  const std::string record = record_of("password=a passwd=bb passphrase=ccc");
  const std::string line(masker.mask(record));
  CHECK(value_of(line, "message") == "password=* passwd=** passphrase=***");
}

const std::vector<std::string> key_lines = {
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQ",
    "QyNTUxOQAAACDAAA==",
    "-----END OPENSSH PRIVATE KEY-----",
    "next line AAAABBBBCCCCDDDDEEEEFFFF",
};

TEST_CASE("a private key over several records is masked, what follows is not") {
  Masker masker({});
  std::vector<std::string> out;
  for (const auto& line : key_lines) {
    out.push_back(masked(masker, line));
    CHECK(masked(masker, line, "/other") == out.back());  // logs do not disturb one another
  }
  CHECK(out == std::vector<std::string>{key_lines[0], "***", "***", key_lines[3], key_lines[4]});
  CHECK(masker.position().empty());
}

TEST_CASE("a private key in lines with a prefix is masked, strangers between its lines are not") {
  Masker masker({});
  const std::string prefix = "Nov 22 10:00:00 web-01 app[7]: ";
  CHECK(masked(masker, prefix + key_lines[0]) == prefix + key_lines[0]);
  CHECK(masked(masker, prefix + key_lines[1]) == prefix + "***");
  CHECK(masked(masker, "Nov 22 10:00:00 web-01 sshd[8]: session opened for user li") ==
        "Nov 22 10:00:00 web-01 sshd[8]: session opened for user li");
  CHECK(masked(masker, prefix + key_lines[2]) == prefix + "***");
}

TEST_CASE("a key that is cut by a restart goes on being masked") {
  Masker first({});
  masked(first, key_lines[0]);
  Masker second({});
  REQUIRE(second.restore(first.position()));
  CHECK(masked(second, key_lines[1]) == "***");
  CHECK_FALSE(second.restore("mask/v1;x"));
  CHECK(second.position().empty());
}

TEST_CASE("a record that was refused does not count") {
  Masker masker({});
  const std::string begin = record_of(key_lines[0]);
  masker.mask(begin);  // no taken(): the batch was full
  CHECK(masked(masker, key_lines[1]) == key_lines[1]);
}

TEST_CASE("a beginning without end does not mask for ever") {
  Masker masker({});
  masked(masker, key_lines[0]);
  for (int i = 0; i < 128; ++i) masked(masker, "word");
  CHECK(masker.position().empty());
  CHECK(masked(masker, "word") == "word");
}

TEST_CASE("the fast look for words finds what a slow one finds") {
  const std::vector<std::string> words = {"password", "://", "token", "密码", "-----begin", "eyj"};
  const LiteralScan scan(words);
  std::minstd_rand random(7);
  std::vector<LiteralScan::Hit> hits;
  const std::string letters = "paswordtken:/-EBGIbegineyJ密码 ";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    const std::size_t size = random() % 90;
    while (text.size() < size) {
      if (random() % 8 == 0) {
        text += words[random() % words.size()];
      } else {
        text += letters[random() % letters.size()];
      }
    }
    std::string lower = text;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    std::size_t wanted = 0;
    for (const auto& word : words) {
      for (auto at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1))
        ++wanted;
    }
    scan.find(text, hits);
    CAPTURE(text);
    REQUIRE(hits.size() == wanted);
    for (const auto& hit : hits)
      REQUIRE(lower.compare(hit.begin, words[hit.word].size(), words[hit.word]) == 0);
  }
}

using Place = std::pair<std::size_t, std::size_t>;

std::set<Place> places_of(const LiteralScan& scan, std::string_view text) {
  std::vector<LiteralScan::Hit> hits;
  scan.find(text, hits);
  std::set<Place> places;
  for (const auto& hit : hits) places.emplace(hit.begin, hit.word);
  return places;
}

TEST_CASE("whatever the processor can, the same words are found at every place of a line") {
  const std::vector<std::string> words = {"password", "pwd", "://", "密码", "eyj", "--pass "};
  const std::vector<std::string> filling = {"p", " ", "密", ":", "/", "pass", "\0"s, "Pw", "\x0d"};
  const LiteralScan one(words, 1);
  const LiteralScan sixteen(words, 16);
  const LiteralScan all(words);
  std::minstd_rand random(20261127);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    std::string folded;
    for (auto i = random() % 40; i > 0; --i) {
      const auto& from = random() % 4 == 0 ? words : filling;
      std::string next = from[random() % from.size()];
      folded += next == "Pw" ? "pw" : next;
      if (random() % 3 == 0 && next == "password") next = "PassWord";
      text += next;
    }
    std::set<Place> wanted;
    for (std::size_t word = 0; word < words.size(); ++word) {
      for (auto at = folded.find(words[word]); at != std::string::npos;
           at = folded.find(words[word], at + 1))
        wanted.emplace(at, word);
    }
    REQUIRE(places_of(one, text) == wanted);
    REQUIRE(places_of(sixteen, text) == wanted);
    REQUIRE(places_of(all, text) == wanted);
  }
}

}  // namespace
}  // namespace yunjian::agent
