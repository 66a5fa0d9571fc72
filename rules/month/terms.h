#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rules/month/inventory.h"
#include "rules/month/utilization_table.h"

namespace yunjian::rules {

// What the inventory says of a month: terms of hosts, sizes with prices, agreements with their
// limits, the months before. Read once for a table; holds what its host facts point to.
class MonthTerms {
 public:
  // Corrupt: an entry that was good when it was imported cannot be used.
  static ledger::Result<std::unique_ptr<MonthTerms>> read(const Inventory& inventory,
                                                          const RuleSet& rules, Month month);

  // Fills in terms, public, payer, price and the rules under the host's agreement.
  void add_to(HostFacts& host) const;
  std::span<const Spec> catalogue() const { return specs_; }
  HistorySource history() const;

 private:
  struct Agreed {
    std::string unit, system, host;
    RuleSet rules;
  };
  struct Listed {
    RegistryEntry entry;
    std::vector<Exemption> exemptions;
    std::optional<std::chrono::seconds> powered_off;
  };

  ledger::Result<void> read_agreements(const Inventory& inventory, const RuleSet& rules);
  ledger::Result<void> read_exemptions(const Inventory& inventory);
  ledger::Result<void> read_specs(const Inventory& inventory);
  ledger::Result<void> read_power(const Inventory& inventory);
  ledger::Result<void> read_outcomes(const Inventory& inventory);
  const RuleSet* agreed_for(const HostFacts& host, std::string_view system) const;

  Date last_day_{};
  Month month_{};
  std::map<std::string, Listed, std::less<>> hosts_;           // by host id
  std::map<std::string, RegistryEntry, std::less<>> systems_;  // by id
  std::vector<Spec> specs_;                                    // in force on the last day
  std::vector<Agreed> agreements_;                             // in force on the last day
  std::map<std::string, std::vector<StoredOutcome>, std::less<>> outcomes_;  // by host, rising
};

// What later months need of the table, to be kept once the month is over.
std::vector<StoredOutcome> outcomes_of(const UtilizationTable& table);

}  // namespace yunjian::rules
