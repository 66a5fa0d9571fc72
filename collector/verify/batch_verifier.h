#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/evidence_log.h"
#include "collector/store/pool.h"
#include "collector/verify/examine.h"
#include "collector/verify/stream_locks.h"
#include "ledger/wire.h"

namespace yunjian::collector {

class Judgement;

// Decoded bytes of all bodies of one post; an agent's post holds less. A small post of bodies that
// decode to very much must not hold a worker for seconds.
inline constexpr std::uint64_t post_decoded_bytes_max = 128U << 20;

// Decides what a post of frames is worth and commits what is good.
//
// Life of a frame: parsed, hashed, its body decoded and compared with its root [the caller's
// thread, nothing locked] -> judged under its stream's lock against where the stream stands, frames
// of one post in their order -> what must be kept is committed in one commit -> answered, all
// receipts of a post in one checkpoint. The lock is held until the commit is visible, so that the
// next post sees it. Frames behind the budget of a post are refused undecoded, to be sent again in
// another post. What the records contain is never a reason to refuse; `sealed` and `boot` are
// not judged. Any thread.
class BatchVerifier {
 public:
  BatchVerifier(EvidenceLog& log, const ledger::Clock& clock);  // which must outlive it

  // One answer a frame, in order; `gaps` gets the gap records of accepted batches. `peer` = agent
  // id of the client certificate. Errors are the log's: nobody knows then what of the post was
  // kept; the same post may be sent again.
  ledger::Result<std::vector<ledger::Answer>> answer(const std::vector<ledger::FrameRef>& frames,
                                                     std::string_view peer,
                                                     std::vector<GapSeen>* gaps = nullptr);
  // The frame that an inherited stream begins with; `linked`: the leaf hash that it must have.
  ledger::Result<ledger::Answer> begin(const ledger::FrameRef& frame, std::string_view peer,
                                       const ledger::Hash& linked);
  VerifyCounters counters() const;

 private:
  std::vector<ExaminedFrame> examine(const std::vector<ledger::FrameRef>& frames,
                                     std::string_view peer, std::vector<std::string>& streams);
  ledger::Result<std::vector<ledger::Answer>> commit(Judgement& judgement);

  EvidenceLog& log_;
  const ledger::Clock& clock_;
  Pool<Workspace> workspaces_;
  StreamLocks locks_;
  mutable std::mutex counters_mutex_;
  VerifyCounters counters_;
};

}  // namespace yunjian::collector
