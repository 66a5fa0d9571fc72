#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::ledger {

// A set of token hashes that may say yes too often (about 0.3 %), never no wrongly. Made of lines
// of 64 bytes: 480 bits and a checksum over them, so that one read of 64 bytes answers for one
// token. 16 bits a token, 6 hashes within one line.
inline constexpr std::size_t bloom_line_bytes = 64;

std::string make_bloom(std::span<const std::uint64_t> distinct_hashes);
// Which line answers for a token in a filter of `lines` lines; lines > 0.
std::uint64_t bloom_line_of(std::uint64_t hash, std::uint64_t lines);
// Corrupt: the line's checksum does not hold.
Result<bool> bloom_line_has(std::string_view line, std::uint64_t hash);

// Distinct hashes, gathered. One thread.
class HashSet {
 public:
  HashSet() : slots_(1024, 0) {}
  void add(std::uint64_t hash);
  std::vector<std::uint64_t> values() const;
  void clear();

 private:
  void grow();

  std::vector<std::uint64_t> slots_;  // 0: free; no token has hash 0
  std::size_t used_ = 0;
};

}  // namespace yunjian::ledger
