#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::ledger {

// A digest of either suite: SHA-256 and SM3 are both 32 bytes.
using Hash = std::array<std::uint8_t, 32>;

// Evidence is passed as std::string_view over raw bytes; these are its spellings.
std::string_view as_view(const Hash& hash);
std::string_view as_view(std::span<const std::uint8_t> bytes);
std::span<const std::uint8_t> as_bytes(std::string_view bytes);

std::string to_hex(std::string_view bytes);  // lower case
// Accepts lower-case hex of even length only.
Result<std::string> from_hex(std::string_view hex);

std::string to_base64(std::string_view bytes);  // RFC 4648 section 4, padded
// Canonical only: padded, no line breaks, no stray bits in the last character.
Result<std::string> from_base64(std::string_view text);
Result<Hash> hash_from_base64(std::string_view text);

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
// Decimal without sign or leading zeros, < 2^63.
Result<std::uint64_t> parse_decimal(std::string_view text);

void put_u32be(std::string& out, std::uint32_t value);
void put_u64be(std::string& out, std::uint64_t value);
// The caller guarantees 4 or 8 readable bytes.
std::uint32_t get_u32be(const char* at);
std::uint64_t get_u64be(const char* at);

bool is_valid_utf8(std::string_view text);

// Overwrites a secret before its memory is given back; not optimised away.
void wipe(std::string& secret);

}  // namespace yunjian::ledger
