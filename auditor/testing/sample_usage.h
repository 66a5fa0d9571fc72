#pragma once

#include <functional>
#include <string>

#include "ledger/usage_hour.h"

namespace yunjian::auditor::testing {

// The usage records of one host: minutes of six samples each, and the hour that they add up to.
class SampleUsage {
 public:
  explicit SampleUsage(ledger::Time start) : start_(start) {}
  std::string minute(double cpu);
  // Of the minutes so far, or what `change` makes of it.
  std::string hour(const std::function<void(ledger::UsageHour&)>& change = nullptr);

 private:
  ledger::Time start_;
  int minutes_ = 0;
  ledger::UsageHour hour_;
};

}  // namespace yunjian::auditor::testing
