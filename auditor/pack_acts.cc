#include "auditor/pack_acts.h"

namespace yunjian::auditor {

void PackActs::add(const ledger::ParsedRecord& record, bool behind) {
  if (!behind) registered_.add(record);
  rules::StoredOutcome outcome;
  if (rules::read_outcome_act(record, outcome)) {
    if (outcome.month == month_) outcomes_[outcome.host] = outcome;
    return;
  }
  auto step = rules::read_finding_act(record);
  if (!step || !findings_.add(*step)) return;
  steps_.push_back(std::move(*step));
  if (!behind) steps_before_ = steps_.size();
}

}  // namespace yunjian::auditor
