#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/clock_watch.h"
#include "agent/delivery.h"
#include "agent/disk_hold.h"
#include "agent/mask/masker.h"
#include "agent/old_streams.h"
#include "agent/own_record.h"
#include "agent/positions.h"
#include "agent/sealer.h"
#include "agent/ship/certificate_renewal.h"
#include "agent/sources/source.h"
#include "agent/status.h"
#include "agent/usage_feed.h"

namespace yunjian::agent {

// Joins sources, sealer, spool and delivery: the loop thread's work, one step at a time.
//
// Life: start() (places restored, start record queued) -> step() whenever a wake descriptor is
// readable, the shipper has news, or the time it asked for is over -> stop() (minute, hour and stop
// record sealed) -> deliver() until drained() -> close(). A step never blocks but for the disk. A
// full disk holds sealing until there is room (see DiskHold); any other error ends the process, and
// the next one goes on from what is durable.
class Agent {
 public:
  struct Parts {
    ledger::FileSystem* files;
    StatePaths paths;
    AgentIdentity identity;
    SpoolLimits limits;
    Spool* spool;
    std::unique_ptr<Sealer> sealer;
    Shipper* shipper;
    std::vector<std::unique_ptr<Source>> sources;
    MaskOptions mask = {.enabled = false};
    // Moves the positions of sources that were renamed or joined; may be absent.
    std::function<void(Positions&)> regroup;
    std::unique_ptr<UsageFeed> usage;  // may be absent
    std::string checkpoint;            // newest note of an earlier run; may be empty
    std::string fork_known;            // error of an earlier run that met a fork; may be empty
    std::function<CertificateStanding()> certificate;  // may be empty
    // How long sources must not be read, at a time since boot (Budget); may be empty.
    std::function<std::chrono::milliseconds(std::chrono::milliseconds boot)> hold;
    std::vector<OldStream> old_streams;  // of earlier incarnations, shipped first
    std::string version;
    std::string config_hash;  // of the configuration's text, for the start record; may be empty
    std::function<void(const std::string&)> log;  // for people, one line
  };
  static ledger::Result<std::unique_ptr<Agent>> start(Parts parts);

  // Between two steps: exchange() gets the running sources and returns those that take their place.
  // The fresh ones among them are told the positions that the old ones had reached.
  using Sources = std::vector<std::unique_ptr<Source>>;
  struct Exchanged {
    Sources sources;
    std::vector<Source*> fresh;
  };
  void exchange_sources(const std::function<Exchanged(Sources)>& exchange,
                        const std::function<void(Positions&)>& regroup);
  void change_mask(MaskOptions options);
  // A record of the agent about itself, sealed with the next batch.
  void tell(std::string_view what, std::vector<Detail> details);

  // Descriptors that become readable when a source has news; the same until sources are exchanged.
  std::vector<int> wake_descriptors() const;
  // Does what is due; step() is due again after the time it returns. `woken`: a wake descriptor was
  // readable.
  ledger::Result<std::chrono::milliseconds> step(bool woken);

  ledger::Result<void> stop();
  // Only ships and takes receipts.
  ledger::Result<void> deliver();
  bool drained() const { return !old_under_way_ && delivery_.drained(); }
  // What a log answered that goes on for the dead one of this agent; else empty.
  const std::string& successor() const {
    return old_under_way_ ? old_.successor() : delivery_.successor();
  }
  // The newest checkpoint note that this agent was given; may be empty.
  const std::string& newest_checkpoint() const;
  // Sources are not read now to stay within the budget: their descriptors are not worth waiting
  // for.
  bool held() const { return held_ > std::chrono::milliseconds(0); }
  // For people, one line: what was sealed and receipted, and what is wrong.
  std::string summary() const;
  ledger::Result<void> close();

 private:
  explicit Agent(Parts parts);
  void note_positions();
  std::string_view position_of(const Source& source) const;
  void queue(std::string line, bool event);
  void queue_start();
  void queue_checkpoint();
  ledger::Result<void> gather(const Moment& now, bool woken);
  ledger::Result<void> poll_sources(ledger::Time now);
  Waiting waiting() const;
  ledger::Result<void> add_own_lines();
  void bound_own_lines();
  ledger::Result<void> make_room();
  ledger::Result<void> close_when_due();
  ledger::Result<void> close_batch(const SealDecision& decision, bool keep_body = false);
  ledger::Result<void> make_durable();
  ledger::Result<void> seal_in_need();
  void end_hold();
  ledger::Result<void> hold_limits();
  ledger::Result<void> declare(std::string_view cause, const BodyLoss& loss);
  ledger::Result<void> carry_out_loss();
  ledger::Result<void> stop_held();
  ledger::Result<void> save_checkpoint();
  void watch_clock(Moment now);
  ledger::Result<void> note_delivery();
  ledger::Result<void> note_contradiction();
  ledger::Result<bool> deliver_old();
  const std::string& ship_error() const;
  bool polls_now(bool woken, Moment now);
  void show_status(bool at_once);
  std::chrono::milliseconds next_step() const;

  Parts parts_;
  Sealer* sealer_;
  Spool* spool_;
  SealPolicy policy_;
  Delivery delivery_;
  OldStreams old_;
  bool old_under_way_ = false;
  ClockWatch clock_;
  std::unique_ptr<Masker> masker_;
  Positions positions_;
  std::string open_hour_;
  std::deque<OwnLine> own_lines_;
  std::vector<std::string> flags_;  // for the next header
  bool stopped_ = false;
  bool seal_now_ = false;
  std::chrono::milliseconds held_{};  // sources are not read for so long
  bool more_ = false;                 // the sources have more than the last step took
  bool limits_stale_ = true;          // something was sealed since the limits were looked at

  DiskHold hold_;
  struct DeclaredLoss {
    std::string cause;
    BodyLoss bodies;
  };
  std::optional<DeclaredLoss> loss_;  // its gap record is in the run, not durable yet
  struct Losses {
    std::uint64_t batches = 0;
    std::string last_cause;
  };
  Losses losses_;  // of this run

  std::size_t first_source_ = 0;                      // polled first, in turn
  std::int64_t polled_second_ = 0;                    // wall second of the last poll
  std::chrono::milliseconds polled_at_{};             // boot time of it
  std::chrono::milliseconds last_event_{};            // of the last poll that had something
  std::chrono::milliseconds checkpoint_record_at_{};  // boot times
  std::chrono::milliseconds checkpoint_saved_at_{};
  std::string saved_checkpoint_;
  std::chrono::milliseconds status_at_{};
  bool status_stale_ = true;
  bool status_failed_ = false;  // logged once
  std::string last_sealed_;
  std::string logged_error_;
};

}  // namespace yunjian::agent
