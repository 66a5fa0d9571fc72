#include "agent/disk_hold.h"

#include <algorithm>

namespace yunjian::agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_wait{1000};
constexpr milliseconds wait_max{10'000};

}  // namespace

bool DiskHold::failed(const std::string& why, Moment now) {
  const bool begins = !active();
  if (begins) since_ = now.wall;
  wait_ = begins ? first_wait : std::min(2 * wait_, wait_max);
  retry_at_ = now.boot + wait_;
  reason_ =
      "no room on the disk, nothing is sealed and sources wait; goes on by itself when there "
      "is room: " +
      why;
  return begins;
}

void DiskHold::end() { *this = DiskHold(); }

void DiskHold::lose(const std::string& line) {
  ++lost_.count;
  lost_.bytes += line.size();
}

}  // namespace yunjian::agent
