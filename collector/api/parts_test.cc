#include <doctest/doctest.h>

#include "collector/api/act.h"
#include "collector/api/base64url.h"
#include "collector/api/cursor.h"
#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::collector {
namespace {

TEST_CASE("base64url is canonical and gives every byte string back") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    CHECK(*from_base64url(to_base64url(bytes)) == bytes);
    CHECK(to_base64url(bytes).find_first_of("+/=") == std::string::npos);
    bytes += static_cast<char>(i);
  }
  for (const std::string_view wrong : {"A", "AB", "AA==", "A+AA", "A/AA", "AA A"}) {
    CHECK_FALSE(from_base64url(wrong));
  }
}

// RFC 4231, cases 1, 2 and 6.
TEST_CASE("HMAC-SHA-256 gives the published values") {
  CHECK(ledger::to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(ledger::to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(ledger::to_hex(hmac_sha256(std::string(131, '\xaa'),
                                   "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("a cursor gives its key back for its question and key only") {
  const CursorSealer cursors("secret");
  const RecordKey key{.time = ledger::parse_time("1970-01-01T00:00:00.000001Z").value(),
                      .stream = std::string(32, 'a') + ".1",
                      .number = ~std::uint64_t{0}};
  const std::string cursor = cursors.seal(key, "question");
  CHECK(cursors.open(cursor, "question") == key);
  CHECK_FALSE(cursors.open(cursor, "question2").has_value());
  CHECK_FALSE(CursorSealer("secret2").open(cursor, "question").has_value());
  CHECK_FALSE(cursors.open(cursors.seal_name("short", "question"), "question").has_value());
}

TEST_CASE("an act becomes a canonical record, whatever its details hold") {
  Act act(ledger::parse_time("2026-11-22T08:00:00.000000Z").value(), "query");
  act.text("who", "\xff\xfe").text("q", std::string(20'000, 'q') + "查").number("results", 3);
  act.text("from", "2026-01-01").text("address", "::1");
  const std::string line = act.line();
  bool canonical = false;
  const auto record = ledger::parse_record(line, &canonical);
  REQUIRE(record);
  CHECK(canonical);
  CHECK((*record)->find("who") == "\\xFF\\xFE");
  CHECK((*record)->find("q")->size() < act_text_bytes_max + 10);
  CHECK((*record)->find("from") == "2026-01-01");
  CHECK(line.size() < ledger::record_bytes_max);
}

TEST_CASE("a long Chinese text is cut between characters") {
  Act act(ledger::Time{}, "query");
  std::string text = "a";
  for (int i = 0; i < 3000; ++i) text += "查";
  act.text("q", text);
  const auto record = ledger::parse_record(act.line());
  REQUIRE(record);
  CHECK(ledger::is_valid_utf8(*(*record)->find("q")));
  CHECK((*record)->find("q")->ends_with("查…"));
}

}  // namespace
}  // namespace yunjian::collector
