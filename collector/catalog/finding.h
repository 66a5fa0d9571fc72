#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/base/result.h"
#include "rules/month/inventory.h"

namespace yunjian::collector {

// A finding as it stands. Keys and dates are kept as text in their one form; `due` is "" when no
// clock runs and "unknown" when the calendar does not know the days.
struct Finding {
  std::string id = {};  // host:road:month in which it was raised
  std::string host = {};
  std::string unit = {};
  std::string verdict = {};
  std::string state = {};
  std::string month = {};
  std::string due = {};
  std::string stopped_since = {};
  ledger::Time opened = {};
  ledger::Time changed = {};
  // What people decide by: explanation_zh, explanation_en, recommended, saving_fen, payer, rules …
  std::map<std::string, std::string, std::less<>> details = {};
};

// One step of its life; the first has the act "flag".
struct FindingEvent {
  std::uint64_t number = 0;  // from 0
  ledger::Time time = {};
  std::string act = {};
  std::string who = {};
  std::string state = {};  // afterwards
  std::string reason = {};
};

using StoredOutcome = rules::StoredOutcome;

struct FindingFilter {
  std::string host = {};   // "" = any
  std::string state = {};  // "" = any
  std::string month = {};  // "" = any
  bool open_only = false;
};

}  // namespace yunjian::collector
