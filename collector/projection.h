#pragma once

#include "collector/catalog/catalog.h"
#include "collector/store/evidence_log.h"

namespace yunjian::collector {

// What the catalog was behind the acts of the own stream.
struct Projected {
  std::uint64_t entries = 0;      // of the inventory and the register, units and hosts
  std::uint64_t findings = 0;     // steps of findings
  std::uint64_t outcomes = 0;     // of hosts and months
  std::uint64_t hosts = 0;        // that were enrolled and nobody had entered
  std::uint64_t revocations = 0;  // of agents' certificates
  std::uint64_t rights = 0;       // of accounts and grants, and tokens that were taken away
};

// Makes good in the catalog what acts of the own stream say since the last time: an act that was
// durable before a crash and had no row yet gets it; a catalog that was lost gets units, hosts,
// entries, findings, outcomes of months, accounts and grants again. Tokens and certificates are no
// acts, but what took one away is: it does not come back with an older copy. The same acts twice
// give the same rows. At the start, before anybody asks.
ledger::Result<Projected> project_acts(Catalog& catalog, const EvidenceLog& log);

}  // namespace yunjian::collector
