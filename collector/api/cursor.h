#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "collector/store/record_store.h"

namespace yunjian::collector {

// Makes and reads the opaque `cursor` of paged answers: the key of the last record given, and a tag
// over it and the question asked, so that a cursor cannot be made up nor used with another
// question. It stays good for as long as the collector keeps its cursor key. Immutable, any thread.
class CursorSealer {
 public:
  explicit CursorSealer(std::string key) : key_(std::move(key)) {}

  // `question`: everything but the cursor that decides what the answer is.
  std::string seal(const RecordKey& after, std::string_view question) const;
  std::optional<RecordKey> open(std::string_view cursor, std::string_view question) const;

  // The same for lists that are ordered by a name.
  std::string seal_name(std::string_view after, std::string_view question) const;
  std::optional<std::string> open_name(std::string_view cursor, std::string_view question) const;

 private:
  std::string tag(std::string_view payload, std::string_view question) const;

  std::string key_;
};

// RFC 2104 with SHA-256.
std::string hmac_sha256(std::string_view key, std::string_view message);

}  // namespace yunjian::collector
