#pragma once

#include <algorithm>
#include <cstdint>

namespace yunjian::collector {

// Whether filing should wait because the WAL grows fast, or did a moment ago: agents drain what
// they held, with pauses, and a busy disk and core are theirs first. Asked twice a second. One
// thread.
class FilingPace {
 public:
  static constexpr std::uint64_t busy_bytes = 1U << 20;  // of the WAL between two looks
  static constexpr std::uint64_t backlog_bytes_max = 128U << 20;
  static constexpr int calm_looks = 10;  // 5 s

  explicit FilingPace(std::uint64_t wal_bytes) : seen_(wal_bytes), filed_(wal_bytes) {}

  bool must_wait(std::uint64_t wal_bytes) {
    const bool grows = wal_bytes - seen_ >= busy_bytes;
    seen_ = wal_bytes;
    calm_ = grows ? 0 : std::min(calm_ + 1, calm_looks);
    return calm_ < calm_looks && wal_bytes - filed_ < backlog_bytes_max;
  }
  // Nothing was left to file when the WAL had so many bytes.
  void caught_up(std::uint64_t wal_bytes) { filed_ = wal_bytes; }

 private:
  std::uint64_t seen_;     // at the last look
  std::uint64_t filed_;    // when nothing was left to file
  int calm_ = calm_looks;  // looks since the WAL last grew fast
};

}  // namespace yunjian::collector
