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

// Turns record lines into sealed batches of one stream. Batches that are ready at the same time
// share the steps that make them durable: a run.
//
// Life: open() brings ratchet and spool to the same batch (adopting what a crash left between them)
// -> add() lines -> close_batch() -> perhaps more of both -> seal() -> add() … . Durable: the
// batches of the run, their places in the stream and their contexts when seal() returns well. One
// thread.
//
// A seal() that fails for want of room (full) has promised nothing: the run waits, and seal() may
// be called again later; until then no batch is closed. After any other failure nothing more is
// sealed: the process must end and open() again.
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

  // Makes a batch of what waits (nothing is allowed too), with `context` as of the last line added.
  // `keep_body` as in SpoolEntry. Only while run_has_room().
  ledger::Result<void> close_batch(ledger::SealContext context, std::vector<std::string> flags,
                                   bool keep_body = false);
  bool run_has_room() const;
  std::size_t run_batches() const { return run_.size(); }
  std::uint64_t run_records() const;
  // Makes the run durable; well when there is none.
  ledger::Result<void> seal();
  // Both for a single batch.
  ledger::Result<void> seal(ledger::SealContext context, std::vector<std::string> flags,
                            bool keep_body = false);

  const ledger::Ratchet& ratchet() const { return ratchet_; }
  Moment now() const { return {.wall = clock_->wall(), .boot = clock_->boot()}; }

 private:
  // How far the run has come; a full disk may stop it in each.
  enum class Step { open, prepared, stored };

  Sealer(ledger::Ratchet ratchet, Parts parts);
  ledger::Result<void> prepare();

  ledger::Ratchet ratchet_;
  Spool* spool_;
  const ledger::Clock* clock_;
  ledger::Random* random_;
  std::string boot_id_;
  std::unique_ptr<ledger::Hasher> hasher_;
  ledger::BatchBody body_;
  ledger::BodyEncoder encoder_;
  Waiting waiting_;
  std::vector<SpoolEntry> run_;  // headers are filled in when it is prepared
  std::vector<ledger::Ratchet::Planned> plan_;
  std::uint64_t run_bytes_ = 0;  // of encoded bodies
  Step step_ = Step::open;
};

}  // namespace yunjian::agent
