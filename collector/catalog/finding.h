#pragma once

#include <string>

#include "rules/month/finding_fold.h"
#include "rules/month/inventory.h"

namespace yunjian::collector {

// As rules/month reads them from their acts.
using Finding = rules::StoredFinding;
using FindingEvent = rules::FindingEvent;

using StoredOutcome = rules::StoredOutcome;

struct FindingFilter {
  std::string host = {};   // "" = any
  std::string state = {};  // "" = any
  std::string month = {};  // "" = any
  bool open_only = false;
};

}  // namespace yunjian::collector
