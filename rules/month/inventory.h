#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::rules {

// One entry. Values are kept as they were given once they passed: decimals with at most three
// places, dates 2026-11-30, months 2026-11, times in RFC 3339 UTC, yes_no as "yes" or "no". An
// empty value is left out.
struct RegistryEntry {
  std::string kind = {};
  std::string id = {};
  std::string unit = {};  // whose it is; "" = the whole cloud's
  std::map<std::string, std::string, std::less<>> fields = {};

  std::string field(std::string_view name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  }
};

// Agreements and exemptions are kept by counties, each for its own units: an id of theirs names an
// entry within its unit, so that nobody learns from a taken id what another county has. Ids of the
// other kinds name one entry of the whole city.
inline bool ids_are_of_units(std::string_view kind) {
  return kind == "agreement" || kind == "exemption";
}

// What is one and the same entry of a kind, in the order in which entries are listed: an id holds
// no control character.
inline std::string entry_key(const RegistryEntry& entry) {
  return ids_are_of_units(entry.kind) ? entry.id + '\n' + entry.unit : entry.id;
}

// How a month of a host was judged, kept for the months that follow. Keys as in
// rules/utilization.
struct StoredOutcome {
  std::string host = {};
  std::string month = {};
  std::string size = {};  // "4x8": vCPUs and GiB; a resize begins a new history
  std::string verdict = {};
  std::string clears = {};  // verdict keys, one blank between two
  std::string exempt = {};  // key of the kind; "" = not exempt
  std::string rules = {};   // version
  // Means of the month in hundredths of a percent; absent: not measured, or kept before they were.
  std::optional<std::uint64_t> cpu_mean = {};
  std::optional<std::uint64_t> memory_mean = {};
};

// Where a month's terms are read from: all entries of a kind; the outcomes of the months from
// `from` to before `until`, by host and month.
struct Inventory {
  std::function<ledger::Result<std::vector<RegistryEntry>>(std::string_view kind)> entries;
  std::function<ledger::Result<std::vector<StoredOutcome>>(const std::string& from,
                                                           const std::string& until)>
      outcomes;
};

}  // namespace yunjian::rules
