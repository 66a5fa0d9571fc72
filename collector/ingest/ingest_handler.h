#pragma once

#include <atomic>
#include <cstdint>

#include "collector/catalog/catalog.h"
#include "collector/http/message.h"
#include "collector/verify/batch_verifier.h"

namespace yunjian::collector {

// POST /ingest/v1/batches: frames in, one NDJSON line a frame out, in order. The answer is given
// only when everything it calls accepted is durable. Problems (no frame was looked at, or nobody
// knows what was kept) say in `retry` whether the same post may be sent again.
//
// Who posts is known by the client certificate: its CN is the agent id, and it must be the one that
// the catalog holds as current, so that a new enrolment puts the old certificate out of use at
// once. For a listener with client certificates required. Any thread.
class IngestHandler : public Handler {
 public:
  IngestHandler(BatchVerifier& verifier, const Catalog& catalog);  // which must outlive it

  Response handle(const Request& request) override;
  std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const override;

  struct Counters {
    std::uint64_t posts = 0;                 // that reached the verifier
    std::uint64_t certificates_refused = 0;  // not the agent's current one
    std::uint64_t posts_malformed = 0;
    std::uint64_t posts_failed = 0;  // answered 503: the log could not commit
  };
  Counters counters() const;

 private:
  Response take(const Request& request);
  ledger::Result<bool> is_current(const Request& request) const;

  BatchVerifier& verifier_;
  const Catalog& catalog_;
  std::atomic<std::uint64_t> posts_{0}, certificates_refused_{0}, posts_malformed_{0},
      posts_failed_{0};
};

}  // namespace yunjian::collector
