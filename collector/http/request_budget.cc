#include "collector/http/request_budget.h"

#include <algorithm>
#include <cmath>

namespace yunjian::collector {

// A clock that was set back fills nothing, and does not empty either.
double RequestBudget::filled(const Bucket& bucket, ledger::Time now) const {
  const auto passed = std::max(now - bucket.filled, std::chrono::microseconds(0));
  const double seconds = std::chrono::duration<double>(passed).count();
  return std::min(limits_.burst, bucket.tokens + seconds * limits_.per_s);
}

int RequestBudget::take(const std::string& name, ledger::Time now) {
  if (limits_.per_s <= 0) return 0;
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= budget_names_max && !buckets_.contains(name)) forget_full(now);
  const auto [at, fresh] = buckets_.try_emplace(name, Bucket{limits_.burst, now});
  Bucket& bucket = at->second;
  bucket.tokens = filled(bucket, now);
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return 0;
  }
  return static_cast<int>(std::ceil((1 - bucket.tokens) / limits_.per_s));
}

// A full bucket is as good as none. When all are in use, all begin anew: memory has a limit.
void RequestBudget::forget_full(ledger::Time now) {
  std::erase_if(buckets_,
                [&](const auto& each) { return filled(each.second, now) >= limits_.burst; });
  if (buckets_.size() >= budget_names_max) buckets_.clear();
}

}  // namespace yunjian::collector
