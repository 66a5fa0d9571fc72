#pragma once

#include <map>
#include <mutex>

#include "collector/api/agent_state.h"
#include "collector/api/context.h"

namespace yunjian::collector {

// GET /v1/hosts: limit, cursor.
Outcome<Response> list_hosts(const ApiContext& context, const Call& call);

// GET /v1/streams: limit, cursor.
Outcome<Response> list_streams(const ApiContext& context, const Call& call);

// Frames as they came over the wire. An auditor reads all of them, so looks at one stream by one
// credential are recorded together for an hour: before the first, second, fourth, eighth … frame
// leaves, how many batches and records that makes. Any thread.
//
// GET /v1/streams/{stream}/batches/{n}: one frame.
// GET /v1/log/batches/{leaf}: those of the leaves from this one on, in order: at most 256 leaves
// and about 8 MiB, at least one frame when there is one. What is no batch, lies outside the scope
// or cannot be read whole is left out: whoever knows the leaves sees what is missing.
class BatchReader {
 public:
  Outcome<Response> get_batch(const ApiContext& context, const Call& call);
  Outcome<Response> get_leaf_batches(const ApiContext& context, const Call& call);

 private:
  // What one credential took of one stream since `begun`.
  struct Taken {
    ledger::Time begun{};
    std::uint64_t batches = 0;
    std::uint64_t records = 0;
  };
  Taken take(ledger::Time now, const std::string& key, std::uint64_t records);
  void give_back(const std::string& key, std::uint64_t records);
  Outcome<void> record_taken(const ApiContext& context, const Call& call, const std::string& stream,
                             const EvidenceLog::StoredBatch& batch);

  std::mutex mutex_;
  std::map<std::string, Taken> taken_;  // by credential and stream
};
inline constexpr std::chrono::hours look_lasts{1};
inline constexpr std::size_t looks_max = 100'000;
inline constexpr std::uint64_t leaf_batches_max = 256;       // of one answer, leaves
inline constexpr std::size_t leaf_batches_bytes = 8U << 20;  // no frame is begun behind it

}  // namespace yunjian::collector
