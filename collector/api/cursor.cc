#include "collector/api/cursor.h"

#include "collector/api/base64url.h"
#include "ledger/base/bytes.h"
#include "ledger/suite.h"

namespace yunjian::collector {

namespace {

constexpr std::size_t tag_bytes = 16;
constexpr std::size_t fixed_bytes = 16;  // time and number
constexpr std::size_t block_bytes = 64;  // of SHA-256

bool same_bytes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view message) {
  const ledger::Hash key_hash = ledger::sha256(key);
  std::string block(key.size() > block_bytes ? ledger::as_view(key_hash) : key);
  block.resize(block_bytes, '\0');
  std::string inner = block;
  std::string outer = block;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  inner += message;
  const ledger::Hash inner_hash = ledger::sha256(inner);
  outer += ledger::as_view(inner_hash);
  const ledger::Hash hash = ledger::sha256(outer);
  return std::string(ledger::as_view(hash));
}

std::string CursorSealer::tag(std::string_view payload, std::string_view question) const {
  std::string message;
  ledger::put_u64be(message, payload.size());
  message += payload;
  message += question;
  return hmac_sha256(key_, message).substr(0, tag_bytes);
}

std::string CursorSealer::seal_name(std::string_view after, std::string_view question) const {
  return to_base64url(tag(after, question) + std::string(after));
}

std::optional<std::string> CursorSealer::open_name(std::string_view cursor,
                                                   std::string_view question) const {
  auto bytes = from_base64url(cursor);
  if (!bytes || bytes->size() < tag_bytes) return std::nullopt;
  const std::string_view payload = std::string_view(*bytes).substr(tag_bytes);
  if (!same_bytes(bytes->substr(0, tag_bytes), tag(payload, question))) return std::nullopt;
  return std::string(payload);
}

std::string CursorSealer::seal(const RecordKey& after, std::string_view question) const {
  std::string payload;
  ledger::put_u64be(payload, static_cast<std::uint64_t>(after.time.time_since_epoch().count()));
  ledger::put_u64be(payload, after.number);
  return seal_name(payload + after.stream, question);
}

std::optional<RecordKey> CursorSealer::open(std::string_view cursor,
                                            std::string_view question) const {
  const auto payload = open_name(cursor, question);
  if (!payload || payload->size() < fixed_bytes) return std::nullopt;
  const auto time = static_cast<std::int64_t>(ledger::get_u64be(payload->data()));
  return RecordKey{.time = ledger::Time(std::chrono::microseconds(time)),
                   .stream = payload->substr(fixed_bytes),
                   .number = ledger::get_u64be(payload->data() + 8)};
}

}  // namespace yunjian::collector
