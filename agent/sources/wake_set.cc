#include "agent/sources/wake_set.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>

namespace yunjian::agent {
namespace {

constexpr int ready_at_once = 128;

}  // namespace

WakeSet::WakeSet() : descriptor_(epoll_create1(EPOLL_CLOEXEC)) {}

WakeSet::~WakeSet() {
  if (descriptor_ >= 0) close(descriptor_);
}

void WakeSet::add(int descriptor, std::uint64_t key) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (descriptor_ >= 0 && descriptor >= 0)
    epoll_ctl(descriptor_, EPOLL_CTL_ADD, descriptor, &event);
}

void WakeSet::set_asleep(int descriptor, bool asleep, std::uint64_t key) const {
  epoll_event event{};
  if (!asleep) event.events = EPOLLIN;
  event.data.u64 = key;
  epoll_ctl(descriptor_, EPOLL_CTL_MOD, descriptor, &event);
}

void WakeSet::ready(std::vector<std::uint64_t>& keys) const {
  keys.clear();
  std::array<epoll_event, ready_at_once> events;
  const int count = epoll_wait(descriptor_, events.data(), ready_at_once, 0);
  for (int i = 0; i < count; ++i) keys.push_back(events[static_cast<std::size_t>(i)].data.u64);
}

}  // namespace yunjian::agent
