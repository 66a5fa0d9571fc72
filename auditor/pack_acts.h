#pragma once

#include <map>
#include <string>
#include <vector>

#include "rules/month/finding_fold.h"
#include "rules/month/register_fold.h"

namespace yunjian::auditor {

// What the acts of a collector's own stream say around one month's pack, in their order: the
// inventory and the months before, by acts in front of the pack's checkpoint; the steps of findings
// and how the month itself was judged, by those up to the pack's report leaf. One thread.
class PackActs {
 public:
  explicit PackActs(rules::Month month) : month_(rules::format_month(month)) {}

  // `behind`: the checkpoint.
  void add(const ledger::ParsedRecord& record, bool behind);
  void add_enrolled(const std::string& host, const std::string& unit) {
    registered_.add_enrolled(host, unit);
  }

  const rules::RegisterFold& registered() const { return registered_; }
  // Each step once, in the order of the log.
  const std::vector<rules::FindingStepped>& steps() const { return steps_; }
  std::size_t steps_before() const { return steps_before_; }  // the checkpoint
  // Of the month, by host.
  const std::map<std::string, rules::StoredOutcome, std::less<>>& outcomes() const {
    return outcomes_;
  }

 private:
  const std::string month_;
  rules::RegisterFold registered_;
  rules::FindingFold findings_;
  std::vector<rules::FindingStepped> steps_;
  std::size_t steps_before_ = 0;
  std::map<std::string, rules::StoredOutcome, std::less<>> outcomes_;
};

}  // namespace yunjian::auditor
