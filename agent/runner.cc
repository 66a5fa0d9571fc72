#include "agent/runner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <sys/resource.h>

#include <csignal>

#include "agent/agent.h"
#include "agent/budget.h"
#include "agent/old_streams.h"
#include "agent/ship/certificate_renewal.h"
#include "agent/ship/curl_uploader.h"
#include "agent/source_plan.h"
#include "agent/succession.h"
#include "agent/unused_pages.h"
#include "agent/wake.h"
#include "ledger/base/bytes.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/posix/service_manager.h"
#include "ledger/posix/system_clock.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

using ledger::failure;
using ledger::Result;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds ship_at_stop{10};
constexpr milliseconds source_rest{20};
constexpr milliseconds room_pause{5000};  // a full disk at the start is looked at again after this
// An enrolment that has just ended, or the run before, lets go of the state within this.
constexpr milliseconds lock_wait{5000};
constexpr milliseconds lock_pause{100};
// A change to another log that was put off is not tried again before this.
constexpr milliseconds offers_pause = std::chrono::minutes(10);
constexpr seconds change_pause_max{60};

// One descriptor for each tailed file.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::function<void(Positions&)> regroup_for(const AgentConfig& config) {
  return [files = config.files](Positions& positions) { regroup_file_positions(positions, files); };
}

// What differs but is only looked at when the agent starts.
std::string needs_restart(const AgentConfig& running, const AgentConfig& fresh) {
  std::vector<std::string> keys;
  if (running.urls != fresh.urls) keys.emplace_back("collector.urls");
  if (running.proxy != fresh.proxy) keys.emplace_back("collector.proxy");
  if (running.usage != fresh.usage || running.usage_interval_s != fresh.usage_interval_s)
    keys.emplace_back("usage");
  if (running.spool_bytes_max != fresh.spool_bytes_max ||
      running.spool_days_max != fresh.spool_days_max)
    keys.emplace_back("spool");
  if (running.witness_keys != fresh.witness_keys || running.witness_quorum != fresh.witness_quorum)
    keys.emplace_back("witness");
  if (running.cpu_percent != fresh.cpu_percent || running.memory_mib != fresh.memory_mib ||
      running.upload_bytes_per_s != fresh.upload_bytes_per_s ||
      running.disk_bytes_per_s != fresh.disk_bytes_per_s)
    keys.emplace_back("limits");
  return fmt::format("{}", fmt::join(keys, ", "));
}

std::string describe_mask(const MaskOptions& mask) {
  std::string names = mask.enabled ? "secrets" : "none";
  if (mask.identity_cards) names += ", identity cards";
  if (mask.mobile_numbers) names += ", mobile numbers";
  return names;
}

// What was read at SIGHUP becomes the running configuration, as far as it takes effect.
void adopt(AgentConfig& running, AgentConfig fresh) {
  fresh.urls = running.urls;
  fresh.proxy = running.proxy;
  fresh.usage = running.usage;
  fresh.usage_interval_s = running.usage_interval_s;
  fresh.spool_bytes_max = running.spool_bytes_max;
  fresh.spool_days_max = running.spool_days_max;
  fresh.witness_keys = running.witness_keys;
  fresh.witness_quorum = running.witness_quorum;
  fresh.cpu_percent = running.cpu_percent;
  fresh.memory_mib = running.memory_mib;
  fresh.upload_bytes_per_s = running.upload_bytes_per_s;
  fresh.disk_bytes_per_s = running.disk_bytes_per_s;
  running = std::move(fresh);
}

// Everything a run owns, in the order in which it must be built; destroyed the other way round.
class Run {
 public:
  struct Host {  // of the process: outlives its runs
    Wake& wake;
    ledger::ServiceManager& service;
    milliseconds offers_from{0};  // offers of other logs are looked at from this time since boot on
  };
  Run(RunOptions options, const Host& host)
      : options_(std::move(options)),
        config_(options_.config),
        paths_(config_.state),
        host_(host),
        service_(host_.service),
        wake_(&host_.wake) {}

  Result<void> build();
  Result<void> loop();
  Result<void> finish();
  // Whether it ended for the log that goes on for ours. Its change is prepared then.
  bool changes_log() const { return offer_.has_value(); }
  const AgentConfig& config() const { return config_; }

 private:
  Result<std::unique_ptr<ledger::File>> wait_for_lock();
  Result<std::unique_ptr<Sealer>> open_sealer();
  Result<std::unique_ptr<Sealer>> open_sealer_with_room();
  Result<std::string> read_optional(const std::string& path);
  Result<void> prepare_renewal();
  Result<void> start_shipper(std::string& checkpoint);
  Result<void> end_for_successor();

  void tell_of_dead_log();
  void look_at_offer();
  void reload();
  void release_unused_pages();

  RunOptions options_;
  AgentConfig config_;
  StatePaths paths_;
  const Host host_;
  ledger::ServiceManager& service_;
  Wake* wake_;
  std::optional<SuccessorOffer> offer_;
  std::string refused_offer_;  // logged once
  SpoolLimits limits_;
  ledger::PosixFileSystem files_;
  ledger::SystemClock clock_;
  ledger::SystemRandom random_;
  std::unique_ptr<ledger::File> lock_;
  AgentIdentity identity_;
  std::optional<Spool> spool_;
  CurlUploader* uploader_ = nullptr;  // of the shipper; its thread's
  std::optional<CertificateRenewal> renewal_;
  std::optional<Budget> budget_;
  std::unique_ptr<Shipper> shipper_;
  SourceSet sources_;
  std::unique_ptr<Agent> agent_;
  UnusedPages unused_pages_{clock_.boot()};
};

Result<void> Run::build() {
  auto lock = wait_for_lock();
  if (!lock) return failure(lock);
  lock_ = std::move(*lock);
  auto identity = read_identity(files_, paths_);
  if (!identity) return failure(identity);
  identity_ = std::move(*identity);

  auto sealer = open_sealer_with_room();
  if (!sealer) return failure(sealer);
  auto checkpoint = read_optional(paths_.checkpoint);
  if (!checkpoint) return failure(checkpoint);
  if (auto started = start_shipper(*checkpoint); !started) return failure(started);
  std::unique_ptr<UsageFeed> usage;
  if (config_.usage) {
    UsageOptions options;
    options.interval_s = config_.usage_interval_s;
    usage = std::make_unique<UsageFeed>(std::move(options), clock_);
  }
  budget_.emplace(BudgetLimits{.cpu_percent = config_.cpu_percent,
                               .memory_bytes = config_.memory_mib << 20,
                               .disk_bytes_per_s = config_.disk_bytes_per_s},
                  [this] { return read_budget_use(files_); });
  auto old_streams = find_old_streams(files_, paths_, identity_);
  if (!old_streams) return failure(old_streams);
  auto fork_known = read_optional(paths_.fork);
  if (!fork_known) return failure(fork_known);
  while (fork_known->ends_with('\n')) fork_known->pop_back();
  auto agent = Agent::start({.files = &files_,
                             .paths = paths_,
                             .identity = identity_,
                             .limits = limits_,
                             .spool = &*spool_,
                             .sealer = std::move(*sealer),
                             .shipper = shipper_.get(),
                             .sources = sources_.make(plan_sources(config_)),
                             .mask = config_.mask,
                             .regroup = regroup_for(config_),
                             .usage = std::move(usage),
                             .checkpoint = std::move(*checkpoint),
                             .fork_known = std::move(*fork_known),
                             .certificate = [this] { return renewal_->standing(); },
                             .hold = [this](milliseconds boot) { return budget_->hold(boot); },
                             .old_streams = std::move(*old_streams),
                             .version = options_.version,
                             .config_hash = config_.sha256,
                             .log = options_.log});
  if (!agent) return failure(agent);
  agent_ = std::move(*agent);
  tell_of_dead_log();
  return {};
}

// The newest checkpoint of a dead log that this host was given: the log that goes on for it may not
// know of so much.
void Run::tell_of_dead_log() {
  auto old_streams = find_old_streams(files_, paths_, identity_);
  if (!old_streams) return;
  for (const OldStream& old : *old_streams) {
    if (!old.again_from) continue;
    const auto checkpoint = read_optional(StatePaths(old.directory).checkpoint);
    if (checkpoint && !checkpoint->empty())
      agent_->tell("checkpoint", {{"checkpoint", *checkpoint}});
  }
}

void Run::look_at_offer() {
  const std::string& problem = agent_->successor();
  if (problem.empty() || problem == refused_offer_ || clock_.boot() < host_.offers_from) return;
  auto offer = read_offer(problem, identity_, agent_->newest_checkpoint());
  if (offer) {
    offer_ = std::move(*offer);
    return;
  }
  refused_offer_ = problem;
  options_.log(offer.error().message);
}

Result<std::unique_ptr<ledger::File>> Run::wait_for_lock() {
  const milliseconds deadline = clock_.boot() + lock_wait;
  for (;;) {
    auto lock = lock_state(files_, paths_);
    if (lock || clock_.boot() >= deadline || wake_->wait({}, lock_pause).stop) return lock;
  }
}

Result<std::unique_ptr<Sealer>> Run::open_sealer() {
  limits_ = SpoolLimits::within(config_.spool_bytes_max);
  limits_.keep_unreceipted = std::chrono::days(config_.spool_days_max);
  limits_.witnessed_only = !config_.witness_keys.empty();
  // A rename of a process that was killed may not be durable yet.
  if (auto synced = files_.sync_directory(paths_.directory); !synced) return failure(synced);
  auto ratchet = ledger::Ratchet::open(files_, paths_.ratchet);
  if (!ratchet && ratchet.error().kind == ledger::ErrorKind::corrupt) {
    // An older copy would sign other batches under numbers that are taken: a fork.
    ratchet.error().message +=
        "; do not put an older copy back; enrol this host again with a new token, what is here is "
        "then kept in " +
        paths_.old;
  }
  if (!ratchet) return failure(ratchet);
  auto spool = Spool::open(files_, paths_.spool, limits_);
  if (!spool) return failure(spool);
  spool_.emplace(std::move(*spool));
  return Sealer::open(
      std::move(*ratchet),
      {.spool = &*spool_, .clock = &clock_, .random = &random_, .boot_id = ledger::read_boot_id()});
}

// A full disk at the start is waited out, so that a supervisor does not start the agent again and
// again.
Result<std::unique_ptr<Sealer>> Run::open_sealer_with_room() {
  for (bool first = true;; first = false) {
    auto sealer = open_sealer();
    if (sealer || sealer.error().kind != ledger::ErrorKind::full) return sealer;
    if (first) {
      options_.log("waits for room on the disk before it can go on: " + sealer.error().message);
      service_.ready();
    }
    service_.alive(clock_.boot());
    if (wake_->wait({}, room_pause).stop) return sealer;
  }
}

Result<std::string> Run::read_optional(const std::string& path) {
  auto there = files_.exists(path);
  if (!there) return failure(there);
  if (!*there) return std::string();
  return files_.read_file(path);
}

Result<void> Run::prepare_renewal() {
  const CertificatePlaces places{.key = paths_.tls_key,
                                 .certificate = paths_.tls_certificate,
                                 .ca = paths_.ca,
                                 .next_key = paths_.tls_next_key,
                                 .next_certificate = paths_.tls_next_certificate};
  if (auto done = CertificateRenewal::recover(files_, places); !done) return done;
  renewal_.emplace(
      CertificateRenewal::Parts{.files = &files_,
                                .places = places,
                                .agent = identity_.agent,
                                .clock = &clock_,
                                .ask =
                                    [this](const std::string& json) {
                                      return uploader_->ask("/ingest/v1/certificate", json);
                                    },
                                .installed = [this] { uploader_->drop_connection(); }});
  if (auto loaded = renewal_->load(); !loaded) {
    options_.log("the client certificate will not be renewed: " + loaded.error().message);
  }
  return {};
}

Result<void> Run::start_shipper(std::string& checkpoint) {
  auto log = ledger::Verifier::from_vkey(identity_.vkey);
  if (!log) return failure(log, paths_.identity);
  WitnessRule witnesses{.keys = {}, .quorum = config_.witness_quorum};
  for (const std::string& vkey : config_.witness_keys) {
    auto witness = ledger::Verifier::from_vkey(vkey);
    if (!witness) return failure(witness, vkey);
    witnesses.keys.push_back(std::move(*witness));
  }
  ReceiptBook receipts(std::move(*log), std::move(witnesses));
  if (!checkpoint.empty()) {
    if (auto restored = receipts.restore(checkpoint); !restored) {
      // It only guards against a log that goes back: no reason to stop sealing.
      options_.log(paths_.checkpoint +
                   " is damaged; goes on without it, and would not notice a log that went back "
                   "since: " +
                   restored.error().message);
      checkpoint.clear();
    }
  }
  if (auto prepared = prepare_renewal(); !prepared) return prepared;
  auto uploader =
      std::make_unique<CurlUploader>(config_.urls.empty() ? identity_.ingest : config_.urls,
                                     CurlOptions{.ca_file = paths_.ca,
                                                 .cert_file = paths_.tls_certificate,
                                                 .key_file = paths_.tls_key,
                                                 .proxy = config_.proxy,
                                                 .send_bytes_per_s_max = config_.upload_bytes_per_s,
                                                 .clock = &clock_});
  uploader_ = uploader.get();
  ShipperOptions options;
  options.stream = identity_.stream();
  options.on_news = [this] { wake_->notify(); };
  options.after_receipt = [this] { renewal_->step(uploader_->clock_offset()); };
  options.certificate_ended = [this] { return renewal_->ended(uploader_->clock_offset()); };
  shipper_ = std::make_unique<Shipper>(std::move(uploader), std::move(receipts), random_,
                                       std::move(options));
  return {};
}

Result<void> Run::loop() {
  std::vector<int> descriptors = agent_->wake_descriptors();
  options_.log("runs as " + identity_.stream() + " for host " + identity_.host);
  service_.ready();
  Wake::Reason reason;
  while (!reason.stop && !offer_) {
    if (reason.reload) {
      reload();
      descriptors = agent_->wake_descriptors();
    }
    auto wait = agent_->step(reason.source);
    if (!wait) return failure(wait);
    look_at_offer();
    service_.status(agent_->summary());
    service_.alive(clock_.boot());
    release_unused_pages();
    reason = agent_->held() ? wake_->wait({}, service_.rest_max(*wait))
                            : wake_->wait(descriptors, service_.rest_max(*wait));
    if (!reason.source || reason.stop || *wait == milliseconds(0)) continue;
    // A busy file is read in gulps, not in sips.
    const auto rested = wake_->wait({}, source_rest);
    reason.stop = rested.stop;
    reason.reload = reason.reload || rested.reload;
  }
  return {};
}

// The ship thread rests: it loads no library (as name resolution may) until it is given a post.
void Run::release_unused_pages() {
  if (!unused_pages_.due(clock_.boot()) || !shipper_->idle()) return;
  const auto smaps = files_.read_file("/proc/self/smaps");
  unused_pages_.release(clock_.boot(), smaps ? std::string_view(*smaps) : std::string_view());
}

void Run::reload() {
  auto fresh = options_.reload();
  if (fresh && fresh->state != config_.state)
    fresh = ledger::fail(ledger::ErrorKind::reject, "state: cannot change while the agent runs");
  if (!fresh) {
    options_.log("the configuration is refused, the old one stays: " + fresh.error().message);
    agent_->tell("config", {{"outcome", "refused"}, {"detail", shown_text(fresh.error().message)}});
    return;
  }
  SourceSet::Change change;
  agent_->exchange_sources(
      [&](Agent::Sources running) {
        change = sources_.exchange(std::move(running), plan_sources(*fresh));
        return Agent::Exchanged{std::move(change.sources), std::move(change.fresh)};
      },
      regroup_for(*fresh));
  if (fresh->mask != config_.mask) agent_->change_mask(fresh->mask);
  const std::string waiting = needs_restart(config_, *fresh);
  std::vector<Detail> details = {{"outcome", "accepted"}, {"sha256", fresh->sha256}};
  const auto add = [&](const char* key, const std::string& text) {
    if (!text.empty()) details.emplace_back(key, shown_text(text));
  };
  add("added", fmt::format("{}", fmt::join(change.added, ", ")));
  add("removed", fmt::format("{}", fmt::join(change.removed, ", ")));
  add("after_restart", waiting);
  add("mask", describe_mask(fresh->mask));
  agent_->tell("config", std::move(details));
  options_.log("reads the new configuration" +
               (waiting.empty() ? std::string() : "; only after a restart: " + waiting));
  adopt(config_, std::move(*fresh));
}

// What cannot be prepared leaves the old stream as it is.
Result<void> Run::end_for_successor() {
  options_.log("the log " + identity_.origin +
               " is lost; another one goes on for it: seals the end of this stream and changes");
  if (auto stopped = agent_->stop(); !stopped) return failure(stopped);
  if (auto closed = agent_->close(); !closed) return closed;
  auto prepared = prepare_succession(files_, paths_, *offer_);
  if (!prepared) options_.log("the change is put off: " + prepared.error().message);
  return {};
}

Result<void> Run::finish() {
  if (offer_) return end_for_successor();
  service_.stopping();
  options_.log("stops: seals what is open and ships for at most 10 s");
  const milliseconds deadline = clock_.boot() + ship_at_stop;
  if (auto stopped = agent_->stop(); !stopped) return failure(stopped);
  while (!agent_->drained() && clock_.boot() < deadline) {
    service_.alive(clock_.boot());
    wake_->wait({}, milliseconds(200));
    if (auto delivered = agent_->deliver(); !delivered) return failure(delivered);
  }
  if (!agent_->drained())
    options_.log("some batches have no receipt yet; they are shipped at the next start");
  return agent_->close();
}

enum class Change { none, stopped };

// Carries out the change to another log that is prepared in the state directory, if one is. Tried
// until the new log answers: from its second step on it may hold the next incarnation already.
Result<Change> change_log(const RunOptions& options, const Run::Host& host) {
  ledger::PosixFileSystem files;
  ledger::SystemClock clock;
  ledger::SystemRandom random;
  const StatePaths paths(options.config.state);
  auto under_way = read_succession(files, paths);
  if (!under_way) return failure(under_way);
  if (!*under_way) return Change::none;
  auto server = make_successor_server(files, paths,
                                      {.urls = options.config.urls, .proxy = options.config.proxy});
  for (seconds pause{1};; pause = std::min(pause * 2, change_pause_max)) {
    auto done =
        carry_out(**under_way, paths,
                  {.files = &files, .random = &random, .clock = &clock, .server = server.get()});
    if (done) return Change::none;
    const auto identity = read_identity(files, paths);
    const bool changed = !identity || identity->stream() != (*under_way)->stream;
    if (done.error().kind == ledger::ErrorKind::reject && !changed) {
      options.log("the change to the new log is put off: " + done.error().message);
      if (auto given_up = give_up_succession(files, paths); !given_up) return failure(given_up);
      return Change::none;
    }
    options.log("the change to the new log is tried again: " + done.error().message);
    for (seconds waited{0}; waited < pause; waited += seconds(1)) {
      host.service.alive(clock.boot());
      if (host.wake.wait({}, seconds(1)).stop) return Change::stopped;
    }
  }
}

}  // namespace

Result<void> run_agent(RunOptions options) {
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  // Two threads, few allocations: arenas for each would only cost memory.
  mallopt(M_ARENA_MAX, 1);
  auto wake = Wake::open();
  if (!wake) return failure(wake);
  auto service = ledger::ServiceManager::from_environment();
  Run::Host host{.wake = *wake, .service = service};
  for (;;) {
    auto changed = change_log(options, host);
    if (!changed) return failure(changed);
    if (*changed == Change::stopped) return {};
    Run run(options, host);
    if (auto built = run.build(); !built) return failure(built);
    if (auto ended = run.loop(); !ended) return failure(ended);
    if (auto finished = run.finish(); !finished) return finished;
    if (!run.changes_log()) return {};
    options.config = run.config();
    host.offers_from = ledger::SystemClock().boot() + offers_pause;
  }
}

}  // namespace yunjian::agent
