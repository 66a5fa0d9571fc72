#pragma once

#include <chrono>
#include <string>

namespace yunjian::collector {

// A request that changes something, known by the Idempotency-Key its sender gave, and the answer it
// got; kept for a day.
struct RepeatedKey {
  std::string credential = {};
  std::string key = {};
};
struct RepeatedAnswer {
  std::string request_sha256 = {};
  int status = 200;
  std::string body = {};
};
inline constexpr std::chrono::hours repeated_answers_kept{24};

}  // namespace yunjian::collector
