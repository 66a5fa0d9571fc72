#pragma once

#include <map>
#include <mutex>

#include "collector/api/context.h"

namespace yunjian::collector {

inline constexpr std::chrono::seconds silent_after{180};

// GET /v1/hosts: limit, cursor.
Outcome<Response> list_hosts(const ApiContext& context, const Call& call);

// GET /v1/streams: limit, cursor.
Outcome<Response> list_streams(const ApiContext& context, const Call& call);

// GET /v1/streams/{stream}/batches/{n}: frames as they came over the wire. An auditor reads all of
// them, so looks at one stream by one credential are recorded together for an hour: before the
// first, second, fourth, eighth … frame leaves, how many batches and records that makes. Any
// thread.
class BatchReader {
 public:
  Outcome<Response> get_batch(const ApiContext& context, const Call& call);

 private:
  // What one credential took of one stream since `begun`.
  struct Taken {
    ledger::Time begun{};
    std::uint64_t batches = 0;
    std::uint64_t records = 0;
  };
  Taken take(const ApiContext& context, const Call& call, std::uint64_t records);

  std::mutex mutex_;
  std::map<std::string, Taken> taken_;  // by credential and stream
};
inline constexpr std::chrono::hours look_lasts{1};
inline constexpr std::size_t looks_max = 100'000;

}  // namespace yunjian::collector
