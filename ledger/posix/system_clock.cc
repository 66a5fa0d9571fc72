#include "ledger/posix/system_clock.h"

#include <sys/random.h>
#include <time.h>

#include <cerrno>

#include "ledger/posix/posix_file_system.h"

namespace yunjian::ledger {
namespace {

std::chrono::nanoseconds read_clock(clockid_t id) {
  timespec now = {};
  require(::clock_gettime(id, &now) == 0, "the system has the clocks we ask for");
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

}  // namespace

Time SystemClock::wall() const {
  return Time{std::chrono::floor<std::chrono::microseconds>(read_clock(CLOCK_REALTIME))};
}

std::chrono::milliseconds SystemClock::boot() const {
  return std::chrono::floor<std::chrono::milliseconds>(read_clock(CLOCK_BOOTTIME));
}

void SystemRandom::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t count = ::getrandom(out.data(), out.size(), 0);
    if (count < 0) {
      require(errno == EINTR, "the system gives random bytes");
      continue;
    }
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

std::string read_boot_id() {
  constexpr std::size_t uuid_length = 36;
  PosixFileSystem files;
  auto id = files.read_file("/proc/sys/kernel/random/boot_id");
  if (id && id->size() >= uuid_length) return id->substr(0, uuid_length);
  return "00000000-0000-0000-0000-000000000000";
}

}  // namespace yunjian::ledger
