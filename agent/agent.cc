#include "agent/agent.h"

#include <fmt/format.h>

#include <algorithm>

namespace yunjian::agent {
namespace {

using ledger::failure;
using ledger::Result;
using std::chrono::milliseconds;
using std::chrono::seconds;

// In the positions of the last seal of a run that stopped in good order.
constexpr std::string_view stop_mark = "agent:stopped";
constexpr std::string_view mask_name = "agent:mask";
// A step gives way to shipping after so many seals.
constexpr int seals_per_step = 8;
constexpr int seals_at_stop = 256;
constexpr milliseconds status_interval{1000};
constexpr milliseconds checkpoint_save_interval = seconds(60);
constexpr milliseconds checkpoint_record_interval = seconds(3600);

// What all sources hand over passes here: nothing unmasked is ever sealed.
class Intake : public RecordSink {
 public:
  Intake(Sealer& sealer, Masker& masker) : sealer_(&sealer), masker_(&masker) {}
  bool take(std::string_view line) override {
    if (!sealer_->add(masker_->mask(line), true)) return false;
    masker_->taken();
    return true;
  }

 private:
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
                DeliveryOptions{.stream = {}, .fork_known = parts_.fork_known}),
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
  if (auto added = add_own_lines(); !added) return failure(added);
  if (polls_now(woken, now)) {
    if (auto polled = poll_sources(now.wall); !polled) return failure(polled);
  }
  if (auto sealed = seal_when_due(); !sealed) return failure(sealed);
  if (auto held = hold_limits(); !held) return failure(held);
  if (auto delivered = deliver(); !delivered) return failure(delivered);
  if (auto shown = show_status(false); !shown) return failure(shown);
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

// Asks each source in turn; seals whenever the batch is full. True: there is more than one step
// takes.
Result<void> Agent::poll_sources(ledger::Time now) {
  polled_second_ = whole_second(now);
  polled_at_ = sealer_->now().boot;
  const int seals_max = stopped_ ? seals_at_stop : seals_per_step;
  Intake intake(*sealer_, *masker_);
  int seals = 0;
  more_ = false;
  for (std::size_t i = 0; i < parts_.sources.size() && !more_; ++i) {
    Source& source = *parts_.sources[(first_source_ + i) % parts_.sources.size()];
    while (source.poll(now, intake)) {
      if (seals++ == seals_max) {
        more_ = true;
        break;
      }
      if (auto sealed = seal({.reason = SealReason::full}); !sealed) return failure(sealed);
    }
  }
  ++first_source_;
  return {};
}

Result<void> Agent::add_own_lines() {
  while (!own_lines_.empty()) {
    OwnLine& own = own_lines_.front();
    if (!sealer_->add(own.line, own.event)) {
      if (auto sealed = seal({.reason = SealReason::full}); !sealed) return failure(sealed);
      continue;
    }
    if (own.open_hour) open_hour_ = std::move(*own.open_hour);
    own_lines_.pop_front();
  }
  return {};
}

Result<void> Agent::seal_when_due() {
  SealDecision decision = policy_.decide(sealer_->waiting(), sealer_->now());
  if (decision.reason == SealReason::none && seal_now_) decision.reason = SealReason::events;
  if (decision.reason == SealReason::none) return {};
  seal_now_ = false;
  if (decision.skipped > 0) flags_.push_back(fmt::format("skipped={}", decision.skipped));
  return seal(decision);
}

Result<void> Agent::seal(const SealDecision& decision, bool keep_body) {
  note_positions();
  auto sealed = sealer_->seal({.positions = encode_positions(positions_), .open_hour = open_hour_},
                              std::move(flags_), keep_body);
  if (!sealed) return failure(sealed);
  flags_.clear();
  if (own_lines_.empty()) {
    if (auto settled = old_.sealed(); !settled) return settled;
  }
  policy_.sealed(decision, sealer_->now());
  last_sealed_ = ledger::format_time(sealer_->now().wall);
  status_stale_ = limits_stale_ = true;
  return {};
}

// Receipted bodies go first; then the oldest, each run named by a gap record before it goes.
Result<void> Agent::hold_limits() {
  if (!limits_stale_) return {};
  limits_stale_ = false;
  if (auto freed = spool_->free_receipted(sealer_->now().wall); !freed) return failure(freed);
  while (spool_->over_limit()) {
    auto loss = spool_->oldest_bodies();
    if (!loss) return failure(loss);
    if (!*loss) return {};
    if (auto declared = declare("spool-full", **loss); !declared) return failure(declared);
    if (auto dropped = spool_->drop_oldest_bodies(); !dropped) return failure(dropped);
    parts_.log(
        fmt::format("the spool is full: the bodies of batches {} to {} are dropped, their headers "
                    "stay; raise [spool] bytes_max or see why nothing is shipped: {}",
                    (*loss)->first, (*loss)->last, delivery_.error()));
  }
  return {};
}

// The gap record travels in a small batch of its own, which stays even when later bodies must go.
Result<void> Agent::declare(std::string_view cause, const BodyLoss& loss) {
  if (auto added = add_own_lines(); !added) return failure(added);
  if (sealer_->records_waiting() > 0) {
    if (auto sealed = seal({.reason = SealReason::full}); !sealed) return failure(sealed);
  }
  sealer_->add(body_gap_record(sealer_->now().wall, cause, loss), true);
  return seal({.reason = SealReason::full}, true);
}

Result<void> Agent::deliver() {
  auto old = deliver_old();
  if (!old) return failure(old);
  if (!*old && delivery_.take_report(sealer_->now().wall)) status_stale_ = true;
  if (auto noted = note_delivery(); !noted) return noted;
  while (!*old) {
    auto lost = delivery_.feed();
    if (!lost) return failure(lost);
    if (!*lost) break;
    if (auto declared = declare("spool-damaged", **lost); !declared) return failure(declared);
    delivery_.declared(**lost);
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
  if (ship_error() == logged_error_) return {};
  logged_error_ = ship_error();
  parts_.log(logged_error_.empty() ? "shipping goes on" : "not shipped: " + logged_error_);
  if (delivery_.state() != DeliveryState::forked || !parts_.fork_known.empty()) return {};
  parts_.fork_known = logged_error_;
  return replace_file(*parts_.files, parts_.paths.fork, logged_error_ + "\n", 0644);
}

// Kept so that a later run notices a log that went back.
Result<void> Agent::save_checkpoint() {
  const milliseconds now = sealer_->now().boot;
  if (now - checkpoint_saved_at_ < checkpoint_save_interval && !stopped_) return {};
  if (delivery_.checkpoint().empty() || delivery_.checkpoint() == saved_checkpoint_) return {};
  saved_checkpoint_ = delivery_.checkpoint();
  checkpoint_saved_at_ = now;
  return replace_file(*parts_.files, parts_.paths.checkpoint, saved_checkpoint_, 0644);
}

std::string Agent::summary() const {
  std::string line = fmt::format("{} batches sealed, {} receipted", sealer_->ratchet().next_batch(),
                                 spool_->receipted());
  if (const std::string error = delivery_.error(); !error.empty()) line += "; " + error;
  return line;
}

Result<void> Agent::show_status(bool at_once) {
  const milliseconds now = sealer_->now().boot;
  if (!at_once && (!status_stale_ || now - status_at_ < status_interval)) return {};
  AgentStatus status{.sealed = sealer_->ratchet().next_batch(),
                     .records = sealer_->ratchet().next_record(),
                     .receipted = spool_->receipted(),
                     .spool_bytes = spool_->bytes(),
                     .spool_bytes_max = parts_.limits.bytes_max,
                     .last_sealed = last_sealed_,
                     .last_error = ship_error()};
  if (delivery_.last_receipt())
    status.last_receipt = ledger::format_time(*delivery_.last_receipt());
  if (stopped_) status.state = "stopped";
  if (delivery_.state() == DeliveryState::forked) status.state = "forked";
  if (delivery_.state() == DeliveryState::ended) status.state = "ended";
  if (const auto note = ledger::parse_note(newest_checkpoint())) {
    if (const auto checkpoint = ledger::parse_checkpoint(note->text))
      status.log_size = checkpoint->tree.size;
  }
  if (parts_.certificate) {
    const CertificateStanding standing = parts_.certificate();
    status.certificate_end = ledger::format_time(standing.not_after);
    status.certificate_renewal = ledger::format_time(standing.renew_at);
    status.certificate_problem = standing.problem;
  }
  if (clock_.offset()) status.clock = describe_offset(*clock_.offset());
  status_stale_ = false;
  status_at_ = now;
  return write_status(*parts_.files, parts_.paths, status);
}

milliseconds Agent::next_step() const {
  if (more_ && !held()) return milliseconds(0);
  const Moment now = sealer_->now();
  const auto second_end = std::chrono::floor<seconds>(now.wall) + seconds(1);
  const SealDecision decision = policy_.decide(sealer_->waiting(), now);
  if (decision.reason != SealReason::none) return milliseconds(0);
  const auto wait = std::min(std::chrono::ceil<milliseconds>(second_end - now.wall), decision.wait);
  return held() ? std::min(held_, wait) : wait;
}

Result<void> Agent::stop() {
  stopped_ = true;
  if (auto polled = poll_sources(sealer_->now().wall); !polled) return failure(polled);
  if (parts_.usage) parts_.usage->close(own_lines_);
  queue(own_record(sealer_->now().wall, "stop", {{"version", parts_.version}}), true);
  if (auto added = add_own_lines(); !added) return failure(added);
  positions_.insert_or_assign(std::string(stop_mark), "1");
  if (auto sealed = seal({.reason = SealReason::minute}); !sealed) return failure(sealed);
  return deliver();
}

Result<void> Agent::close() {
  parts_.shipper->stop();
  delivery_.take_report(sealer_->now().wall);
  if (auto saved = spool_->save_mark(); !saved) return failure(saved);
  if (auto saved = save_checkpoint(); !saved) return failure(saved);
  return show_status(true);
}

}  // namespace yunjian::agent
