#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/record.h"
#include "rules/month/inventory.h"
#include "rules/month/utilization_table.h"

namespace yunjian::rules {

// The inventory as the `register` acts of a collector's own stream tell it, in their order: units
// and hosts (kinds "unit" and "host") and all other entries; a later act about the same entry
// (entry_key) takes the place of the earlier. And how months were judged, by its `outcome` acts.
// One thread.
class RegisterFold {
 public:
  // Records of another kind are passed over.
  void add(const ledger::ParsedRecord& record);
  // A host that nobody entered before its agent enrolled: known by name and unit.
  void add_enrolled(const std::string& host, const std::string& unit);
  std::vector<RegistryEntry> entries(std::string_view kind) const;  // by id
  // The fold outlives it.
  Inventory inventory() const;
  // "yyyy-mm" of each month that some outcome tells of.
  std::set<std::string, std::less<>> judged_months() const;

 private:
  using ByMonth = std::map<std::string, StoredOutcome, std::less<>>;
  std::vector<StoredOutcome> outcomes(const std::string& from, const std::string& until) const;
  using Entries = std::map<std::string, RegistryEntry, std::less<>>;
  std::map<std::string, Entries, std::less<>> kinds_;
  std::map<std::string, ByMonth, std::less<>> outcomes_;  // by host
};

// The entry that a `register` act tells of; false: the record is no such act.
bool read_register_act(const ledger::ParsedRecord& record, RegistryEntry& entry);

// What an `outcome` act tells of: a host's month as it was judged; a later one about the same host
// and month takes its place. False: the record is no such act.
bool read_outcome_act(const ledger::ParsedRecord& record, StoredOutcome& outcome);
bool same_outcome(const StoredOutcome& one, const StoredOutcome& other);

// Everything that a month's figures and verdicts are read from, one line an entry, sorted: the same
// inventory gives the same text.
ledger::Result<std::string> inventory_text(const Inventory& inventory);

// What the table says of a host, from its entry and its unit's ("host": unit, system, name, vcpus,
// memory_bytes, purpose; "unit": name, county).
HostFacts host_facts(const RegistryEntry& host, const RegistryEntry& unit, ledger::Time enrolled);

// Hosts that were enrolled, with their entries; one without an entry or whose unit is not known
// does not stand in the table. `enrolled`: the first time, by host.
ledger::Result<std::vector<HostFacts>> hosts_of_inventory(
    const Inventory& inventory, const std::map<std::string, ledger::Time, std::less<>>& enrolled);

}  // namespace yunjian::rules
