#pragma once

#include <set>
#include <string>
#include <string_view>

namespace yunjian::collector {

// The units whose data a credential may see. Every read of store and catalog takes one; there is no
// default, so that a caller must decide.
class Scope {
 public:
  static Scope all() { return Scope(true, {}); }
  static Scope units(std::set<std::string, std::less<>> units) {
    return Scope(false, std::move(units));
  }

  bool allows(std::string_view unit) const { return all_ || units_.contains(unit); }
  bool is_all() const { return all_; }
  const std::set<std::string, std::less<>>& listed() const { return units_; }

 private:
  Scope(bool all, std::set<std::string, std::less<>> units) : all_(all), units_(std::move(units)) {}

  bool all_;
  std::set<std::string, std::less<>> units_;
};

}  // namespace yunjian::collector
