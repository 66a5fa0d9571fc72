#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "ledger/merkle.h"

namespace yunjian::auditor {

// Checkpoints that agents say they were given (records "checkpoint" of their own). Two histories
// that were shown to two parties meet here: in an honest log each is the beginning of the whole,
// and smaller than the leaf that tells of it. Keeps each tree once; one thread.
class ShownCheckpoints {
 public:
  static constexpr std::size_t trees_max = 1U << 20;  // about 150 MiB

  struct Where {
    std::string place;  // of the first record that tells of it
    std::string host;
    std::uint64_t leaf = 0;  // that seals it
    std::string note;
  };
  void add(std::string_view note, Where where);
  void merge(ShownCheckpoints&& other);

  // By the text of the note, which its signatures are over.
  const std::map<std::string, Where, std::less<>>& notes() const { return notes_; }
  std::uint64_t dropped() const { return dropped_; }  // more than trees_max

 private:
  std::map<std::string, Where, std::less<>> notes_;
  std::uint64_t dropped_ = 0;
};

}  // namespace yunjian::auditor
