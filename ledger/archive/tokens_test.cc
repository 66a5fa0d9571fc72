#include "ledger/archive/tokens.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace yunjian::ledger {
namespace {

using Tokens = std::vector<std::string>;

Tokens tokens_of(std::string_view text) {
  Tokens all;
  visit_tokens(text, [&](std::string_view token) { all.emplace_back(token); });
  return all;
}

TEST_CASE("words are lower-cased runs of letters, digits and underscores") {
  CHECK(tokens_of("Failed password_for ROOT!") == Tokens{"failed", "password_for", "root"});
  CHECK(tokens_of("web-01 /var/log") == Tokens{"web", "01", "var", "log"});
  CHECK(tokens_of("").empty());
  CHECK(tokens_of(std::string(300, 'A')) == Tokens{std::string(300, 'a')});
}

TEST_CASE("an address is one token besides its numbers") {
  CHECK(tokens_of("from 10.20.0.1:22") == Tokens{"from", "10", "10.20.0.1", "20", "0", "1", "22"});
  CHECK(tokens_of("10.20.0.1.") == Tokens{"10", "10.20.0.1", "20", "0", "1"});
  CHECK(tokens_of("1.2.3") == Tokens{"1", "2", "3"});
  CHECK(tokens_of("1..2.3.4") == Tokens{"1", "2", "3", "4"});
  CHECK(tokens_of("1234.2.3.4") == Tokens{"1234", "2", "3", "4"});
  CHECK(tokens_of("a.2.3.4") == Tokens{"a", "2", "3", "4"});
}

TEST_CASE("Chinese text gives each character and each pair of neighbours") {
  CHECK(tokens_of("用户登录") == Tokens{"用", "户", "用户", "登", "户登", "录", "登录"});
  CHECK(tokens_of("root登录x") == Tokens{"root", "登", "录", "登录", "x"});
  CHECK(tokens_of("é,\xff\xe4\xb8") == Tokens{});
}

TEST_CASE("hashes are those of the tokens") {
  std::vector<std::uint64_t> hashes;
  append_token_hashes("Root 登录 10.0.0.1", hashes);
  for (const char* token : {"root", "登录", "登", "10.0.0.1"}) {
    CHECK(std::ranges::count(hashes, token_hash(token)) == 1);
  }
}

TEST_CASE("what a pattern needs stands in every text that holds it") {
  CHECK(needed_tokens("登录失败", false) == Tokens{"失败", "录失", "登录"});
  CHECK(needed_tokens("登", false) == Tokens{"登"});
  CHECK(needed_tokens("Password for", false) == Tokens{"for", "password"});
  CHECK(needed_tokens("pass", true).empty());
  CHECK(needed_tokens("for pass", true) == Tokens{"for"});
  CHECK(needed_tokens("10.0.0.1", true) == Tokens{"0", "10"});
  CHECK(needed_tokens("10.0.0.1", false) == Tokens{"0", "1", "10", "10.0.0.1"});
  const std::string text = "sshd[812]: Failed password for root from 10.0.0.12 port 22 登录失败";
  const Tokens all = tokens_of(text);
  for (const auto& [pattern, prefix] :
       std::vector<std::pair<std::string, bool>>{{"failed PASSWORD", false},
                                                 {"10.0.0.1", true},
                                                 {"root from 10.0.0.12", false},
                                                 {"录失", false},
                                                 {"812]: fai", true}}) {
    for (const std::string& token : needed_tokens(pattern, prefix)) {
      CAPTURE(pattern);
      CAPTURE(token);
      CHECK(std::ranges::count(all, token) > 0);
    }
  }
}

}  // namespace
}  // namespace yunjian::ledger
