#pragma once

#include "collector/catalog/catalog.h"
#include "collector/store/evidence_log.h"

namespace yunjian::collector {

// What the catalog was behind the acts of the own stream.
struct Projected {
  std::uint64_t entries = 0;      // of the inventory and the register, units and hosts
  std::uint64_t findings = 0;     // steps of findings
  std::uint64_t hosts = 0;        // that were enrolled and nobody had entered
  std::uint64_t revocations = 0;  // of agents' certificates
};

// Makes good in the catalog what acts of the own stream say since the last time: an act that was
// durable before a crash and had no row yet gets it; a catalog that was lost gets units, hosts,
// entries and findings again (tokens and certificates are no acts, but what took an agent's
// certificate away is). The same acts twice give the same rows. At the start, before anybody asks.
ledger::Result<Projected> project_acts(Catalog& catalog, const EvidenceLog& log);

}  // namespace yunjian::collector
