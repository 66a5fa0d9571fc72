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

constexpr std::int64_t bucket_holds_s = 2;             // of the share
constexpr std::int64_t microseconds_a_point = 10'000;  // of CPU time in a second, for one percent
constexpr milliseconds memory_pause{1000};
constexpr milliseconds memory_pauses_max = seconds(60);

// Of /proc/self/io: what this process caused to be written to disks.
std::uint64_t written_bytes(ledger::FileSystem& files) {
  constexpr std::string_view name = "\nwrite_bytes: ";
  const auto io = files.read_file("/proc/self/io");
  if (!io) return 0;
  const std::size_t at = io->find(name);
  if (at == std::string::npos) return 0;
  std::string_view rest = std::string_view(*io).substr(at + name.size());
  return ledger::parse_decimal(rest.substr(0, rest.find('\n'))).value_or(0);
}

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
  use.disk_bytes = written_bytes(files);
  return use;
}

Budget::Budget(BudgetLimits limits, std::function<BudgetUse()> use)
    : limits_(limits), use_(std::move(use)) {
  cpu_.per_s = static_cast<std::int64_t>(limits.cpu_percent) * microseconds_a_point;
  disk_.per_s = static_cast<std::int64_t>(limits.disk_bytes_per_s);
}

milliseconds Budget::hold(milliseconds boot) {
  if (limits_.cpu_percent == 0 && limits_.memory_bytes == 0 && limits_.disk_bytes_per_s == 0) {
    return {};
  }
  const BudgetUse use = use_();
  return std::max({cpu_.hold(use.cpu.count(), boot), memory_hold(use, boot),
                   disk_.hold(static_cast<std::int64_t>(use.disk_bytes), boot)});
}

milliseconds Budget::Bucket::hold(std::int64_t used, milliseconds boot) {
  if (per_s == 0) return {};
  const std::int64_t full = per_s * bucket_holds_s;
  if (!begun) {
    begun = true;
    tokens = full;
  } else {
    tokens += (boot - at).count() * per_s / 1000;
    tokens = std::min(tokens, full) - (used - seen);
  }
  seen = used;
  at = boot;
  if (tokens >= 0) return {};
  return milliseconds((-tokens * 1000 + per_s - 1) / per_s);
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
