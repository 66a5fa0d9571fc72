#include "collector/witness_service.h"

#include <fmt/format.h>

#include "collector/api/act.h"
#include "collector/api/metrics.h"
#include "ledger/checkpoint.h"

namespace yunjian::collector {

using ledger::Result;

namespace {

constexpr std::chrono::seconds push_interval{5};  // candidates change less often

}  // namespace

Result<std::vector<ledger::Verifier>> verifiers_of(const std::vector<std::string>& vkeys) {
  std::vector<ledger::Verifier> verifiers;
  for (const std::string& vkey : vkeys) {
    auto verifier = ledger::Verifier::from_vkey(vkey);
    if (!verifier) return ledger::failure(verifier, vkey);
    verifiers.push_back(std::move(*verifier));
  }
  return verifiers;
}

Result<std::vector<std::string>> ask_witnesses_before_start(ledger::FileSystem& files,
                                                            const std::string& anchor,
                                                            const ledger::Verifier& log,
                                                            const WitnessConfig& config) {
  if (config.push.empty()) return std::vector<std::string>();
  auto note = files.read_file(anchor);
  if (!note) return std::vector<std::string>();  // the log says what a missing anchor means
  auto checkpoint = ledger::open_checkpoint(*note, log);
  if (!checkpoint) return std::vector<std::string>();
  return ask_before_signing(config.push, post_to_witness(config.push_ca), *checkpoint, *note);
}

WitnessService::WitnessService(const Parts& parts, const std::string& data,
                               const WitnessConfig& config)
    : parts_(parts),
      config_(config),
      lists_(parts.files, data + "/lists"),
      rosters_(parts.log, lists_, parts.clock),
      history_(parts.log,
               {.files = parts.files, .clock = parts.clock, .directory = data + "/checkpoints"}) {}

Result<std::unique_ptr<WitnessService>> WitnessService::open(const Parts& parts,
                                                             const std::string& data,
                                                             const WitnessConfig& config) {
  std::unique_ptr<WitnessService> service(new WitnessService(parts, data, config));
  auto witnesses = verifiers_of(config.keys);
  if (!witnesses) return ledger::failure(witnesses, "[witness] keys");
  auto cosignatures = Cosignatures::open(
      parts.log, {.files = parts.files, .clock = parts.clock, .directory = data + "/witnessed"},
      {.witnesses = std::move(*witnesses), .quorum = config.quorum});
  if (!cosignatures) return ledger::failure(cosignatures);
  service->cosignatures_ = std::move(*cosignatures);
  service->push_ = std::make_unique<WitnessPush>(parts.log, *service->cosignatures_, config.push,
                                                 post_to_witness(config.push_ca));
  return service;
}

WitnessService::~WitnessService() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WitnessService::start_pushing() {
  if (!config_.push.empty()) thread_ = std::thread([this] { run(); });
}

void WitnessService::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    std::vector<WitnessPush::Event> events = push_->push();
    lock.lock();
    for (WitnessPush::Event& event : events) events_.push_back(std::move(event));
    stopped_.wait_for(lock, push_interval, [this] { return stopping_; });
  }
}

Result<std::optional<std::string>> WitnessService::witnessed_receipt(std::string_view stream,
                                                                     std::uint64_t batch) const {
  auto row = parts_.log.batch_row(stream, batch);
  if (!row) return ledger::failure(row);
  if (!*row) {
    return ledger::fail(ledger::ErrorKind::reject,
                        fmt::format("there is no batch {} of {}", batch, stream));
  }
  const std::string note = cosignatures_->witnessed();
  if (note.empty()) return std::optional<std::string>();
  auto receipt = parts_.log.receipt_under(note, (*row)->leaf);
  if (!receipt && receipt.error().kind == ledger::ErrorKind::reject) {
    return std::optional<std::string>();
  }
  if (!receipt) return ledger::failure(receipt);
  return std::optional<std::string>(std::move(*receipt));
}

Result<void> WitnessService::step() {
  std::vector<WitnessPush::Event> events;
  {
    const std::lock_guard lock(mutex_);
    events.swap(events_);
  }
  for (const WitnessPush::Event& event : events) {
    Act act(parts_.clock.wall(), event.alarm ? "alarm" : "witness");
    act.text("witness", event.url).text("detail", event.text);
    if (event.alarm) act.text("cause", "split-view");
    if (auto recorded = parts_.own.record(act.line()); !recorded) return recorded;
    const std::lock_guard lock(mutex_);
    if (event.alarm) ++alarms_;
  }
  if (auto kept = history_.step(); !kept) return kept;
  auto made = rosters_.step();
  if (!made) return ledger::failure(made);
  if (!*made) return {};
  {
    const std::lock_guard lock(mutex_);
    ++rosters_made_;
    agents_ = (*made)->agents;
    silent_ = (*made)->silent;
  }
  return record_silence(**made);
}

Result<void> WitnessService::record_silence(const RosterKeeper::Made& made) {
  if (made.fell_silent.empty()) return {};
  Act act(parts_.clock.wall(), "alarm");
  act.text("cause", "silent").number("count", made.fell_silent.size()).number("leaf", made.leaf);
  act.text("agents", fmt::format("{}", fmt::join(made.fell_silent, " ")));
  return parts_.own.record(act.line());
}

std::string WitnessService::metrics() const {
  const Cosignatures::Counts cosigned = cosignatures_->counts();
  MetricsText text;
  const auto number = [](std::uint64_t count) { return static_cast<double>(count); };
  text.metric("yunjian_witnessed_leaves", "gauge", "Leaves under the newest witnessed checkpoint.")
      .sample(number(cosigned.witnessed_size));
  text.metric("yunjian_cosignatures_total", "counter", "Cosignatures taken, and posts refused.")
      .sample("result", "taken", number(cosigned.taken))
      .sample("result", "refused", number(cosigned.refused));
  const std::lock_guard lock(mutex_);
  text.metric("yunjian_witness_alarms_total", "counter", "Witnesses that saw another history.")
      .sample(number(alarms_));
  text.metric("yunjian_rosters_total", "counter", "Rosters made since the start.")
      .sample(number(rosters_made_));
  text.metric("yunjian_agents", "gauge",
              "Enrolled agents that are not retired, by the last roster.")
      .sample(number(agents_));
  text.metric("yunjian_agents_silent", "gauge", "Those that are silent.").sample(number(silent_));
  return text.take();
}

}  // namespace yunjian::collector
