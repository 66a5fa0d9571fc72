#pragma once

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
  // Wakes when `descriptor` can be read; closing it takes it out.
  void add(int descriptor) const;

 private:
  int descriptor_;
};

}  // namespace yunjian::agent
