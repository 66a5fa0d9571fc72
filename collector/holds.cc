#include "collector/holds.h"

#include <algorithm>

namespace yunjian::collector {

using ledger::Result;

Result<void> Holds::refresh() {
  auto stored = catalog_.holds(Scope::all());
  std::shared_ptr<std::vector<LegalHold>> all;
  if (stored) {
    all = std::make_shared<std::vector<LegalHold>>(configured_);
    for (const Hold& hold : *stored) {
      if (!hold.lifted) all->push_back({hold.unit, hold.host, hold.first_day, hold.last_day});
    }
  }
  const std::lock_guard lock(mutex_);
  all_ = std::move(all);
  return stored ? Result<void>() : ledger::failure(stored, "legal holds");
}

std::shared_ptr<const std::vector<LegalHold>> Holds::current() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

bool Holds::held(const std::string& unit, const std::string& host, std::uint64_t day) const {
  const auto all = current();
  return all == nullptr || std::ranges::any_of(*all, [&](const LegalHold& hold) {
           return (hold.unit.empty() || hold.unit == unit) &&
                  (hold.host.empty() || hold.host == host) && day >= hold.first_day &&
                  day <= hold.last_day;
         });
}

std::uint64_t Holds::mark() const {
  const auto all = current();
  return all == nullptr ? 1 : mark_of(*all);
}

}  // namespace yunjian::collector
