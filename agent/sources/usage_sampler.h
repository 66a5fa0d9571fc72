#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "agent/sources/host_figures.h"
#include "agent/sources/usage_figures.h"
#include "ledger/base/clock.h"
#include "ledger/usage_hour.h"

namespace yunjian::agent {

struct UsageOptions {
  std::string root;  // in front of /proc, /sys and /run; empty for the real host
  std::uint64_t interval_s = 10;
};

// A closed minute or hour. `open_hour` is the open hour as of behind this record: it becomes
// durable with the seal that holds `line`, so that it never holds an unsealed minute.
struct UsageRecord {
  std::string line;
  std::string open_hour;  // one line of text; empty: no hour is open
  bool seal_now = false;  // do not wait for the host's second
};

// Measures the host: one `usage` record for each clock minute, one `usage_hour` for each clock
// hour.
//
// Life: construct -> restore(open hour of the last durable seal) -> sample() on the grid of the
// interval, then take() until it gives nothing -> at the end sample(), finish(), take(). A sample
// belongs to the minute in which the middle of its interval lies. The first sample, and one after a
// pause (suspend) or a change of the host's size, only lays the base for the next. One thread;
// never blocks.
class UsageSampler {
 public:
  // `clock` must outlive the sampler.
  UsageSampler(UsageOptions options, const ledger::Clock& clock);

  // Text that is no open hour is ignored: its minutes are sealed, only their fold is lost.
  void restore(std::string_view open_hour);
  void sample();
  void finish();
  std::optional<UsageRecord> take();

 private:
  using Milliseconds = std::chrono::milliseconds;

  bool size_changed(const HostSize& size) const;
  void rebase(ledger::Time wall, Milliseconds boot);
  void add_sample(ledger::Time wall, double seconds);
  void roll(ledger::Time until);
  void open_minute(ledger::Time at);
  void close_minute(ledger::Time end, bool seal_now);
  void close_hour(ledger::Time end, bool seal_now);
  std::string open_hour_text() const;

  UsageOptions options_;
  const ledger::Clock& clock_;
  UsageFigures figures_;
  HostFigures host_;
  std::deque<UsageRecord> ready_;

  std::optional<HostSize> size_;  // of the open minute and hour
  bool has_base_ = false;
  ledger::Time base_wall_{};
  Milliseconds base_boot_{};

  // The open minute; its samples stay apart from the hour until it is closed.
  std::optional<ledger::Time> minute_;  // its first moment
  ledger::Time minute_from_{};          // where measuring began in it
  std::uint64_t minute_samples_ = 0;
  std::array<ledger::Histogram, ledger::hour_figures.size()> minute_figures_;
  std::optional<ledger::UsageHour> hour_;
};

}  // namespace yunjian::agent
