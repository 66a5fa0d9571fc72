#include "rules/classify/classifier.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "ledger/base/bytes.h"
#include "rules/classify/address.h"
#include "rules/classify/syslog_head.h"

namespace yunjian::rules {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string line_of(const Fields& fields, bool with_kind = true) {
  std::string line = R"({"time":"2026-11-22T08:16:05.123456Z")";
  const auto named = [&](std::string_view key) {
    return std::ranges::any_of(fields, [&](const auto& field) { return field.first == key; });
  };
  if (with_kind && !named("kind")) line += R"(,"kind":"event")";
  for (const auto& [key, value] : fields) {
    line += ',';
    ledger::append_json_string(line, key);
    line += ':';
    ledger::append_json_string(line, value);
  }
  return line + "}";
}

// A record and what it means; keeps both alive.
struct Meant {
  std::unique_ptr<ledger::ParsedRecord> record;
  Derived derived;
};

Meant classify(const Fields& fields) {
  auto record = ledger::parse_record(line_of(fields));
  REQUIRE(record);
  auto derived = Classifier::builtin().classify(**record);
  REQUIRE(derived);
  return {.record = *std::move(record), .derived = *std::move(derived)};
}

Meant of_message(const std::string& message, const std::string& program = "") {
  Fields fields;
  if (!program.empty()) fields.emplace_back("process.name", program);
  fields.emplace_back("message", message);
  return classify(fields);
}

std::vector<RuleExample> all_examples() {
  std::vector<RuleExample> examples;
  for (const std::string_view json : classify_files()) {
    const auto file = parse_rule_file(json, &examples);
    REQUIRE_MESSAGE(file.has_value(), file.error().message);
  }
  return examples;
}

std::map<std::string, std::string> texts_of(const Derived& derived) {
  std::map<std::string, std::string> texts;
  const auto put = [&](const char* key, std::string_view value) {
    if (!value.empty()) texts[key] = value;
  };
  put("user", derived.user_name);
  put("uid", derived.user_uid);
  put("address", derived.address);
  put("resource", derived.resource);
  put("operation", derived.operation);
  return texts;
}

std::string number_of(const Derived& derived, std::string_view key) {
  if (key == "status") return std::to_string(derived.status_id);
  if (key == "activity") return std::to_string(derived.activity_id);
  return std::to_string(derived.severity_id);
}

TEST_CASE("Each rule finds its lines, says all it should of them, and leaves others alone") {
  const std::set<std::string_view> numbers = {"status", "activity", "severity"};
  std::size_t looked = 0;
  for (const RuleExample& example : all_examples()) {
    const std::string line = line_of(example.record);
    CAPTURE(example.rule);
    CAPTURE(line);
    const Meant meant = classify(example.record);
    ++looked;
    if (!example.matches) {
      CHECK(meant.derived.rule != example.rule);
      continue;
    }
    CHECK(meant.derived.rule == example.rule);
    std::map<std::string, std::string> texts;
    for (const auto& [key, value] : example.expect) {
      if (numbers.contains(key)) {
        CHECK_MESSAGE(number_of(meant.derived, key) == value, key);
      } else {
        texts[key] = value;
      }
    }
    CHECK(texts_of(meant.derived) == texts);
  }
  CHECK(looked > 300);
}

TEST_CASE("A line means the same from the journal, from a syslog file and with a priority") {
  const std::string text = "Failed password for root from 10.20.0.1 port 50122 ssh2";
  for (const std::string& message :
       {"Nov 22 08:16:05 web-01 sshd[812]: " + text, "Nov  2 08:16:05 web-01 sshd: " + text,
        "2026-11-22T08:16:05.123456+08:00 web-01 sshd[812]: " + text,
        "<38>Nov 22 08:16:05 web-01 sshd[812]: " + text,
        "Nov 22 08:16:05 web-01 /usr/sbin/sshd[812]: " + text}) {
    CAPTURE(message);
    CHECK(of_message(message).derived.rule == "sshd.failed");
  }
  CHECK(of_message(text, "sshd").derived.address == "10.20.0.1");
  CHECK(of_message(text).derived.class_uid == 0);
  CHECK(of_message(text, "nginx").derived.class_uid == 0);
}

TEST_CASE("What no rule knows is not classified but keeps the severity that its source states") {
  const Meant meant = classify({{"severity", "3"}, {"process.name", "portal"}, {"message", "x"}});
  CHECK(meant.derived.class_uid == 0);
  CHECK(meant.derived.severity_id == 4);
  CHECK(meant.derived.rule.empty());
  CHECK(classify({{"message", "x"}}).derived.severity_id == 0);
}

TEST_CASE("Usage records are not classified: they mean what they measure") {
  for (const char* kind : {"usage", "usage_hour"}) {
    const auto record = ledger::parse_record(line_of({{"kind", kind}, {"message", "x"}}));
    REQUIRE(record);
    CHECK_FALSE(Classifier::builtin().classify(**record).has_value());
  }
}

TEST_CASE("A name that an attacker chose cannot move the address") {
  const Meant meant = of_message(
      "Failed password for invalid user root from 192.0.2.1 port 22 ssh2 from 10.20.0.1 port 9 "
      "ssh2",
      "sshd");
  CHECK(meant.derived.address == "10.20.0.1");
}

TEST_CASE("The version follows the bytes of the rules") {
  auto files = classify_files();
  const auto all = Classifier::make(files);
  REQUIRE(all);
  CHECK(all->version() == Classifier::builtin().version());
  files.pop_back();
  CHECK(Classifier::make(files)->version() != all->version());
}

TEST_CASE("Two files for one program are refused, and a rule without lines for and against it") {
  const std::string head = R"({"format":"yunjian/classify-rules/v1","name":"x","by":"line",)"
                           R"("programs":["p"],"rules":[)";
  const std::string rule = R"({"name":"a","class_uid":3002,"lines":["b"])";
  const std::string both = rule + R"(,"examples":[{"line":"b"}],"others":[{"line":"c"}])";
  const std::string good = head + both + "}]}";
  CHECK(Classifier::make({good}).has_value());
  CHECK(Classifier::make({good, good}).error().message.find("'p'") != std::string::npos);
  const auto refused = [&](const std::string& text, std::string_view key) {
    const auto read = parse_rule_file(head + text + "}]}");
    return !read && read.error().message.find(key) != std::string::npos;
  };
  CHECK(refused(rule, "examples"));
  CHECK(refused(rule + R"(,"examples":[],"others":[{"line":"c"}])", "examples"));
  CHECK(refused(rule + R"(,"examples":[{"line":"b"}])", "others"));
  CHECK(refused(rule + R"(,"examples":[{"line":"b"}],"others":[])", "others"));
  CHECK(refused(R"({"name":"a","class_uid":77,"lines":["b"])", "class_uid"));
}

TEST_CASE("An address is taken out of what surrounds it, and a name is none") {
  CHECK(address_in("10.0.0.1") == "10.0.0.1");
  CHECK(address_in("10.0.0.1:443") == "10.0.0.1");
  CHECK(address_in("[fe80::1]:443") == "fe80::1");
  CHECK(address_in("fe80::1%eth0") == "fe80::1");
  CHECK(address_in("mail.example.cn").empty());
  CHECK(address_in("10.0.0.300").empty());
  CHECK(address_in("").empty());
}

TEST_CASE("No bytes make the classifier do anything but answer") {
  std::mt19937 random(6);
  const auto examples = all_examples();
  for (int round = 0; round < 20000; ++round) {
    Fields fields = examples[random() % examples.size()].record;
    std::string& text = fields.back().second;
    for (auto left = random() % 4; left > 0 && !text.empty(); --left) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text.erase(at, random() % 9);
          break;
        case 1:
          text.insert(at, 1, static_cast<char>(32 + random() % 95));
          break;
        default:
          text = text.substr(0, at);
      }
    }
    const auto record = ledger::parse_record(line_of(fields));
    if (!record) continue;  // a character was cut in two
    const auto derived = Classifier::builtin().classify(**record);
    if (derived && !derived->address.empty())
      CHECK(address_in(derived->address) == derived->address);
  }
}

TEST_CASE("A syslog head is told from a text that only looks like one") {
  CHECK(split_syslog("Nov 22 08:16:05 web-01 sshd[812]: x").program == "sshd");
  CHECK(split_syslog("Nov 22 08:16:05 web-01 CRON[1]: x").text == "x");
  CHECK(split_syslog("Nov 22 08:16:05 web-01 a b: x").program.empty());
  CHECK(split_syslog("2026-11-22 08:16:05 install x:amd64").program.empty());
  CHECK(split_syslog("").program.empty());
  CHECK(split_syslog("<38>").program.empty());
  CHECK(split_syslog("Nov 22 08:16:05 ").program.empty());
}

}  // namespace
}  // namespace yunjian::rules
