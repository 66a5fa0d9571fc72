#include "agent/sources/usage_sampler.h"

#include <algorithm>
#include <utility>

#include "ledger/record.h"

namespace yunjian::agent {
namespace {

using ledger::Time;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;

// A longer pause between two samples was no measuring: the host slept, or the agent was stopped.
constexpr std::uint64_t intervals_max = 6;
// Balloons breathe; only a change of this share of the memory makes another host of it.
constexpr std::uint64_t memory_change_share = 16;

std::array<ledger::Histogram, ledger::hour_figures.size()> empty_figures() {
  return ledger::UsageHour{}.figures;
}

template <typename Unit>
Time floor_to(Time time) {
  return std::chrono::floor<Unit>(time);
}

}  // namespace

UsageSampler::UsageSampler(UsageOptions options, const ledger::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      host_(options_.root, figures_),
      minute_figures_(empty_figures()) {}

void UsageSampler::restore(std::string_view open_hour) {
  if (open_hour.empty()) return;
  const auto record = ledger::parse_record(open_hour);
  if (!record) return;
  auto hour = ledger::read_usage_hour(**record);
  if (!hour) return;
  hour_ = std::move(*hour);
  size_ = HostSize{hour_->vcpus, hour_->memory_bytes};
}

void UsageSampler::sample() {
  const Time wall = clock_.wall();
  const Milliseconds boot = clock_.boot();
  const HostSize size = host_.look();
  if (size_ && size_changed(size)) {
    close_minute(wall, true);
    close_hour(wall, true);
    has_base_ = false;
  }
  const auto pause = boot - base_boot_;
  const auto pause_max = std::chrono::seconds(intervals_max * options_.interval_s);
  if (!has_base_ || pause <= Milliseconds(0) || pause > pause_max) {
    roll(wall);
    size_ = size;
    rebase(wall, boot);
    return;
  }
  // The middle of the interval, not its end, tells where the sample belongs; and a wall clock that
  // was set must not stretch it.
  roll(wall - microseconds(pause) / 2);
  open_minute(wall - microseconds(pause) / 2);
  add_sample(wall, std::chrono::duration<double>(pause).count());
  base_wall_ = wall;
  base_boot_ = boot;
  roll(wall);
}

void UsageSampler::finish() {
  const Time wall = clock_.wall();
  close_minute(wall, true);
  close_hour(wall, true);
  has_base_ = false;
}

std::optional<UsageRecord> UsageSampler::take() {
  if (ready_.empty()) return std::nullopt;
  UsageRecord record = std::move(ready_.front());
  ready_.pop_front();
  return record;
}

bool UsageSampler::size_changed(const HostSize& size) const {
  const std::uint64_t before = size_->memory_bytes;
  const std::uint64_t now = size.memory_bytes;
  const std::uint64_t difference = before > now ? before - now : now - before;
  return size.vcpus != size_->vcpus || difference > before / memory_change_share;
}

void UsageSampler::rebase(Time wall, Milliseconds boot) {
  host_.rebase();
  has_base_ = true;
  base_wall_ = wall;
  base_boot_ = boot;
}

void UsageSampler::add_sample(Time wall, double seconds) {
  if (minute_samples_ == 0) host_.measure_slow();
  const HourSample sample = host_.measure(seconds);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (sample[i]) minute_figures_[i].add(*sample[i], wall);
  }
  ++minute_samples_;
}

// Closes what has ended when the clock shows `until`, also when the clock was set back.
void UsageSampler::roll(Time until) {
  if (minute_ && floor_to<minutes>(until) != *minute_) close_minute(*minute_ + minutes(1), false);
  if (hour_ && floor_to<hours>(until) != floor_to<hours>(hour_->from))
    close_hour(floor_to<hours>(hour_->from) + hours(1), false);
}

void UsageSampler::open_minute(Time at) {
  if (minute_) return;
  minute_ = floor_to<minutes>(at);
  minute_from_ = std::clamp(base_wall_, *minute_, at);
  minute_samples_ = 0;
}

void UsageSampler::close_minute(Time end, bool seal_now) {
  if (!minute_) return;
  if (minute_samples_ > 0) {
    if (!hour_) {
      hour_.emplace();
      hour_->from = minute_from_;
      hour_->interval_s = options_.interval_s;
      hour_->vcpus = size_->vcpus;
      hour_->memory_bytes = size_->memory_bytes;
    }
    // A clock that was set back in this minute must not give an end before the beginning.
    end = std::max(end, minute_from_);
    hour_->to = std::max({hour_->to, end, hour_->from});
    hour_->samples += minute_samples_;
    for (std::size_t i = 0; i < minute_figures_.size(); ++i)
      hour_->figures[i].merge(minute_figures_[i]);
    UsageRecord record;
    figures_.write(record.line, {.end = end,
                                 .interval_s = options_.interval_s,
                                 .samples = minute_samples_,
                                 .boot_id = host_.boot_id()});
    record.open_hour = open_hour_text();
    record.seal_now = seal_now;
    ready_.push_back(std::move(record));
  }
  minute_.reset();
  minute_figures_ = empty_figures();
}

void UsageSampler::close_hour(Time end, bool seal_now) {
  if (!hour_) return;
  hour_->to = std::clamp(end, hour_->from, floor_to<hours>(hour_->from) + hours(1));
  ready_.push_back({.line = open_hour_text(), .open_hour = {}, .seal_now = seal_now});
  hour_.reset();
}

std::string UsageSampler::open_hour_text() const {
  std::string text;
  ledger::write_usage_hour(text, *hour_);
  return text;
}

}  // namespace yunjian::agent
