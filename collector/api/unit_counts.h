#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "collector/api/act.h"

namespace yunjian::collector {

// Of which units how many records left with an answer; told in the record of the look.
class UnitCounts {
 public:
  // Of no unit (""): counted, no unit is told of it.
  void add(std::string_view unit, std::uint64_t records = 1);
  // `units` as "police=3 tax=12", left out when nothing is known; `results`, the sum.
  void tell(Act& act) const;
  std::uint64_t records() const { return records_; }

  // Back from the text; what is not of that form is left out.
  static std::map<std::string, std::uint64_t, std::less<>> parse(std::string_view text);

 private:
  std::map<std::string, std::uint64_t, std::less<>> units_;
  std::uint64_t records_ = 0;
};

}  // namespace yunjian::collector
