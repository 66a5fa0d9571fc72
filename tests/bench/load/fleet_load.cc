#include "tests/bench/load/fleet_load.h"

#include <fmt/format.h>

#include <random>
#include <thread>

#include "agent/ship/backoff.h"
#include "agent/ship/shipper.h"

namespace yunjian::load {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

namespace {

constexpr std::size_t problem_bytes = 160;

}  // namespace

FleetLoad::FleetLoad(std::vector<std::unique_ptr<LoadAgent>> agents, std::size_t threads)
    : threads_(threads) {
  slots_.reserve(agents.size());
  for (auto& agent : agents) {
    const auto seed = static_cast<unsigned>(slots_.size() + 1);
    slots_.push_back({.agent = std::move(agent), .machine = bench::MinuteMachine(seed)});
  }
}

Result<FleetFigures> FleetLoad::run(std::chrono::minutes minutes, std::chrono::seconds patience) {
  std::mt19937_64 random(4711);
  const auto begun = Steady::now();
  last_minute_ = begun + minutes;
  patience_end_ = last_minute_ + patience;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].minute = begun + std::chrono::milliseconds(random() % 60'000);
    turns_.push({slots_[i].minute, i});
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < threads_; ++i) threads.emplace_back([this] { work(); });
  for (std::thread& thread : threads) thread.join();
  if (!stopped_.empty()) return fail(ErrorKind::reject, stopped_);
  return std::move(figures_);
}

void FleetLoad::work() {
  ledger::BodyEncoder encoder;
  while (const auto turn = take()) {
    Slot& slot = slots_[turn->slot];
    const auto done = step(slot, encoder);
    if (!done) give_up(done.error().message);
    const auto next = next_turn(slot);
    put_back(next ? std::optional(Turn{*next, turn->slot}) : std::nullopt);
  }
}

// Waits for the next turn; none when the run is over. One thread looks at the clock, the others
// wait to be its successor: if all woke for each turn, they would take the processor from what is
// measured.
std::optional<FleetLoad::Turn> FleetLoad::take() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!stopped_.empty() || (turns_.empty() && under_way_ == 0)) return {};
    if (turns_.empty() || watched_) {
      changed_.wait(lock);
      continue;
    }
    const Turn turn = turns_.top();
    if (turn.at > Steady::now()) {
      watched_ = true;
      sooner_.wait_until(lock, turn.at);
      watched_ = false;
      continue;
    }
    turns_.pop();
    ++under_way_;
    changed_.notify_one();
    return turn;
  }
}

void FleetLoad::put_back(const std::optional<Turn>& next) {
  const std::scoped_lock lock(mutex_);
  --under_way_;
  if (next) turns_.push(*next);
  sooner_.notify_one();
  if (turns_.empty() && under_way_ == 0) changed_.notify_all();
}

Result<void> FleetLoad::step(Slot& slot, ledger::BodyEncoder& encoder) {
  const ledger::SystemClock clock;
  while (slot.minute <= Steady::now() && slot.minute < last_minute_) {
    const std::vector<std::string> lines = {slot.machine.minute(clock.wall())};
    if (auto sealed = slot.agent->seal(lines, slot.minute, encoder); !sealed) return sealed;
    {
      const std::scoped_lock lock(mutex_);
      ++figures_.sealed;
      figures_.begun_s.push_back(
          std::chrono::duration<double>(Steady::now() - slot.minute).count());
    }
    slot.minute += std::chrono::minutes(1);
  }
  if (slot.agent->has_waiting() && slot.retry <= Steady::now()) ship(slot);
  if (slot.connected && slot.idle_end <= Steady::now()) {
    slot.agent->drop_connection();
    slot.connected = false;
  }
  if (slot.agent->has_waiting() && Steady::now() > patience_end_) {
    return fail(ErrorKind::reject, "some batches have no receipt long after the last seal");
  }
  return {};
}

void FleetLoad::ship(Slot& slot) {
  const Shipped shipped = slot.agent->ship();
  const auto now = Steady::now();
  slot.connected = true;
  slot.idle_end = now + agent::ShipperOptions().idle;
  if (!shipped.waited.empty()) slot.attempt = 0;
  if (!shipped.problem.empty()) {
    std::random_device random;
    const std::uint64_t bits = (std::uint64_t{random()} << 32U) | random();
    slot.retry = now + agent::backoff(slot.attempt++, bits, {}) + shipped.retry_after;
  }
  if (shipped.hopeless) give_up(shipped.problem);
  const std::scoped_lock lock(mutex_);
  ++figures_.posts;
  for (const auto& waited : shipped.waited) figures_.waited_s.push_back(waited.count());
  if (shipped.problem.empty()) return;
  ++figures_.failed_posts;
  ++figures_.problems[shipped.problem.substr(0, problem_bytes)];
}

// None: nothing waits and nothing more is to be sealed.
std::optional<Steady::time_point> FleetLoad::next_turn(const Slot& slot) const {
  std::optional<Steady::time_point> next;
  const auto consider = [&](Steady::time_point at) { next = next ? std::min(*next, at) : at; };
  if (slot.minute < last_minute_) consider(slot.minute);
  if (slot.agent->has_waiting()) consider(slot.retry);
  if (slot.connected && (next || Steady::now() < last_minute_)) consider(slot.idle_end);
  return next;
}

void FleetLoad::give_up(std::string why) {
  const std::scoped_lock lock(mutex_);
  if (stopped_.empty()) stopped_ = std::move(why);
  sooner_.notify_one();
  changed_.notify_all();
}

}  // namespace yunjian::load
