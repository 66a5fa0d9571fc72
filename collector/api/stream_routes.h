#pragma once

#include <atomic>
#include <memory>

#include "collector/api/context.h"

namespace yunjian::collector {

inline constexpr std::uint64_t tails_max = 32;
inline constexpr std::uint64_t exports_max = 8;
inline constexpr std::size_t export_page_records = 2000;
inline constexpr std::uint64_t export_page_bytes = 4U << 20;

// Answers that go on: all of an export, or what comes in. Holds how many there are. Any thread.
class StreamRoutes {
 public:
  // GET /v1/exports: q, from, to, format (ndjson, csv), after.
  Outcome<Response> get_export(const ApiContext& context, const Call& call);
  // GET /v1/tail: q, seconds, limit, cursor.
  Outcome<Response> get_tail(const ApiContext& context, const Call& call);

 private:
  std::shared_ptr<std::atomic<std::uint64_t>> tails_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::shared_ptr<std::atomic<std::uint64_t>> exports_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

}  // namespace yunjian::collector
