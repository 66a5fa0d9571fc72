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
// them, so a look at a stream is recorded once an hour for each credential, before the first frame
// leaves. Any thread.
class BatchReader {
 public:
  Outcome<Response> get_batch(const ApiContext& context, const Call& call);

 private:
  Outcome<void> record_first_look(const ApiContext& context, const Call& call);

  std::mutex mutex_;
  std::map<std::string, ledger::Time> looked_;  // credential and stream -> when that was recorded
};
inline constexpr std::chrono::hours look_lasts{1};
inline constexpr std::size_t looks_max = 100'000;

}  // namespace yunjian::collector
