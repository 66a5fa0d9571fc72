#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "ledger/base/clock.h"

namespace yunjian::collector {

// How often somebody may do something: a bucket of tokens for each name, filled at a steady rate.
// Any thread.
class RequestBudget {
 public:
  struct Limits {
    double per_s = 0;  // 0: no limit
    double burst = 1;  // what a full bucket holds
  };
  explicit RequestBudget(const Limits& limits) : limits_(limits) {}

  // Takes one token. 0: it was there; else seconds until there will be one.
  int take(const std::string& name, ledger::Time now);

 private:
  struct Bucket {
    double tokens = 0;
    ledger::Time filled{};
  };
  void forget_full(ledger::Time now);
  double filled(const Bucket& bucket, ledger::Time now) const;

  const Limits limits_;
  std::mutex mutex_;  // protects buckets_
  std::map<std::string, Bucket> buckets_;
};

inline constexpr std::size_t budget_names_max = 100'000;

}  // namespace yunjian::collector
