#include "ledger/archive/wal_entry.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace yunjian::ledger {
namespace {

using namespace std::chrono_literals;

std::vector<WalEntry> one_of_each() {
  const BodySpan span{.event = true,
                      .usage = false,
                      .hour = true,
                      .timed = true,
                      .untimed = true,
                      .time_min = Time(1'000'000us),
                      .time_max = Time(2'000'001us)};
  Hash hash{};
  hash.fill(0xa5);
  return {
      WalBatch{Time(5us), span, false, "tax", "web-01", "the header\n",
               std::string_view("b\0y", 3)},
      WalBatch{Time(5us), {}, true, "tax", "web-01", "the header\n", ""},
      WalLeaf{Time(6us), "a leaf\n"},
      WalBodyFill{Time(7us), span, 12, "5f.1", "late body"},
      WalForkBody{Time(8us), 13, hash, "5f.1", "other body"},
      WalOwnRecord{Time(9us), R"({"time":"x"})"},
  };
}

std::string payload_of(const WalEntry& entry) {
  std::string head;
  encode_wal_head(entry, head);
  return head.append(wal_tail(entry));
}

TEST_CASE("a WAL entry of every type comes back as it was written") {
  for (const WalEntry& entry : one_of_each()) {
    const std::string payload = payload_of(entry);
    const auto type = static_cast<std::uint8_t>(wal_type(entry));
    const auto read = decode_wal_entry(type, payload);
    REQUIRE(read);
    CHECK(read->index() == entry.index());
    CHECK(payload_of(*read) == payload);
  }
}

TEST_CASE("a batch entry keeps unit, host, header, body and span apart") {
  const std::vector<WalEntry> entries = one_of_each();
  const std::string payload = payload_of(entries[0]);
  const auto read = decode_wal_entry(1, payload);
  REQUIRE(read);
  const auto& batch = std::get<WalBatch>(*read);
  const auto& written = std::get<WalBatch>(entries[0]);
  CHECK(batch.received == written.received);
  CHECK(batch.unit == "tax");
  CHECK(batch.host == "web-01");
  CHECK(batch.header == "the header\n");
  CHECK(batch.body == std::string_view("b\0y", 3));
  CHECK(batch.span == written.span);
  CHECK_FALSE(batch.hollow);
}

TEST_CASE("a payload cut inside its fixed part is corrupt, never misread") {
  for (const WalEntry& entry : one_of_each()) {
    std::string head;
    encode_wal_head(entry, head);
    for (std::size_t length = 0; length < head.size(); ++length) {
      const auto type = static_cast<std::uint8_t>(wal_type(entry));
      const auto read = decode_wal_entry(type, std::string_view(head).substr(0, length));
      REQUIRE_FALSE(read);
      CHECK(read.error().kind == ErrorKind::corrupt);
    }
  }
}

TEST_CASE("unknown types and reserved bits are corrupt") {
  CHECK_FALSE(decode_wal_entry(0, "00000000"));
  CHECK_FALSE(decode_wal_entry(6, "00000000"));
  std::string payload = payload_of(one_of_each()[0]);
  payload[8] = static_cast<char>(payload[8] | 0x40);
  CHECK_FALSE(decode_wal_entry(1, payload));
  std::string fill = payload_of(one_of_each()[3]);
  fill[8] = static_cast<char>(fill[8] | 0x20);
  CHECK_FALSE(decode_wal_entry(3, fill));
}

// The example of README.md.
TEST_CASE("the bytes of a batch entry and a leaf entry are fixed") {
  const BodySpan span{.event = true,
                      .usage = false,
                      .hour = false,
                      .timed = true,
                      .untimed = false,
                      .time_min = Time(16us),
                      .time_max = Time(17us)};
  const WalBatch batch{Time(258us), span, false, "tax", "web-01", "header\n", "body"};
  CHECK(to_hex(payload_of(batch)) ==
        "0000000000000102"
        "09"
        "0000000000000010"
        "0000000000000011"
        "03"
        "06"
        "0007"
        "746178"
        "7765622d3031"
        "6865616465720a"
        "626f6479");
  CHECK(to_hex(payload_of(WalLeaf{Time(258us), "leaf\n"})) ==
        "0000000000000102"
        "6c6561660a");
}

}  // namespace
}  // namespace yunjian::ledger
