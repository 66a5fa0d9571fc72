#pragma once

#include <cstdint>
#include <vector>

namespace yunjian::agent {

// One descriptor that stays the same while what it stands for comes and goes (epoll): the loop asks
// a source for its descriptor only once.
class WakeSet {
 public:
  WakeSet();
  ~WakeSet();
  WakeSet(const WakeSet&) = delete;
  WakeSet& operator=(const WakeSet&) = delete;

  int descriptor() const { return descriptor_; }  // -1 when the kernel gives none
  // Wakes when `descriptor` can be read; closing it takes it out. `key` is what ready() calls it.
  void add(int descriptor, std::uint64_t key = 0) const;
  // Still in the set, but wakes nobody until it is awake again.
  void set_asleep(int descriptor, bool asleep, std::uint64_t key = 0) const;
  // Replaces `keys` by those of descriptors that can be read now, a bounded number in turns.
  void ready(std::vector<std::uint64_t>& keys) const;

 private:
  int descriptor_;
};

}  // namespace yunjian::agent
