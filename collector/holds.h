#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "collector/catalog/catalog.h"
#include "collector/config.h"

namespace yunjian::collector {

// The legal holds that count: those of the configuration and those of the catalog that were not
// lifted. Any thread.
class Holds {
 public:
  Holds(const Catalog& catalog, std::vector<LegalHold> configured)
      : catalog_(catalog), configured_(std::move(configured)) {}

  // Reads the catalog again; until then what was read before counts. After an error everything is
  // held.
  ledger::Result<void> refresh();
  bool held(const std::string& unit, const std::string& host, std::uint64_t day) const;
  std::uint64_t mark() const;  // of what counts now, see EvidenceLog::Retention

 private:
  std::shared_ptr<const std::vector<LegalHold>> current() const;

  const Catalog& catalog_;
  const std::vector<LegalHold> configured_;
  mutable std::mutex mutex_;                           // protects all_
  std::shared_ptr<const std::vector<LegalHold>> all_;  // null: not known, everything is held
};

}  // namespace yunjian::collector
