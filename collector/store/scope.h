#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace yunjian::collector {

// The units whose data a credential may see, and of which of them it may read log messages. Every
// read of store and catalog takes one; there is no default, so that a caller must decide.
class Scope {
 public:
  using Units = std::set<std::string, std::less<>>;

  static Scope all() { return Scope(true, {}); }
  static Scope units(Units units) { return Scope(false, std::move(units)); }
  // The same units, but log messages (lane `event`) of `units` only.
  Scope with_messages_of(Units units) const {
    Scope narrowed = *this;
    narrowed.messages_ = std::move(units);
    return narrowed;
  }
  // For figures that are drawn from records when none of these leaves.
  Scope for_figures() const { return Scope(all_, units_); }

  bool allows(std::string_view unit) const { return all_ || units_.contains(unit); }
  bool allows_messages(std::string_view unit) const {
    return allows(unit) && (!messages_ || messages_->contains(unit));
  }
  bool operator==(const Scope&) const = default;
  bool is_all() const { return all_; }
  // False: not one log message lies in it.
  bool has_messages() const { return !messages_ || !messages_->empty(); }
  const Units& listed() const { return units_; }
  // Absent: of all its units.
  const std::optional<Units>& messages() const { return messages_; }

 private:
  Scope(bool all, Units units) : all_(all), units_(std::move(units)) {}

  bool all_;
  Units units_;
  std::optional<Units> messages_;
};

}  // namespace yunjian::collector
