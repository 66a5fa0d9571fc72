#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::agent {

struct PostAnswer {
  long status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
  std::optional<std::chrono::milliseconds> clock_offset;  // this host's clock − the collector's
  std::uint64_t sent_bytes_per_s = 0;                     // 0 = not known
};

// Carries posts to the collector. One thread, except abort().
class Uploader {
 public:
  virtual ~Uploader() = default;
  // Blocks until there is a whole answer of any status. Errors: retry (network, TLS, time-out),
  // reject (our certificate or the configuration cannot work); the message says what to do.
  virtual ledger::Result<PostAnswer> post(std::string_view frames) = 0;
  // The same for a GET of a path of the collector, "/ingest/v1/…".
  virtual ledger::Result<PostAnswer> get(std::string_view path) = 0;
  // Gives up the kept connection and its memory.
  virtual void drop_connection() = 0;
  // From any thread: a running post() ends soon with an error, later ones at once.
  virtual void abort() = 0;
};

}  // namespace yunjian::agent
