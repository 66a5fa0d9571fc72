#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace yunjian::auditor {

// What a check found, in the words of the exit code. notice changes no code (unless --strict).
// lost: missing too, but with a log that is dead; what is here holds, so that a later check is
// measured by it.
enum class FindingKind { tampered, missing, lost, cannot_tell, declared_gap, notice };

struct Finding {
  FindingKind kind;
  std::string place;  // "leaf 17", "stream 5f….1 batch 12 records 80..95", "wal/…0000.seg at 4096"
  std::string zh;
  std::string en;
  std::uint64_t order = 0;  // findings are told in this order: the leaf at which each was made
};

// Counts everything, keeps the first ones of each kind: hostile data must not fill the memory. One
// thread.
class Findings {
 public:
  static constexpr std::size_t kept_per_kind_max = 100;

  void add(Finding finding);
  void merge(const Findings& other);  // of another thread; counts add up
  void sort();                        // by order, as one thread would have found them
  std::uint64_t count(FindingKind kind) const;
  const std::vector<Finding>& kept() const { return kept_; }

  // 1 tampered, 2 missing, 4 cannot tell, 3 declared gap, else 0; with `strict` a notice makes 4.
  int exit_code(bool strict) const;

 private:
  std::map<FindingKind, std::uint64_t> counts_;
  std::vector<Finding> kept_;
};

std::string_view to_string(FindingKind kind);

}  // namespace yunjian::auditor
