#include "agent/sources/audit/wake_set.h"

#include <sys/epoll.h>
#include <unistd.h>

namespace yunjian::agent {

WakeSet::WakeSet() : descriptor_(epoll_create1(EPOLL_CLOEXEC)) {}

WakeSet::~WakeSet() {
  if (descriptor_ >= 0) close(descriptor_);
}

void WakeSet::add(int descriptor) const {
  epoll_event event{};
  event.events = EPOLLIN;
  if (descriptor_ >= 0 && descriptor >= 0)
    epoll_ctl(descriptor_, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace yunjian::agent
