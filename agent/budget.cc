#include "agent/budget.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds bucket_holds{2};  // of the share
constexpr milliseconds memory_pause{1000};
constexpr milliseconds memory_pauses_max = seconds(60);

}  // namespace

BudgetUse read_budget_use(ledger::FileSystem& files) {
  BudgetUse use;
  timespec spent{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  use.cpu = seconds(spent.tv_sec) + microseconds(spent.tv_nsec / 1000);
  const auto statm = files.read_file("/proc/self/statm");
  if (!statm) return use;
  // "total resident …", in pages.
  const std::size_t begin = statm->find(' ') + 1;
  const auto pages = ledger::parse_decimal(
      std::string_view(*statm).substr(begin, statm->find(' ', begin) - begin));
  if (pages) use.memory_bytes = *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return use;
}

Budget::Budget(BudgetLimits limits, std::function<BudgetUse()> use)
    : limits_(limits), use_(std::move(use)) {}

milliseconds Budget::hold(milliseconds boot) {
  if (limits_.cpu_percent == 0 && limits_.memory_bytes == 0) return {};
  const BudgetUse use = use_();
  return std::max(cpu_hold(use, boot), memory_hold(use, boot));
}

milliseconds Budget::cpu_hold(const BudgetUse& use, milliseconds boot) {
  if (limits_.cpu_percent == 0) return {};
  const auto percent = static_cast<std::int64_t>(limits_.cpu_percent);
  const microseconds full = microseconds(bucket_holds) * percent / 100;
  if (!begun_) {
    begun_ = true;
    tokens_ = full;
  } else {
    tokens_ += microseconds(boot - seen_at_) * percent / 100;
    tokens_ = std::min(tokens_, full) - (use.cpu - cpu_seen_);
  }
  cpu_seen_ = use.cpu;
  seen_at_ = boot;
  if (tokens_ >= microseconds(0)) return {};
  return std::chrono::ceil<milliseconds>(-tokens_ * 100 / percent);
}

milliseconds Budget::memory_hold(const BudgetUse& use, milliseconds boot) {
  if (limits_.memory_bytes == 0 || use.memory_bytes <= limits_.memory_bytes) {
    memory_since_ = milliseconds(-1);
    return {};
  }
  if (memory_since_ < milliseconds(0)) memory_since_ = boot;
  if (boot - memory_since_ < memory_pauses_max) return memory_pause;
  memory_since_ = boot;
  return {};
}

}  // namespace yunjian::agent
