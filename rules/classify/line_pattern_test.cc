#include "rules/classify/line_pattern.h"

#include <doctest/doctest.h>

namespace yunjian::rules {
namespace {

std::string_view picked(const Captures& captures, Slot slot) {
  return captures[static_cast<std::size_t>(slot)];
}

bool matches(std::string_view pattern, std::string_view line, Captures* captures = nullptr) {
  const auto parsed = LinePattern::parse(pattern);
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().message);
  Captures found{};
  const bool good = parsed->match(line, found);
  if (captures != nullptr) *captures = found;
  return good;
}

TEST_CASE("A pattern matches a line as a whole") {
  CHECK(matches("Reloading.", "Reloading."));
  CHECK_FALSE(matches("Reloading.", "Reloading. Now"));
  CHECK(matches("Reloading*", "Reloading. Now"));
  CHECK(matches("*Now", "Reloading. Now"));
  CHECK_FALSE(matches("*Now", "Now and then"));
  CHECK(matches("a*b*c", "a1b2b3c"));
}

TEST_CASE("A hole takes the shortest text that lets the rest match") {
  Captures captures{};
  CHECK(matches("for {user} from {address} port {:number}", "for a from b from 1.2.3.4 port 5",
                &captures));
  CHECK(picked(captures, Slot::user) == "a from b");
  CHECK(picked(captures, Slot::address) == "1.2.3.4");
}

TEST_CASE("A longest hole takes the longest one") {
  Captures captures{};
  const std::string_view line = "for a from 1.1.1.1 port 1 from 2.2.2.2 port 2";
  CHECK(matches("for {user:longest} from {address} port *", line, &captures));
  CHECK(picked(captures, Slot::user) == "a from 1.1.1.1 port 1");
  CHECK(picked(captures, Slot::address) == "2.2.2.2");
}

TEST_CASE("Words hold no blanks, numbers only digits, and neither is empty") {
  CHECK(matches("x {:word} y", "x a,b y"));
  CHECK_FALSE(matches("x {:word} y", "x a b y"));
  CHECK_FALSE(matches("x {:word} y", "x  y"));
  CHECK(matches("n={uid}", "n=12"));
  Captures captures{};
  CHECK(matches("from {address}*", "from 10.0.0.1, port 2", &captures));
  CHECK(picked(captures, Slot::address) == "10.0.0.1,");
  CHECK_FALSE(matches("n={uid}", "n=12a"));
  CHECK_FALSE(matches("n={uid}", "n="));
}

TEST_CASE("A backslash makes braces and stars ordinary") {
  CHECK(matches(R"(\{a\} \* {user})", "{a} * x"));
  CHECK_FALSE(matches(R"(\*)", "x"));
}

TEST_CASE("Patterns that mean nothing are refused") {
  for (const char* bad : {"{name}", "{user", "{user:all}", "{user}{uid}", "**", "{user}*"}) {
    CAPTURE(bad);
    CHECK_FALSE(LinePattern::parse(bad).has_value());
  }
}

TEST_CASE("A line made to be slow is given up after a bounded number of tries") {
  std::string pattern = "*";
  for (int i = 0; i < 7; ++i) pattern += "a*b*";
  pattern += "!";
  std::string line;
  for (int i = 0; i < 4000; ++i) line += "ab";
  CHECK_FALSE(matches(pattern, line));
}

}  // namespace
}  // namespace yunjian::rules
