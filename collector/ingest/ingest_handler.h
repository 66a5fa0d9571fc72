#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "collector/catalog/catalog.h"
#include "collector/http/message.h"
#include "collector/ingest/certificate_desk.h"
#include "collector/ingest/clock_watch.h"
#include "collector/ingest/handler_route.h"
#include "collector/ingest/succession.h"
#include "collector/verify/batch_verifier.h"
#include "ledger/wire.h"

namespace yunjian::collector {

// POST /ingest/v1/batches: frames in, one NDJSON line a frame out, in order. The answer is given
// only when everything it calls accepted is durable. Problems (no frame was looked at, or nobody
// knows what was kept) say in `retry` whether the same post may be sent again.
//
// POST /ingest/v1/certificate: see CertificateDesk. POST /ingest/v1/successor, /inherited and
// /inherited/begin: see SuccessionDesk.
//
// GET /ingest/v1/witnessed/{stream}/{batch}, of the agent's own streams: a receipt under the newest
// checkpoint that witnesses cosigned, with their signatures; 204 while it does not cover the batch.
//
// Who posts is known by the client certificate: its CN is the agent id, and it must be the one that
// the catalog holds as current or as the renewal that follows, asked for with each request: a new
// enrolment or a revocation puts the old one out of use at once, on open connections too. Each
// answer tells the collector's time, and a post may tell how far the agent finds its own clock from
// it (ClockWatch). For a listener with client certificates required. Any thread.
class IngestHandler : public Handler {
 public:
  struct Parts {  // must outlive it
    BatchVerifier& verifier;
    Catalog& catalog;
    const CertificateAuthority& authority;
    const ledger::Clock& clock;
    std::chrono::seconds certificate_validity = client_validity;
    // Makes one line a durable record of the collector's own stream. Empty: alarms are only
    // counted.
    std::function<ledger::Result<void>(std::string line)> record = {};
    // True: no room for evidence. Batches are answered 503 and agents keep them. Null: never.
    const std::atomic<bool>* full = nullptr;
    // For agents of a dead log that this one goes on for. Null: there are none.
    SuccessionDesk* succession = nullptr;
    // The receipt of a batch under the newest witnessed checkpoint; nothing: that does not cover it
    // (yet). Reject: the log holds no such batch. Empty: there are no witnesses.
    std::function<ledger::Result<std::optional<std::string>>(std::string_view stream,
                                                             std::uint64_t batch)>
        witnessed = {};
  };
  explicit IngestHandler(Parts parts);

  static std::span<const HandlerRoute> routes();

  Response handle(const Request& request) override;
  std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const override;

  struct Counters {
    std::uint64_t posts = 0;                 // that reached the verifier
    std::uint64_t certificates_refused = 0;  // not the agent's current one
    std::uint64_t posts_malformed = 0;
    std::uint64_t posts_failed = 0;  // answered 503: the log could not commit
    std::uint64_t renewals = 0;      // requests for a certificate that were answered with one
    std::uint64_t clocks_off = 0;    // agents whose clock is off now
    std::int64_t clock_off_ms_max = 0;
    std::uint64_t gaps = 0;             // gap records in accepted batches
    std::uint64_t gaps_of_spool = 0;    // of them: bodies that an agent had to give up
    std::uint64_t witnessed_given = 0;  // receipts under a witnessed checkpoint
    std::uint64_t witnessed_waits = 0;  // asked for before witnesses covered the batch
  };
  Counters counters() const;

 private:
  Response answer(const Request& request);
  Response take(const Request& request, CertificateUse use);
  Response enrol_successor(const Request& request);
  ledger::Result<bool> is_revoked(const std::string& agent) const;
  ledger::Result<void> settle_renewal(const Request& request,
                                      const std::vector<ledger::Answer>& answers);
  Response renew(const Request& request);
  Response refuse_certificate(const Request& request);
  Response witnessed(const Request& request);
  void watch_clock(const Request& request);
  void raise(const ClockAlarm& alarm, const std::string& agent);
  void watch_forks(const std::vector<ledger::Answer>& answers, const std::string& agent);
  void raise(const std::vector<GapSeen>& gaps, const std::string& agent);
  std::string host_of(const std::string& agent) const;

  const Parts parts_;
  CertificateDesk desk_;
  ClockWatch clocks_;
  std::mutex forked_mutex_;
  std::set<std::string> forked_;  // streams whose fork raised an alarm since the start
  std::atomic<std::uint64_t> posts_{0}, certificates_refused_{0}, posts_malformed_{0},
      posts_failed_{0}, renewals_{0}, gaps_{0}, gaps_of_spool_{0}, witnessed_given_{0},
      witnessed_waits_{0};
};

}  // namespace yunjian::collector
