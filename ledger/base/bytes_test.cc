#include "ledger/base/bytes.h"

#include <doctest/doctest.h>

#include <vector>

namespace yunjian::ledger {
namespace {

std::string utf8_of(std::uint32_t code) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | code >> 6), byte(0x80 | (code & 63))};
  if (code < 0x10000) {
    return {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63))};
  }
  return {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 63)), byte(0x80 | (code >> 6 & 63)),
          byte(0x80 | (code & 63))};
}

std::string all_bytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

}  // namespace

TEST_CASE("base64 gives the vectors of RFC 4648 and reads them back") {
  const std::vector<std::pair<std::string, std::string>> vectors = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, encoded] : vectors) {
    CHECK(to_base64(plain) == encoded);
    CHECK(from_base64(encoded).value() == plain);
  }
}

TEST_CASE("base64 and hex give back every byte at every length") {
  const std::string bytes = all_bytes() + all_bytes();
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::string_view part = std::string_view(bytes).substr(bytes.size() - length);
    REQUIRE(from_base64(to_base64(part)).value() == part);
    REQUIRE(from_hex(to_hex(part)).value() == part);
  }
}

TEST_CASE("base64 that another text could also stand for is refused") {
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zm8=Zm8=", "Zg==Zg==", "Zm9v\n",
        "Zm 9", "Zm9-", "Zm9_", "=m9v", "Z=9v", "Zm=v", "Zm\xc3v"}) {
    CAPTURE(text);
    const auto decoded = from_base64(text);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().kind == ErrorKind::reject);
  }
}

TEST_CASE("exactly one base64 text of four characters decodes to each one-byte value") {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  int accepted = 0;
  for (const char a : digits) {
    for (const char b : digits) {
      const std::string text = {a, b, '=', '='};
      const auto decoded = from_base64(text);
      if (!decoded) continue;
      ++accepted;
      CHECK(to_base64(*decoded) == text);
    }
  }
  CHECK(accepted == 256);
}

TEST_CASE("a hash in base64 must have exactly 32 bytes") {
  Hash hash{};
  hash[0] = 1;
  hash[31] = 0xff;
  CHECK(hash_from_base64(to_base64(as_view(hash))).value() == hash);
  CHECK_FALSE(hash_from_base64(to_base64(std::string(31, 'x'))));
  CHECK_FALSE(hash_from_base64(to_base64(std::string(33, 'x'))));
  CHECK_FALSE(hash_from_base64(""));
}

TEST_CASE("hex is lower case and even") {
  CHECK(to_hex(std::string("\x00\xab\xff", 3)) == "00abff");
  for (const char* text : {"0", "0G", "AB", "0x", " 0", "00\n0", "a\xe9"}) {
    CAPTURE(text);
    CHECK_FALSE(from_hex(text));
  }
}

TEST_CASE("a decimal has one spelling and lies below 2^63") {
  CHECK(parse_decimal("0").value() == 0);
  CHECK(parse_decimal("10").value() == 10);
  CHECK(parse_decimal("9223372036854775807").value() == 9223372036854775807U);
  for (const char* text : {"", "00", "01", "-1", "+1", " 1", "1 ", "1a", "9223372036854775808",
                           "9999999999999999999", "18446744073709551616", "99999999999999999999"}) {
    CAPTURE(text);
    const auto value = parse_decimal(text);
    REQUIRE_FALSE(value);
    CHECK(value.error().kind == ErrorKind::reject);
  }
}

TEST_CASE("big-endian integers have the most significant byte first") {
  std::string out;
  put_u32be(out, 0x01020304);
  put_u64be(out, 0x05060708090a0b0c);
  CHECK(to_hex(out) == "0102030405060708090a0b0c");
  CHECK(get_u32be(out.data()) == 0x01020304);
  CHECK(get_u64be(out.data() + 4) == 0x05060708090a0b0c);
}

TEST_CASE("every Unicode scalar value is valid UTF-8 wherever it stands in a word") {
  std::string all;
  for (std::uint32_t code = 0; code <= 0x10ffff; ++code) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    all += utf8_of(code);
    if (code % 4099 == 0) all += "ascii";
  }
  CHECK(is_valid_utf8(all));
  for (std::size_t ascii = 0; ascii <= 17; ++ascii) {
    for (const char* tail : {"", "x", "云鉴", "é", "\xf0\x9f\x94\x92", "云a鉴bcdefghijk"}) {
      CHECK(is_valid_utf8(std::string(ascii, 'a') + tail));
      CHECK(is_valid_utf8(std::string(ascii, 'a') + tail + std::string(ascii, 'b')));
    }
  }
}

TEST_CASE("surrogates, overlong forms, values above U+10FFFF and stray bytes are not UTF-8") {
  std::vector<std::string> bad = {"\x80",
                                  "\xbf",
                                  "\xc0\x80",
                                  "\xc1\xbf",
                                  "\xe0\x80\x80",
                                  "\xe0\x9f\xbf",
                                  "\xf0\x80\x80\x80",
                                  "\xf0\x8f\xbf\xbf",
                                  "\xf4\x90\x80\x80",
                                  "\xf5\x80\x80\x80",
                                  "\xff",
                                  "\xfe",
                                  "\xc3\x28",
                                  "\xe2\x28\xa1",
                                  "\xe2\x82\x28",
                                  "\xf0\x28\x8c\xbc",
                                  "\xf0\x90\x28\xbc",
                                  "\xf0\x90\x8c\x28"};
  for (std::uint32_t code = 0xd800; code <= 0xdfff; ++code) bad.push_back(utf8_of(code));
  for (const std::string& text : bad) {
    CAPTURE(to_hex(text));
    for (std::size_t before = 0; before <= 9; ++before) {
      const std::string start(before, 'a');
      REQUIRE_FALSE(is_valid_utf8(start + text));
      REQUIRE_FALSE(is_valid_utf8(start + text + "abcdefgh"));
      REQUIRE_FALSE(is_valid_utf8(start + "云" + text));
    }
  }
}

TEST_CASE("a character cut short at any byte is not UTF-8") {
  for (const std::uint32_t code : {0x80U, 0x7ffU, 0x800U, 0xffffU, 0x10000U, 0x10ffffU}) {
    const std::string whole = utf8_of(code);
    for (std::size_t length = 1; length < whole.size(); ++length) {
      CHECK_FALSE(is_valid_utf8(whole.substr(0, length)));
      CHECK_FALSE(is_valid_utf8("abcdefg" + whole.substr(0, length)));
    }
  }
}

TEST_CASE("a wiped secret is gone from the memory it was in") {
  std::string secret(100, 'k');
  const char* at = secret.data();
  secret.resize(40);
  wipe(secret);
  CHECK(secret.empty());
  REQUIRE(secret.data() == at);
  CHECK(secret.capacity() >= 100);
  secret.resize(1);
  CHECK(std::string_view(secret.data(), 1) == std::string_view("\0", 1));
}

}  // namespace yunjian::ledger
