#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/seal_policy.h"
#include "agent/spool/spool.h"
#include "ledger/base/clock.h"
#include "ledger/batch.h"
#include "ledger/ratchet.h"

namespace yunjian::agent {

// Turns record lines into sealed batches of one stream and makes each durable before the next
// begins.
//
// Life: open() brings ratchet and spool to the same batch (adopting one that a crash left between
// them)
// -> add() lines -> seal() -> add() … . Durable: a batch, its place in the stream and its context
// when seal() returns well. After a failed seal() nothing more is sealed: the process must end and
// open() again. One thread.
class Sealer {
 public:
  struct Parts {
    Spool* spool;
    const ledger::Clock* clock;
    ledger::Random* random;
    std::string boot_id;
  };
  static ledger::Result<std::unique_ptr<Sealer>> open(ledger::Ratchet ratchet, Parts parts);

  // False: the batch is full; seal first. `event`: should not wait for the minute.
  bool add(std::string_view line, bool event);
  Waiting waiting() const { return waiting_; }
  std::uint64_t records_waiting() const { return body_.records(); }

  // Seals what waits (nothing is allowed too) with `context` as of the last line added. `keep_body`
  // as in Spool::append().
  ledger::Result<void> seal(ledger::SealContext context, std::vector<std::string> flags,
                            bool keep_body = false);

  const ledger::Ratchet& ratchet() const { return ratchet_; }
  Moment now() const { return {.wall = clock_->wall(), .boot = clock_->boot()}; }

 private:
  Sealer(ledger::Ratchet ratchet, Parts parts);

  ledger::Ratchet ratchet_;
  Spool* spool_;
  const ledger::Clock* clock_;
  ledger::Random* random_;
  std::string boot_id_;
  std::unique_ptr<ledger::Hasher> hasher_;
  ledger::BatchBody body_;
  ledger::BodyEncoder encoder_;
  Waiting waiting_;
};

}  // namespace yunjian::agent
