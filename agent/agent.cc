#include "agent/agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/shown_evidence.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::failure;
using ledger::Result;
using std::chrono::milliseconds;
using std::chrono::seconds;

// In the positions of the last seal of a run that stopped in good order.
constexpr std::string_view stop_mark = "agent:stopped";
constexpr std::string_view mask_name = "agent:mask";
// A step gives way to shipping after one full run of batches.
constexpr int runs_per_step = 1;
constexpr int runs_at_stop = 32;
// Lines of the agent's own that wait while the disk is full: the minutes of a day.
constexpr std::size_t own_lines_held_max = 1500;
constexpr milliseconds status_interval{250};
constexpr milliseconds checkpoint_save_interval = seconds(60);
constexpr milliseconds checkpoint_record_interval = seconds(3600);

// What all sources hand over passes here: nothing unmasked is ever sealed.
class Intake : public RecordSink {
 public:
  Intake(Sealer& sealer, Masker& masker) : sealer_(&sealer), masker_(&masker) {}
  bool take(std::string_view line) override {
    if (!sealer_->add(masker_->mask(line), true)) return false;
    masker_->taken();
    any_ = true;
    return true;
  }
  bool any() const { return any_; }

 private:
  bool any_ = false;
  Sealer* sealer_;
  Masker* masker_;
};

std::int64_t whole_second(ledger::Time time) {
  return std::chrono::floor<seconds>(time).time_since_epoch().count();
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(Parts parts) {
  auto positions = decode_positions(parts.sealer->ratchet().context().positions);
  if (!positions) return failure(positions);
  std::unique_ptr<Agent> agent(new Agent(std::move(parts)));
  agent->positions_ = std::move(*positions);
  agent->change_mask(agent->parts_.mask);
  if (agent->parts_.regroup) agent->parts_.regroup(agent->positions_);
  for (const auto& source : agent->parts_.sources) source->restore(agent->position_of(*source));
  agent->open_hour_ = agent->sealer_->ratchet().context().open_hour;
  if (agent->parts_.usage) agent->parts_.usage->restore(agent->open_hour_);
  agent->queue_start();
  agent->queue_checkpoint();
  return agent;
}

Agent::Agent(Parts parts)
    : parts_(std::move(parts)),
      sealer_(parts_.sealer.get()),
      spool_(parts_.spool),
      policy_(own_second(parts_.identity.agent), sealer_->now()),
      delivery_(*spool_, *parts_.shipper, sealer_->ratchet().suite(),
                DeliveryOptions{.stream = {},
                                .fork_known = parts_.fork_known,
                                .witnessed_only = parts_.limits.witnessed_only}),
      old_({.files = parts_.files,
            .shipper = parts_.shipper,
            .suite = &sealer_->ratchet().suite(),
            .streams = parts_.old_streams}),
      old_under_way_(!parts_.old_streams.empty()),
      clock_(sealer_->now()),
      checkpoint_record_at_(sealer_->now().boot),
      checkpoint_saved_at_(checkpoint_record_at_ - checkpoint_save_interval),
      saved_checkpoint_(parts_.checkpoint),
      status_at_(checkpoint_record_at_ - status_interval) {}

std::string_view Agent::position_of(const Source& source) const {
  const auto position = positions_.find(source.name());
  return position == positions_.end() ? std::string_view() : position->second;
}

void Agent::change_mask(MaskOptions options) {
  const std::string open = masker_ ? masker_->position() : positions_[std::string(mask_name)];
  masker_ = std::make_unique<Masker>(options);
  if (auto restored = masker_->restore(open); !restored) parts_.log(restored.error().message);
}

void Agent::note_positions() {
  positions_.insert_or_assign(std::string(mask_name), masker_->position());
  for (const auto& source : parts_.sources) {
    positions_.insert_or_assign(std::string(source->name()), source->position());
  }
}

void Agent::exchange_sources(const std::function<Exchanged(Sources)>& exchange,
                             const std::function<void(Positions&)>& regroup) {
  note_positions();
  Exchanged exchanged = exchange(std::move(parts_.sources));
  parts_.sources = std::move(exchanged.sources);
  if (regroup) regroup(positions_);
  for (Source* source : exchanged.fresh) source->restore(position_of(*source));
  more_ = true;
}

void Agent::tell(std::string_view what, std::vector<Detail> details) {
  queue(own_record(sealer_->now().wall, what, std::move(details)), true);
}

void Agent::queue_start() {
  const bool first = sealer_->ratchet().next_batch() == 0;
  const bool clean = first || positions_.contains(stop_mark);
  positions_.erase(std::string(stop_mark));
  flags_.emplace_back(clean ? "clean-start" : "crash-start");
  std::vector<Detail> details = {{"incarnation", parts_.identity.incarnation},
                                 {"previous_stop", first   ? "none"
                                                   : clean ? "clean"
                                                           : "crash"},
                                 {"version", parts_.version}};
  if (!parts_.config_hash.empty()) details.emplace_back("config_sha256", parts_.config_hash);
  tell("start", std::move(details));
  if (spool_->damaged_places() > 0) {
    parts_.log(
        fmt::format("the spool is damaged in {} places; batches whose body is lost will be named "
                    "by gap records; check this host's disk",
                    spool_->damaged_places()));
  }
}

void Agent::queue(std::string line, bool event) {
  own_lines_.push_back({.line = std::move(line), .event = event, .open_hour = std::nullopt});
}

const std::string& Agent::newest_checkpoint() const {
  return delivery_.checkpoint().empty() ? parts_.checkpoint : delivery_.checkpoint();
}

// Two histories shown to two parties meet in what the agents were shown.
void Agent::queue_checkpoint() {
  checkpoint_record_at_ = sealer_->now().boot;
  if (newest_checkpoint().empty()) return;
  queue(own_record(sealer_->now().wall, "checkpoint", {{"checkpoint", newest_checkpoint()}}),
        false);
}

std::vector<int> Agent::wake_descriptors() const {
  std::vector<int> descriptors;
  for (const auto& source : parts_.sources) {
    if (source->wake_descriptor() >= 0) descriptors.push_back(source->wake_descriptor());
  }
  return descriptors;
}

Result<milliseconds> Agent::step(bool woken) {
  const Moment now = sealer_->now();
  watch_clock(now);
  if (parts_.usage && parts_.usage->step(now.wall, own_lines_)) seal_now_ = true;
  if (now.boot - checkpoint_record_at_ >= checkpoint_record_interval) queue_checkpoint();
  if (auto sealed = gather(now, woken); !sealed) return failure(sealed);
  if (auto delivered = deliver(); !delivered) return failure(delivered);
  show_status(false);
  return next_step();
}

// By the clock's seconds; by those since boot when the clock stands still. What the budget holds
// back is read when it allows.
bool Agent::polls_now(bool woken, Moment now) {
  const bool due = woken || more_ || whole_second(now.wall) != polled_second_ ||
                   now.boot - polled_at_ >= seconds(1);
  held_ = due && parts_.hold ? parts_.hold(now.boot) : milliseconds(0);
  if (held_ > milliseconds(0)) more_ = true;
  return due && held_ == milliseconds(0);
}

// From the sources to durable batches. While the disk is full nothing but another attempt is made.
Result<void> Agent::gather(const Moment& now, bool woken) {
  if (hold_.active()) {
    bound_own_lines();
    if (!hold_.may_try(now.boot)) return {};
    if (auto sealed = make_durable(); !sealed) return sealed;
    if (hold_.active()) return {};
  }
  if (auto added = add_own_lines(); !added) return added;
  if (polls_now(woken, now)) {
    if (auto polled = poll_sources(now.wall); !polled) return polled;
  }
  if (auto closed = close_when_due(); !closed) return closed;
  if (auto sealed = make_durable(); !sealed) return sealed;
  return hold_limits();
}

// Asks each source in turn; closes the batch whenever it is full. more_: there is more than one
// step takes.
Result<void> Agent::poll_sources(ledger::Time now) {
  polled_second_ = whole_second(now);
  polled_at_ = sealer_->now().boot;
  const int runs_max = stopped_ ? runs_at_stop : runs_per_step;
  Intake intake(*sealer_, *masker_);
  int runs = 0;
  more_ = false;
  for (std::size_t i = 0; i < parts_.sources.size() && !more_ && !hold_.active(); ++i) {
    Source& source = *parts_.sources[(first_source_ + i) % parts_.sources.size()];
    while (source.poll(now, intake)) {
      if (!sealer_->run_has_room()) {
        more_ = ++runs == runs_max;
        if (more_) break;
        if (auto sealed = make_durable(); !sealed) return failure(sealed);
        if (hold_.active()) break;
        if (auto held = hold_limits(); !held) return held;
        // The gap record of what had to go may have taken these lines along.
        if (sealer_->records_waiting() == 0) continue;
      }
      if (auto closed = close_batch({.reason = SealReason::full}); !closed) return failure(closed);
    }
  }
  ++first_source_;
  if (intake.any()) last_event_ = polled_at_;
  return {};
}

Waiting Agent::waiting() const {
  Waiting waiting = sealer_->waiting();
  waiting.last_event = last_event_;
  return waiting;
}

Result<void> Agent::add_own_lines() {
  while (!own_lines_.empty()) {
    OwnLine& own = own_lines_.front();
    if (!sealer_->add(own.line, own.event)) {
      auto closed = make_room();
      if (!closed) return failure(closed);
      if (hold_.active()) return {};
      continue;
    }
    if (own.open_hour) open_hour_ = std::move(*own.open_hour);
    own_lines_.pop_front();
  }
  return {};
}

// The day's minutes stay; what is older is counted, to be named by a gap record.
void Agent::bound_own_lines() {
  while (own_lines_.size() > own_lines_held_max) {
    hold_.lose(own_lines_.front().line);
    own_lines_.pop_front();
  }
}

// The open batch can take lines again afterwards, unless the disk is full.
Result<void> Agent::make_room() {
  if (!sealer_->run_has_room()) {
    if (auto sealed = make_durable(); !sealed) return sealed;
    if (hold_.active()) return {};
  }
  return close_batch({.reason = SealReason::full});
}

Result<void> Agent::close_when_due() {
  if (hold_.active()) return {};
  SealDecision decision = policy_.decide(waiting(), sealer_->now());
  if (decision.reason == SealReason::none && seal_now_) decision.reason = SealReason::events;
  if (decision.reason == SealReason::none) return {};
  if (!sealer_->run_has_room()) {
    if (auto sealed = make_durable(); !sealed) return sealed;
    if (hold_.active()) return {};
  }
  seal_now_ = false;
  if (decision.skipped > 0) flags_.push_back(fmt::format("skipped={}", decision.skipped));
  return close_batch(decision);
}

Result<void> Agent::close_batch(const SealDecision& decision, bool keep_body) {
  note_positions();
  auto closed =
      sealer_->close_batch({.positions = encode_positions(positions_), .open_hour = open_hour_},
                           std::move(flags_), keep_body);
  if (!closed) return failure(closed);
  flags_.clear();
  policy_.sealed(decision, sealer_->now());
  return {};
}

// Seals the run of closed batches. Well, with hold_ active: there is no room, the run waits.
Result<void> Agent::make_durable() {
  if (sealer_->run_batches() == 0) return {};
  auto sealed = sealer_->seal();
  if (!sealed && sealed.error().kind == ErrorKind::full) sealed = seal_in_need();
  if (!sealed && sealed.error().kind == ErrorKind::full) {
    if (hold_.failed(sealed.error().message, sealer_->now())) parts_.log(hold_.reason());
    status_stale_ = true;
    return {};
  }
  if (!sealed) return failure(sealed);
  last_sealed_ = ledger::format_time(sealer_->now().wall);
  status_stale_ = limits_stale_ = true;
  if (hold_.active()) end_hold();
  if (own_lines_.empty() && sealer_->records_waiting() == 0) {
    if (auto settled = old_.sealed(); !settled) return settled;
  }
  return carry_out_loss();
}

// Gives up what the spool can spare: bodies that have a receipt; for a gap record the reserve.
Result<void> Agent::seal_in_need() {
  if (auto freed = spool_->free_receipted(sealer_->now().wall, true); !freed) return freed;
  if (loss_) {
    if (auto given = spool_->release_reserve(); !given) return given;
  }
  return sealer_->seal();
}

void Agent::end_hold() {
  const std::string from = ledger::format_time(hold_.since());
  const std::string to = ledger::format_time(sealer_->now().wall);
  const DiskHold::Lost lost = hold_.lost();
  parts_.log("there is room on the disk again: sealing goes on");
  queue(own_record(sealer_->now().wall, "spool",
                   {{"cause", "disk-full"}, {"from", from}, {"to", to}}),
        true);
  if (lost.count > 0) {
    queue(own_record(sealer_->now().wall, "gap",
                     {{"cause", "disk-full"},
                      {"bytes", lost.bytes},
                      {"count", lost.count},
                      {"from", from},
                      {"source", "usage"},
                      {"to", to}}),
          true);
  }
  hold_.end();
}

// Receipted bodies go first; then the oldest, each run named by a gap record before it goes.
Result<void> Agent::hold_limits() {
  if (!limits_stale_ || hold_.active()) return {};
  limits_stale_ = false;
  const ledger::Time now = sealer_->now().wall;
  if (auto freed = spool_->free_receipted(now); !freed) return failure(freed);
  while (!hold_.active()) {
    const BodyLimit limit = spool_->limit_passed(now);
    if (limit == BodyLimit::none) break;
    auto loss = spool_->oldest_bodies();
    if (!loss) return failure(loss);
    if (!*loss) break;
    const char* cause = limit == BodyLimit::age ? "spool-age" : "spool-full";
    if (auto declared = declare(cause, **loss); !declared) return failure(declared);
  }
  return hold_.active() ? Result<void>() : spool_->keep_reserve();
}

// The gap record travels in a small batch of its own, which stays even when later bodies must go.
// What it names is carried out when it is durable.
Result<void> Agent::declare(std::string_view cause, const BodyLoss& loss) {
  if (auto added = add_own_lines(); !added) return failure(added);
  if (sealer_->records_waiting() > 0 || !sealer_->run_has_room()) {
    if (auto closed = make_room(); !closed) return failure(closed);
  }
  if (auto sealed = make_durable(); !sealed) return failure(sealed);
  if (hold_.active()) return {};
  loss_ = DeclaredLoss{.cause = std::string(cause), .bodies = loss};
  const ledger::Time now = sealer_->now().wall;
  if (loss.unwitnessed_from < loss.unwitnessed_to)
    sealer_->add(unwitnessed_record(now, loss), true);
  if (loss.first <= loss.last) sealer_->add(body_gap_record(now, cause, loss), true);
  if (auto closed = close_batch({.reason = SealReason::full}, true); !closed) {
    return failure(closed);
  }
  return make_durable();
}

Result<void> Agent::carry_out_loss() {
  if (!loss_) return {};
  const DeclaredLoss loss = *std::exchange(loss_, std::nullopt);
  const std::uint64_t unwitnessed = loss.bodies.unwitnessed_to - loss.bodies.unwitnessed_from;
  losses_.batches += loss.bodies.last - loss.bodies.first + 1 + unwitnessed;
  losses_.last_cause = loss.cause;
  if (loss.cause == "spool-damaged") {
    delivery_.declared(loss.bodies);
    return {};
  }
  if (unwitnessed > 0) {
    parts_.log(fmt::format(
        "the spool is full: the bodies of batches {} to {} go, which have the collector's receipt "
        "but no witness behind it; see why witnesses do not cosign, or raise [spool] bytes_max: {}",
        loss.bodies.unwitnessed_from, loss.bodies.unwitnessed_to - 1, delivery_.witness_problem()));
  }
  if (loss.bodies.first > loss.bodies.last) return spool_->drop_oldest_bodies();
  parts_.log(fmt::format(
      "the spool is {}: the bodies of batches {} to {} are dropped, their headers stay; raise "
      "[spool] {} or see why nothing is shipped: {}",
      loss.cause == "spool-age" ? "too old" : "full", loss.bodies.first, loss.bodies.last,
      loss.cause == "spool-age" ? "days_max" : "bytes_max", delivery_.error()));
  return spool_->drop_oldest_bodies();
}

Result<void> Agent::deliver() {
  auto old = deliver_old();
  if (!old) return failure(old);
  if (!*old && delivery_.take_report(sealer_->now().wall)) status_stale_ = true;
  if (auto noted = note_delivery(); !noted) return noted;
  while (!*old) {
    // What the ratchet has not committed may not leave the host.
    auto lost = delivery_.feed(sealer_->ratchet().next_batch());
    if (!lost) return failure(lost);
    if (!*lost || hold_.active()) break;
    if (auto declared = declare("spool-damaged", **lost); !declared) return failure(declared);
  }
  if (!*old) {
    if (auto asked = delivery_.ask_for_witnesses(sealer_->now().boot); !asked) return asked;
  }
  return save_checkpoint();
}

// True while the shipper works for an earlier incarnation.
Result<bool> Agent::deliver_old() {
  if (!old_under_way_) return false;
  std::vector<std::string> records;
  auto under_way = old_.deliver(sealer_->now().wall, records);
  if (!under_way) return under_way;
  for (std::string& record : records) queue(std::move(record), true);
  old_under_way_ = *under_way;
  return under_way;
}

const std::string& Agent::ship_error() const {
  return old_under_way_ ? old_.error() : delivery_.error();
}

void Agent::watch_clock(Moment now) {
  if (auto line = clock_.stepped(now)) queue(std::move(*line), true);
}

// What people should know of the shipper's news, once. A fork is remembered over restarts: another
// try could only repeat it.
Result<void> Agent::note_delivery() {
  if (const auto offset = delivery_.take_clock_offset()) {
    if (auto line = clock_.compared(sealer_->now().wall, *offset)) {
      if (clock_.off()) parts_.log("this host's clock is " + describe_offset(*offset));
      queue(std::move(*line), true);
      status_stale_ = true;
    }
  }
  if (auto kept = note_contradiction(); !kept) return kept;
  if (ship_error() == logged_error_) return {};
  logged_error_ = ship_error();
  parts_.log(logged_error_.empty() ? "shipping goes on" : "not shipped: " + logged_error_);
  if (delivery_.state() != DeliveryState::forked || !parts_.fork_known.empty()) return {};
  parts_.fork_known = logged_error_;
  auto kept = replace_file(*parts_.files, parts_.paths.fork, logged_error_ + "\n", 0644);
  return kept || kept.error().kind == ErrorKind::full ? Result<void>() : kept;
}

// What proves that the collector showed two histories is kept and sealed, whatever becomes of the
// shipping.
Result<void> Agent::note_contradiction() {
  if (const auto from = delivery_.take_went_back()) {
    parts_.log(
        fmt::format("the collector asks again for batch {}, for which it gave a receipt: its "
                    "log went back; what it showed before is sealed",
                    *from));
    queue_checkpoint();
  }
  const auto found = delivery_.take_contradiction();
  if (!found) return {};
  auto kept = ShownEvidence(*parts_.files, parts_.paths.alarms).keep(*found, sealer_->now().wall);
  if (!kept) return kept.error().kind == ErrorKind::full ? Result<void>() : failure(kept);
  if (kept->path.empty()) return {};
  parts_.log("the collector's log contradicts what it showed before; both signed notes are in " +
             kept->path + ": give that file to the authority");
  for (std::string& record : kept->records) queue(std::move(record), true);
  return {};
}

// Kept so that a later run notices a log that went back.
Result<void> Agent::save_checkpoint() {
  const milliseconds now = sealer_->now().boot;
  if (now - checkpoint_saved_at_ < checkpoint_save_interval && !stopped_) return {};
  if (delivery_.checkpoint().empty() || delivery_.checkpoint() == saved_checkpoint_) return {};
  checkpoint_saved_at_ = now;
  auto saved = replace_file(*parts_.files, parts_.paths.checkpoint, delivery_.checkpoint(), 0644);
  if (saved) saved_checkpoint_ = delivery_.checkpoint();
  // An older one is as true; it is tried again.
  return saved || saved.error().kind == ErrorKind::full ? Result<void>() : saved;
}

std::string Agent::summary() const {
  std::string line = fmt::format("{} batches sealed, {} receipted", sealer_->ratchet().next_batch(),
                                 spool_->receipted());
  const std::string error = hold_.active() ? hold_.reason() : ship_error();
  if (!error.empty()) line += "; " + error;
  return line;
}

// What people are told; nothing depends on it, so that a failure is only logged.
void Agent::show_status(bool at_once) {
  const milliseconds now = sealer_->now().boot;
  if (!at_once && (!status_stale_ || now - status_at_ < status_interval)) return;
  AgentStatus status{.sealed = sealer_->ratchet().next_batch(),
                     .records = sealer_->ratchet().next_record(),
                     .receipted = spool_->receipted(),
                     .witnessed = spool_->witnessed(),
                     .witness_problem = delivery_.witness_problem(),
                     .spool_bytes = spool_->bytes(),
                     .spool_bytes_max = parts_.limits.bytes_max,
                     .dropped = losses_.batches,
                     .dropped_cause = losses_.last_cause,
                     .last_sealed = last_sealed_,
                     .last_error = hold_.active() ? hold_.reason() : ship_error()};
  if (delivery_.last_receipt())
    status.last_receipt = ledger::format_time(*delivery_.last_receipt());
  if (old_under_way_ ? old_.refused() : delivery_.refused()) status.state = "refused";
  if (hold_.active()) status.state = "held";
  if (stopped_) status.state = "stopped";
  if (delivery_.state() == DeliveryState::forked) status.state = "forked";
  if (delivery_.state() == DeliveryState::ended) status.state = "ended";
  if (const auto note = ledger::parse_note(newest_checkpoint())) {
    if (const auto checkpoint = ledger::parse_checkpoint(note->text))
      status.log_size = checkpoint->tree.size;
  }
  if (parts_.certificate) {
    const CertificateStanding standing = parts_.certificate();
    if (standing.known()) {
      status.certificate_end = ledger::format_time(standing.not_after);
      status.certificate_renewal = ledger::format_time(standing.renew_at);
      status.certificate_problem = standing.problem;
    }
  }
  if (clock_.offset()) status.clock = describe_offset(*clock_.offset());
  status_stale_ = false;
  status_at_ = now;
  auto written = write_status(*parts_.files, parts_.paths, status);
  if (!written && !std::exchange(status_failed_, true)) parts_.log(written.error().message);
}

milliseconds Agent::next_step() const {
  if (more_ && !held() && !hold_.active()) return milliseconds(0);
  const Moment now = sealer_->now();
  const auto second_end = std::chrono::floor<seconds>(now.wall) + seconds(1);
  const SealDecision decision = policy_.decide(waiting(), now);
  if (decision.reason != SealReason::none && !hold_.active()) return milliseconds(0);
  if (hold_.active()) return std::chrono::ceil<milliseconds>(second_end - now.wall);
  auto wait = std::min(std::chrono::ceil<milliseconds>(second_end - now.wall), decision.wait);
  if (status_stale_)
    wait = std::clamp(status_at_ + status_interval - now.boot, milliseconds(0), wait);
  return held() ? std::min(held_, wait) : wait;
}

Result<void> Agent::stop() {
  stopped_ = true;
  if (auto sealed = make_durable(); !sealed) return failure(sealed);
  if (hold_.active()) return stop_held();
  if (auto polled = poll_sources(sealer_->now().wall); !polled) return failure(polled);
  if (parts_.usage) parts_.usage->close(own_lines_);
  std::vector<Detail> details = {{"version", parts_.version}};
  if (!ship_error().empty()) details.emplace_back("not_shipped", shown_text(ship_error()));
  tell("stop", std::move(details));
  if (auto added = add_own_lines(); !added) return failure(added);
  if (!hold_.active() && !sealer_->run_has_room()) {
    if (auto sealed = make_durable(); !sealed) return failure(sealed);
  }
  if (!hold_.active()) {
    positions_.insert_or_assign(std::string(stop_mark), "1");
    if (auto closed = close_batch({.reason = SealReason::minute}); !closed) return failure(closed);
    if (auto sealed = make_durable(); !sealed) return failure(sealed);
  }
  return hold_.active() ? stop_held() : deliver();
}

Result<void> Agent::stop_held() {
  parts_.log(
      "stops with a full disk: what waits is not sealed; files and the journal are read "
      "again from their last sealed place at the next start");
  return deliver();
}

Result<void> Agent::close() {
  parts_.shipper->stop();
  delivery_.take_report(sealer_->now().wall);
  show_status(true);
  if (auto saved = save_checkpoint(); !saved) return failure(saved);
  // Without the mark some batches are shipped twice, which the collector knows how to answer.
  auto marked = spool_->save_mark();
  return marked || marked.error().kind == ErrorKind::full ? Result<void>() : marked;
}

}  // namespace yunjian::agent
