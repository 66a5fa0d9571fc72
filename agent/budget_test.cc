#include "agent/budget.h"

#include <doctest/doctest.h>

#include "ledger/posix/posix_file_system.h"

namespace yunjian::agent {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("A flood takes the share of a core that it was given, and no more") {
  for (const std::uint64_t percent : {1U, 5U, 50U, 200U}) {
    CAPTURE(percent);
    BudgetUse use;
    Budget budget({.cpu_percent = percent}, [&] { return use; });
    milliseconds boot(1000);
    const milliseconds end = boot + minutes(10);
    while (boot < end) {
      const milliseconds hold = budget.hold(boot);
      if (hold > milliseconds(0)) {
        boot += hold;
        continue;
      }
      use.cpu += microseconds(30'000);  // one read and its seals, on two threads
      boot += milliseconds(15);
    }
    const double share = static_cast<double>(use.cpu.count()) /
                         static_cast<double>(microseconds(minutes(10)).count()) * 100;
    CHECK(share <= static_cast<double>(percent) * 1.01 + 0.01);
    CHECK(share >= static_cast<double>(percent) * 0.9);
  }
}

TEST_CASE("What was not used for a while is no licence for a long burst") {
  BudgetUse use;
  Budget budget({.cpu_percent = 10}, [&] { return use; });
  CHECK(budget.hold(seconds(1)) == milliseconds(0));
  CHECK(budget.hold(minutes(60)) == milliseconds(0));
  use.cpu = microseconds(1'200'000);
  CHECK(budget.hold(minutes(60)) == seconds(10));  // two tenths were saved, one second is owed
}

TEST_CASE("No more is written a second than was given, whatever a step writes at once") {
  BudgetUse use;
  Budget budget({.disk_bytes_per_s = 1'000'000}, [&] { return use; });
  milliseconds boot(0);
  while (boot < minutes(10)) {
    const milliseconds hold = budget.hold(boot);
    boot += hold;
    if (hold > milliseconds(0)) continue;
    use.disk_bytes += 4'500'000;  // a full run and its states
    boot += milliseconds(30);
  }
  CHECK(use.disk_bytes <= 607'000'000);  // two seconds were saved, one step is owed
  CHECK(use.disk_bytes >= 590'000'000);
}

TEST_CASE("Beyond its memory the agent reads a little each minute, never nothing for ever") {
  BudgetUse use{.cpu = {}, .memory_bytes = 33U << 20, .disk_bytes = 0};
  Budget budget({.memory_bytes = 32U << 20}, [&] { return use; });
  int reads = 0;
  for (milliseconds boot(0); boot < minutes(10); boot += seconds(1)) {
    reads += budget.hold(boot) == milliseconds(0) ? 1 : 0;
  }
  CHECK(reads == 9);
  use.memory_bytes = 32U << 20;
  CHECK(budget.hold(minutes(11)) == milliseconds(0));
}

TEST_CASE("Without limits nothing is asked, and what the process takes can be read") {
  Budget budget({}, []() -> BudgetUse { throw 1; });
  CHECK(budget.hold(seconds(1)) == milliseconds(0));
  ledger::PosixFileSystem files;
  CHECK(read_budget_use(files).memory_bytes > 1'000'000);
  CHECK(read_budget_use(files).cpu > microseconds(0));
}

}  // namespace
}  // namespace yunjian::agent
